//! Memories of bytes between two exchanges: beats of vectors in, columns out.

use std::sync::Arc;

use super::FrontParams;
use crate::glue::{delays, valids};
use crate::rtl::{Expr, MemStyle, Module, ModuleBuilder, RtlError, cat, lit, mux, repeat, uint};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u64 = 64;

/// More memories than these are two halves of them.
const BANKS: u32 = 8;

impl FrontParams {
    /// Bytes of a memory: two blocks.
    fn depth(&self) -> u64 {
        // Two places at least, so that their number is a net.
        u64::from(2 * self.lanes() * self.max_column_beats.max(2))
    }
}

/// Ports: `clk`, `rst`, the write, the read, `column_valid`, `column`.
pub(super) fn transposer(p: &FrontParams) -> Result<Arc<Module>, RtlError> {
    let (w, pw, tw, s) = (p.bus_bits, p.place_bits(), p.lane_bits(), p.stages());
    let mut m = Module::new("pe_front_transposer").doc(format!(
        "Byte l of vector t lies in memory l xor t at address (place, half, t); column l takes byte t of it from memory\n\
         t xor l. What is written in a cycle is read by what is asked for in the next; a column comes {} cycles later.",
        2 * s + 1
    ));
    let clk = m.clock_reset("clk", "rst");
    let take = m.input("take", uint(1), "write");
    let beat = m.input("beat", uint(w), "a beat of a vector");
    let take_half = m.input("take_half", uint(1), "block");
    let take_place = m.input("take_place", uint(pw), "place of the beat in its vector");
    let take_vector = m.input("take_vector", uint(tw), "the vector in the block");
    let read = m.input("read", uint(1), "read");
    let half = m.input("half", uint(1), "block");
    let place = m.input("place", uint(pw), "place of the beat in the vectors");
    let lane = m.input("lane", uint(tw), "byte of it; 0 for a single beat");
    let axpy = m.input("axpy", uint(1), "a column, not a single beat");
    let vector_last = m.input("vector_last", uint(tw), "bytes above this one are 0");
    let column_valid = m.output("column_valid", uint(1), "");
    let column = m.output("column", uint(w), "");

    m.section("Beats to the memories");
    let exchanged = m.instance(
        "u_spread",
        &exchange(p, false)?,
        &clk,
        &[("in_bytes", &beat), ("select", &take_vector)],
    );
    let spread = exchanged.get("out_bytes");
    let address = m.wire("take_addr", cat([&take_place, &take_half, &take_vector]));
    let address = delays(&mut m, &clk, "take_addr", &address, s).remove(s as usize);
    let write = valids(&mut m, &clk, "take", &take, s).remove(s as usize);

    m.section("Reads, as late as the beats; the address is 0 in all memories for a single beat");
    let inverse = m.wire("inverse", !&lane & repeat(tw, &axpy));
    let asked = m.wire("asked", cat([&vector_last, &place, &half, &inverse, &lane]));
    let asked = delays(&mut m, &clk, "asked", &asked, s).remove(s as usize);
    let reads = valids(&mut m, &clk, "read", &read, 2 * s + 1);
    let lane = m.wire("lane_late", asked.element(0, tw));
    let inverse = m.wire("inverse_late", asked.element(1, tw));
    let block = m.wire("block", asked.bits(2 * tw + pw, 2 * tw));
    let vector_last = asked.bits(3 * tw + pw, 2 * tw + pw + 1);
    let memories = m.instance(
        "u_banks",
        &banks(p, p.lanes())?,
        &clk,
        &[
            ("write", &write),
            ("write_addr", &address),
            ("write_bytes", &spread),
            ("read", &reads[s as usize]),
            ("high", &block),
            ("straight", &lane),
            ("inverse", &inverse),
        ],
    );

    m.section("Bytes back to the order of the vectors");
    let lane = m.delay("select", &clk, None, &lane);
    let but_first = lit((1 << p.lanes()) - 2, p.lanes());
    let keep = m.delay("keep", &clk, None, !but_first.shl(vector_last));
    let keep = delays(&mut m, &clk, "keep", &keep, s - 1).remove(s as usize - 1);
    let gathered = m.instance(
        "u_gather",
        &exchange(p, true)?,
        &clk,
        &[
            ("in_bytes", &memories.get("bytes")),
            ("select", &lane),
            ("keep", &keep),
        ],
    );
    m.assign(&column, gathered.get("out_bytes"));
    m.assign(&column_valid, &reads[2 * s as usize + 1]);
    m.finish()
}

/// Ports: `clk`, `in_bytes`, `select`, with `blanks` `keep`; `out_bytes`.
fn exchange(p: &FrontParams, blanks: bool) -> Result<Arc<Module>, RtlError> {
    let (w, tw, s) = (p.bus_bits, p.lane_bits(), p.stages());
    let blank = if blanks { "_blank" } else { "" };
    let mut m = Module::new(format!("pe_front_exchange{blank}")).doc(format!(
        "Byte k of the output is byte k xor select of the input, {s} cycles later."
    ));
    let clk = m.clock("clk");
    let bytes = m.input("in_bytes", uint(w), "");
    let select = m.input("select", uint(tw), "with the bytes");
    let keep = blanks.then(|| {
        let doc = "one cycle before the output: bytes that are not 0";
        m.input("keep", uint(p.lanes()), doc)
    });
    let out = m.output("out_bytes", uint(w), "");

    let (mut bytes, mut select) = (bytes, select);
    let each = tw.div_ceil(s);
    for stage in 0..s {
        let levels = each * stage..tw.min(each * (stage + 1));
        for i in levels.clone() {
            let other = (0..p.lanes()).rev().map(|k| bytes.element(k ^ 1 << i, 8));
            let other = cat(&other.collect::<Vec<_>>());
            let bit = select.bit(i - levels.start);
            bytes = m.wire(&format!("level_{i}"), mux(bit, other, &bytes));
        }
        let end = levels.end - levels.start;
        if stage + 1 < s {
            let rest = select.bits(select.width() - 1, end);
            select = m.delay(&format!("select_{}", stage + 1), &clk, None, rest);
        } else if let Some(keep) = &keep {
            bytes = blanked(&mut m, p, &bytes, keep);
        }
        bytes = m.delay(&format!("bytes_{}", stage + 1), &clk, None, &bytes);
    }
    m.assign(&out, &bytes);
    m.finish()
}

/// A multiplexer and no gate, so that it becomes the reset of the register behind.
fn blanked(m: &mut ModuleBuilder, p: &FrontParams, bytes: &Expr, keep: &Expr) -> Expr {
    let kept = (0..p.lanes()).rev();
    let kept = kept.map(|k| mux(keep.bit(k), bytes.element(k, 8), lit(0, 8)));
    m.wire("kept", cat(&kept.collect::<Vec<_>>()))
}

/// `n` memories. Ports: `clk`, the write, the read, `bytes`.
fn banks(p: &FrontParams, n: u32) -> Result<Arc<Module>, RtlError> {
    let (low, aw) = (n.trailing_zeros(), p.place_bits() + 1 + p.lane_bits());
    let mut m = Module::new(format!("pe_front_banks{n}")).doc(format!(
        "{n} memories of bytes, written at one address; memory k is read where low bit i of the address is straight[i],\n\
         or inverse[i] if k has this bit."
    ));
    let clk = m.clock("clk");
    let write = m.input("write", uint(1), "");
    let write_addr = m.input("write_addr", uint(aw), "place, half, vector");
    let write_bytes = m.input("write_bytes", uint(8 * n), "a byte for each memory");
    let read = m.input("read", uint(1), "");
    let high = m.input("high", uint(aw - low), "address bits for all memories");
    let straight = m.input("straight", uint(low), "");
    let inverse = m.input("inverse", uint(low), "");
    let bytes = m.output("bytes", uint(8 * n), "one cycle later");
    let bit = |k: u32, i: u32| match k >> i & 1 {
        0 => straight.bit(i),
        _ => inverse.bit(i),
    };

    let mut parts = Vec::new();
    if n > BANKS {
        let half = banks(p, n / 2)?;
        for (k, name) in [(0, "low"), (n / 2, "high")] {
            let high = m.wire(&format!("high_{name}"), cat([&high, &bit(k, low - 1)]));
            let own = write_bytes.bits(8 * (k + n / 2) - 1, 8 * k);
            let u = m.instance(
                &format!("u_{name}"),
                &half,
                &clk,
                &[
                    ("write", &write),
                    ("write_addr", &write_addr),
                    ("write_bytes", &own),
                    ("read", &read),
                    ("high", &high),
                    ("straight", &straight.bits(low - 2, 0)),
                    ("inverse", &inverse.bits(low - 2, 0)),
                ],
            );
            parts.push(u.get("bytes"));
        }
    } else {
        let style = match p.depth() {
            ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
            _ => MemStyle::Block,
        };
        for k in 0..n {
            let mem = m.ram(&format!("bank_{k}"), 8, p.depth(), style, "");
            let own = write_bytes.element(k, 8);
            m.write(&mem, &clk, &write, &write_addr, own, None);
            let mut address = vec![high.clone()];
            address.extend((0..low).rev().map(|i| bit(k, i)));
            let name = format!("byte_{k}");
            parts.push(m.read_sync(&name, &mem, &clk, &read, cat(&address)));
        }
    }
    m.assign(&bytes, cat(parts.iter().rev()));
    m.finish()
}
