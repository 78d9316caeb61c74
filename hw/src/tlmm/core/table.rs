//! Table look-up on UltraScale+: distributed RAM and DSP48E2, hardly any logic beside them.
//!
//! Why it is small
//! * A full table of 32 codes fills a LUT RAM; two bits of one read port are one look-up table, ten bits five. The eighth
//!   look-up table of a SLICEM, whose address is also the write address, is a read port too, because a table
//!   is never read while it is written: that needs one multiplexer of five bits for eight readers.
//! * Four rows of one group are the four lanes of a DSP48E2, so that one takes eight look-ups; two lanes of 24 bits
//!   then sum along the columns. Rows, not groups, share a table, hence Q is a multiple of 4 and T of 8.
//! * Tables are made by a walk: an accumulating DSP48E2 for four groups, whose operand comes straight from block RAM.
//!
//! Timing. A chain of DSP48E2 adds one stage a cycle, so that stage i sees codes, writes and walk i cycles later; the
//! second half of a stage one more. With two chains the shorter ends one cycle before the longer, whose
//! last sum the accumulator then adds. A K tile costs as many cycles as a table has codes beside its weight words.

use std::sync::Arc;

use super::lookup::{codes, lanes};
use super::sequence::{fill_slots, sequence};
use super::stage::{Place, STAGE_GROUPS, stage};
use super::{CoreParams, Reduction, flip_flops, rules};
use crate::glue::valids;
use crate::rtl::{Expr, MemStyle, Module, RtlError, cat, clog2, lit, one, uint};
use crate::vendor::{Dsp48Ports, Simd};

/// Stages from which on two chains are shorter than one.
const ONE_CHAIN: u32 = 3;

/// Cycles from the codes at a stage to its sum in the chain.
const STAGE_LATENCY: u32 = 5;

/// A chain: its stages, and how many cycles its first one waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Chain {
    first: u32,
    stages: u32,
    wait: u32,
}

/// The chains: the first one ends in the accumulator's cascade input, the other, one cycle earlier, at its C input.
fn chains(p: &CoreParams) -> Vec<Chain> {
    let stages = p.groups / STAGE_GROUPS;
    if stages <= ONE_CHAIN {
        return vec![Chain {
            first: 0,
            stages,
            wait: 0,
        }];
    }
    let long = stages / 2 + 1;
    let short = stages - long;
    vec![
        Chain {
            first: 0,
            stages: long,
            wait: 0,
        },
        Chain {
            first: long,
            stages: short,
            wait: long - 1 - short,
        },
    ]
}

/// Cycles from the slot of a word to the last sum of the first chain.
fn chain_latency(p: &CoreParams) -> u32 {
    STAGE_LATENCY + chains(p)[0].stages
}

/// Row tiles that can follow a raised `hold`.
pub(super) fn latency(p: &CoreParams) -> u32 {
    chain_latency(p) + 1
}

/// Cycles of a product of `k_tiles` x `row_tiles` weight words (at least 8 row tiles) when none is waited for and the first table's making hid behind
/// the product before: each K tile fills its tables, then takes its words.
pub(super) fn product_cycles(p: &CoreParams, k_tiles: u64, row_tiles: u64) -> u64 {
    k_tiles * (row_tiles + fill_slots(p.code))
}

/// The core (contract in [`super`]).
///
/// # Errors
/// Parameters that break a rule, with the nearest legal value.
pub fn table_core(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    rules::check("tlmm_core", rules::distributed(p, Reduction::Dsp))?;
    let chains = chains(p);
    let mut m = Module::new("tlmm_core").doc(format!(
        "Ternary matrix core: {} groups of {} weights times {} rows times {} vectors a cycle, by table look-up\n\
         in distributed RAM, sums in {} chains of DSP48E2. Sums leave {} cycles behind their last weight word.",
        p.groups,
        p.group(),
        p.rows,
        p.batch,
        chains.len(),
        latency(p)
    ));
    let ports = super::ports(&mut m, p);
    let clk = ports.clk.clone();

    m.section("Order");
    let seq = m.instance(
        "u_sequence",
        &sequence(p)?,
        &clk,
        &[
            ("start", &ports.start),
            ("act_half", &ports.act_half),
            ("act_tiles", &ports.act_tiles),
            ("k_tiles", &ports.k_tiles),
            ("row_tiles", &ports.row_tiles),
            ("hold", &ports.hold),
            ("w_valid", &ports.w_valid),
        ],
    );
    m.assign(&ports.w_ready, seq.get("w_ready"));
    m.assign(&ports.w_last, seq.get("w_last"));

    let (fill, fill_code) = (seq.get("fill"), seq.get("fill_code"));
    // The last of four rows, the second of a pair of groups.
    let is_writer = |at: u32| (at / p.groups) % 4 == 3 && (at % p.groups) % 2 == 1;
    let codes = codes(&mut m, &clk, &ports.w_data, (&fill, &fill_code), is_writer)?;
    let write = m.reg_init("write", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&write, &fill);
    });

    m.section("Skew: stage i of a chain is i cycles late, the second half of a stage one more");
    let most = chains.iter().map(|c| c.wait + c.stages).max().unwrap_or(1);
    let writes = valids(&mut m, &clk, "write", &write, most);
    m.comment("Codes that no walk reaches must stay zero: nothing is written before the first reset has been clocked.");
    let writes: Vec<Expr> = writes
        .iter()
        .enumerate()
        .map(|(k, w)| m.wire(&format!("write_at_{k}"), w & !&clk.rst))
        .collect();
    let addrs = flip_flops(&mut m, &clk, "addr", &seq.get("addr"), most);
    let steers = flip_flops(&mut m, &clk, "steer", &seq.get("steer"), most);

    m.section("Stages");
    let mut last_sums: Vec<Vec<Vec<Expr>>> = vec![Vec::new(); p.batch as usize];
    for (c, chain) in chains.iter().enumerate() {
        let mut before: Vec<Vec<Expr>> = vec![Vec::new(); p.batch as usize];
        for i in 0..chain.stages {
            let (s, late) = (chain.first + i, chain.wait + i);
            let halves: Vec<Expr> = (0..2)
                .map(|h| {
                    let of: Vec<Expr> = (0..p.rows)
                        .flat_map(|q| (0..4).map(move |g| (q, g)))
                        .map(|(q, g)| codes.element(q * p.groups + 8 * s + 4 * h + g, 5))
                        .collect();
                    let name = format!("codes_s{s}h{h}");
                    let now = m.wire(&name, cat(of.iter().rev()));
                    flip_flops(&mut m, &clk, &name, &now, late + h)
                        .pop()
                        .unwrap_or(now)
                })
                .collect();
            let place = Place {
                first: i == 0,
                to_fabric: c == 1 && i + 1 == chain.stages,
            };
            let module = stage(p, place)?;
            for b in 0..p.batch {
                let block = (b * p.groups + 8 * s) / p.act_lanes;
                let act_we = ports.act_we.bit(block);
                let acts = ports.act_data.element(s % (p.act_lanes / 8), 64);
                let pcins: Vec<String> = (0..p.rows / 2).map(|k| format!("pcin{k}")).collect();
                let late = late as usize;
                let mut inputs = vec![
                    ("act_we", &act_we),
                    ("act_addr", &ports.act_addr),
                    ("act_data", &acts),
                    ("write0", &writes[late]),
                    ("codes0", &halves[0]),
                    ("addr0", &addrs[late]),
                    ("steer0", &steers[late]),
                    ("write1", &writes[late + 1]),
                    ("codes1", &halves[1]),
                    ("addr1", &addrs[late + 1]),
                    ("steer1", &steers[late + 1]),
                ];
                let sums = before[b as usize].clone();
                inputs.extend(pcins.iter().map(String::as_str).zip(&sums));
                let u = m.instance(&format!("u_v{b}_s{s}"), &module, &clk, &inputs);
                before[b as usize] = (0..p.rows / 2).map(|k| u.get(&format!("sum{k}"))).collect();
            }
        }
        last_sums
            .iter_mut()
            .zip(before)
            .for_each(|(all, sums)| all.push(sums));
    }

    m.section("Accumulators: read, add the chains' sums, write back");
    let n = chain_latency(p);
    let rows = flip_flops(&mut m, &clk, "row", &seq.get("row"), n);
    let firsts = flip_flops(&mut m, &clk, "first", &seq.get("first"), n - 2);
    let lasts = flip_flops(&mut m, &clk, "last", &seq.get("last"), n);
    let finals = flip_flops(&mut m, &clk, "final_row", &seq.get("final_row"), n);
    let takes = valids(&mut m, &clk, "take", &seq.get("take"), n);
    let at = |v: &[Expr], back: u32| v[(n - back) as usize].clone();
    let module = accumulators(p, last_sums[0].len() == 2)?;
    let sums: Vec<Expr> = last_sums
        .iter()
        .enumerate()
        .map(|(b, sums)| {
            let names: Vec<(String, String)> = (0..p.rows / 2)
                .map(|k| (format!("pcin{k}"), format!("c{k}")))
                .collect();
            let (read_row, keep) = (at(&rows, 3), !at(&firsts, 2));
            let (we, write_row) = (at(&takes, 0), at(&rows, 0));
            let mut inputs = vec![
                ("read_row", &read_row),
                ("keep", &keep),
                ("write", &we),
                ("write_row", &write_row),
            ];
            for (k, (pcin, c)) in names.iter().enumerate() {
                inputs.push((pcin, &sums[0][k]));
                if let Some(other) = sums.get(1) {
                    inputs.push((c, &other[k]));
                }
            }
            m.instance(&format!("u_v{b}_sums"), &module, &clk, &inputs)
                .get("sums")
        })
        .collect();
    let leaving = m.wire("leaving", at(&takes, 0) & at(&lasts, 0));
    let ending = m.wire("ending", &leaving & at(&finals, 0));
    m.assign(&ports.sum_valid, &leaving);
    m.assign(&ports.sum_data, cat(sums.iter().rev()));
    m.assign(&ports.sum_last, at(&finals, 0));
    let idle = m.reg_init("idle_q", uint(1), 1);
    m.clocked(&clk, |b| {
        b.set(&idle, (&idle | &ending) & !&ports.start);
    });
    m.assign(&ports.idle, &idle);
    m.finish()
}

/// Accumulators of one vector. Ports: `clk`; `read_row` 3 cycles and `keep` 2 cycles before the sums that come on `pcin<k>`
/// (and one cycle earlier on `c<k>`) have been added; `write`, `write_row`, `sums` (Q sums) in that cycle.
fn accumulators(p: &CoreParams, two_chains: bool) -> Result<Arc<Module>, RtlError> {
    let a = p.acc_bits();
    let mut m = Module::new("tlmm_accumulators").doc(format!(
        "Sums of {} rows over the K tiles so far: block RAM and one DSP48E2 for two rows. A row comes again after\n         the tables have been filled, long after it was written.",
        p.rows
    ));
    let clk = m.clock("clk");
    let rw = clog2(p.max_row_tiles.into());
    let read_row = m.input("read_row", uint(rw), "row tile to read");
    let keep = m.input("keep", uint(1), "add to it; low in the first K tile");
    let write = m.input("write", uint(1), "write back");
    let write_row = m.input("write_row", uint(rw), "");
    let pcins: Vec<Expr> = (0..p.rows / 2)
        .map(|k| m.input(&format!("pcin{k}"), uint(48), "sums of two rows"))
        .collect();
    let cs: Vec<Expr> = (0..if two_chains { p.rows / 2 } else { 0 })
        .map(|k| m.input(&format!("c{k}"), uint(48), "sums of the other chain"))
        .collect();
    let out = m.output("sums", uint(a * p.rows), "Q sums");
    let mem = m.ram(
        "kept",
        a * p.rows,
        p.max_row_tiles.into(),
        MemStyle::Block,
        "Q sums of each row tile",
    );
    let old = m.read_sync("old", &mem, &clk, one(), &read_row);
    let y = lit(if two_chains { 3 } else { 0 }, 2);
    let opmode = m.wire("opmode", cat([&lit(0b00_001, 5), &y, &keep, &keep]));
    m.note(
        &opmode,
        "W 0, Z PCIN, Y C if there are two chains, X A:B or 0",
    );
    let none = lit(0, 48);
    let mut sums = Vec::new();
    for k in 0..p.rows / 2 {
        let two: Vec<Expr> = (0..2).map(|l| old.element(2 * k + l, a)).collect();
        let ab = lanes(&mut m, &format!("old{k}"), &two, Simd::Two24);
        let ports = Dsp48Ports {
            clk: &clk.clk,
            ab: &ab,
            c: cs.get(k as usize).unwrap_or(&none),
            pcin: &pcins[k as usize],
            opmode: &opmode,
            alumode: &lit(0, 4),
            enable: &one(),
        };
        let u = m.dsp48e2(&format!("u_sum{k}"), Simd::Two24, 1, &ports);
        m.unused(u.get("PCOUT"));
        let sum = u.get("P");
        for l in 0..2 {
            sums.push(sum.bits(24 * l + a - 1, 24 * l));
            if a < 24 {
                m.unused(sum.bits(24 * l + 23, 24 * l + a));
            }
        }
    }
    let total = m.wire("total", cat(sums.iter().rev()));
    m.write(&mem, &clk, &write, &write_row, &total, None);
    m.assign(&out, &total);
    m.finish()
}
