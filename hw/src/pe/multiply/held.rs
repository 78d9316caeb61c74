//! Operands of two rows that stay: one memory for each two lanes, so that each is read when its chain wants it.

use std::sync::Arc;

use super::PeParams;
use crate::pe::array::A_BITS;
use crate::rtl::{ByteEnable, Expr, MemStyle, Module, RtlError, all, cat, one, repeat, uint};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u32 = 64;

/// Bits of a byte of whole operands: block memories have nine to a write enable.
const BYTE: u32 = A_BITS / 3;

/// Ports: `clk`, `low_we`, `high_we`, with floats `parts`, `wr_addr`, `data`; `addr`, one address for each two lanes; `a`,
/// operands of the chains one cycle later.
pub(super) fn held(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (lanes, aw, bits) = (p.macs(), p.held_addr_bits(), p.lane_operand_bits());
    let whole = bits == A_BITS;
    let mut m = Module::new("pe_held").doc(format!(
        "Operands of two rows for {lanes} lanes, {} beats of them.{}",
        p.held_depth(),
        match p.shared_multipliers() {
            true => {
                " Of codes an operand is low + high 2^19; high is one less\n\
                 where low is negative, and so stands ready."
            }
            false => "",
        }
    ));
    let clk = m.clock("clk");
    let low_we = m.input("low_we", uint(1), "write the lower code");
    let high_we = m.input("high_we", uint(1), "write the upper code");
    let parts = whole.then(|| m.input("parts", uint(p.parts()), "of these lanes"));
    let wr_addr = m.input("wr_addr", uint(aw), "");
    let data = m.input("data", uint(bits * lanes), "operands");
    let addr = m.input(
        "addr",
        uint(aw * lanes / 2),
        "beats to read, one each two lanes",
    );
    let a_bits = if p.shared_multipliers() { A_BITS } else { 16 };
    let a = m.output("a", uint(a_bits * lanes), "operands, one cycle later");

    let style = match p.held_depth() {
        ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
        _ => MemStyle::Block,
    };
    let enable = m.wire("enable", &low_we | &high_we);
    let bytes = if whole {
        let one = cat([&high_we, &repeat(2, &low_we)]);
        cat([&one, &one])
    } else {
        cat([&repeat(2, &high_we), &repeat(2, &low_we)])
    };
    let bytes = m.wire("bytes", bytes);
    let mut operands: Vec<Expr> = Vec::new();
    for g in 0..lanes / 2 {
        let depth = p.held_depth().into();
        let mem = m.ram(&format!("lanes{g}"), 2 * bits, depth, style, "");
        let word = match whole {
            true => data.element(g, 2 * bits),
            // Both lower codes, then both upper ones: a byte each.
            false => {
                let byte = |k: u32| data.element(4 * g + k, 8);
                cat([&byte(3), &byte(1), &byte(2), &byte(0)])
            }
        };
        let word = m.wire(&format!("word{g}"), word);
        let here = match &parts {
            Some(parts) => all([&enable, &parts.bit(2 * g / p.part())]),
            None => enable.clone(),
        };
        let byte_enable = ByteEnable {
            enable: bytes.clone(),
            width: if whole { BYTE } else { 8 },
        };
        m.write(&mem, &clk, here, &wr_addr, word, Some(byte_enable));
        let here = addr.element(g, aw);
        let held = m.read_sync(&format!("operands{g}"), &mem, &clk, one(), here);
        if whole {
            operands.push(held);
            continue;
        }
        for lane in 0..2 {
            let (low, high) = (held.element(lane, 8), held.element(2 + lane, 8));
            let sign = held.bit(8 * lane + 7);
            operands.push(match p.shared_multipliers() {
                true => cat([&high, &repeat(11, sign), &low]),
                false => cat([&high, &low]),
            });
        }
    }
    m.assign(&a, cat(operands.iter().rev()));
    m.finish()
}
