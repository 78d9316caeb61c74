//! Table look-up on UltraScale+ without DSP48E2: what a design needs those for stays free, or the device has few.
//!
//! Why it is small
//! * Look-ups as in [`super::table`]. Sums are of three operands in one carry chain (`adder`), entries are unsigned so that
//!   no sign is extended (`tree`), and the accumulator is an operand of the last adder.
//! * An adder a group that makes tables would cost as much as two of its look-ups. A few walkers make them ahead of time into
//!   block RAM (`builder`); all tables are then copied at one code a cycle.
//! * Q may be 1 or 2: eight readers of a table are then of more groups. Filling weighs less where row tiles are many, and
//!   the accumulator's adder where groups are many.
//!
//! Timing. Codes, look-up, a level of the tree and the last adder are one cycle each. Tables for a K tile must be made within
//! the words of the one before, else words wait; [`product_cycles`] has both. A product's first tables are made before its
//! first word. That hides behind the product before if the next one starts at `may_start`, a port that only this core has.

mod adder;
mod builder;
mod row;
mod sequence;
mod tree;
mod vector;
mod words;

use std::sync::Arc;

use self::builder::{build_cycles, builder};
use self::sequence::{copy_slots, sequence};
use self::tree::plan;
use self::vector::{reader_rows, vector};
use super::lookup::codes;
use super::{CoreParams, Reduction, flip_flops, rules};
use crate::glue::valids;
use crate::rtl::{Expr, Module, RtlError, cat, clog2, uint};

/// Cycles from the codes of a word at the look-ups to its sums, beside the tree: term, last adder.
const AROUND_TREE: u32 = 2;

/// Cycles between the last word of a product and the filling of the next product's tables.
const BETWEEN: u64 = 2;

/// Row tiles that can follow a raised `hold`.
pub(super) fn latency(p: &CoreParams) -> u32 {
    plan(p.groups, p.acc_bits()).map_or(0, |plan| plan.depth()) + AROUND_TREE + 1
}

/// Cycles of a product of `k_tiles` x `row_tiles` weight words when none is waited for and products follow each other: each K
/// tile fills its tables and takes its words, while the next one's tables are made.
pub(super) fn product_cycles(p: &CoreParams, k_tiles: u64, row_tiles: u64) -> u64 {
    k_tiles * (row_tiles + copy_slots(p.code)).max(build_cycles(p)) + BETWEEN
}

/// The core (contract in [`super`]), with one port more: `may_start` tells that `start` is taken before `idle`.
/// `act_half`, `k_tiles` and `row_tiles` are read at `start` only, and at most one bit of `act_we` may be set.
///
/// # Errors
/// Parameters that break a rule, with the nearest legal value.
pub fn fabric_core(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    rules::check("tlmm_core", rules::distributed(p, Reduction::Fabric))?;
    let plan = plan(p.groups, p.acc_bits()).ok_or_else(|| RtlError {
        module: "tlmm_core".into(),
        faults: vec![format!("T = {}: the bias can not be taken off", p.groups)],
    })?;
    let mut m = Module::new("tlmm_core").doc(format!(
        "Ternary matrix core: {} groups of {} weights times {} rows times {} vectors a cycle, by table look-up\n\
         in distributed RAM, sums in carry chains. Sums leave {} cycles behind their last weight word.",
        p.groups,
        p.group(),
        p.rows,
        p.batch,
        latency(p)
    ));
    let ports = super::ports(&mut m, p);
    let may_start = m.output("may_start", uint(1), "`start` is taken, also before `idle`");
    let clk = ports.clk.clone();

    m.section("Order");
    let (made, free) = (m.wire_decl("made", uint(1)), m.wire_decl("free", uint(1)));
    let seq = m.instance(
        "u_sequence",
        &sequence(p)?,
        &clk,
        &[
            ("start", &ports.start),
            ("k_tiles", &ports.k_tiles),
            ("row_tiles", &ports.row_tiles),
            ("hold", &ports.hold),
            ("w_valid", &ports.w_valid),
            ("made", &made),
            ("free", &free),
        ],
    );
    m.assign(&ports.w_ready, seq.get("w_ready"));
    m.assign(&ports.w_last, seq.get("w_last"));
    let build = m.instance(
        "u_builder",
        &builder(p)?,
        &clk,
        &[
            ("act_we", &ports.act_we),
            ("act_addr", &ports.act_addr),
            ("act_data", &ports.act_data),
            ("start", &ports.start),
            ("act_half", &ports.act_half),
            ("act_tiles", &ports.act_tiles),
            ("k_tiles", &ports.k_tiles),
            ("free", &free),
            ("made", &made),
        ],
    );
    m.assign(&may_start, !(build.get("busy") | seq.get("waiting")));

    let (fill, fill_code) = (seq.get("fill"), seq.get("fill_code"));
    let readers = reader_rows(p);
    let is_writer = |at: u32| {
        let (q, t) = (at / p.groups, at % p.groups);
        q % readers == readers - 1 && t % (8 / readers) == 8 / readers - 1
    };
    let codes = codes(&mut m, &clk, &ports.w_data, (&fill, &fill_code), is_writer)?;
    let write = m.reg_init("write", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&write, &fill);
    });
    m.comment("Codes that no walk reaches must keep their first contents: nothing is written before the first reset.");
    let write = m.wire("write_tables", &write & !&clk.rst);
    let copy_addr = m.wire("copy_addr", cat([&seq.get("fill_half"), &fill_code]));

    m.section("Vectors");
    let n = plan.depth() + AROUND_TREE;
    let of_word = ["row", "first", "last", "final_row"].map(|name| seq.get(name));
    let of_word = m.wire("of_word", cat(of_word.iter().rev()));
    m.note(&of_word, "final row tile, last, first K tile, row tile");
    let of_words = flip_flops(&mut m, &clk, "of_word", &of_word, n);
    let rw = clog2(p.max_row_tiles.into());
    let (now, before) = (&of_words[n as usize], &of_words[n as usize - 1]);
    let (read_row, write_row) = (
        of_words[n as usize - 3].bits(rw - 1, 0),
        now.bits(rw - 1, 0),
    );
    let keep = m.wire("keep", !before.bit(rw));
    m.unused(now.bit(rw));
    let (last, final_row) = (now.bit(rw + 1), now.bit(rw + 2));
    let takes = valids(&mut m, &clk, "take", &seq.get("take"), n);
    let take = &takes[n as usize];
    let module = vector(p, &plan)?;
    let blocks = p.groups / p.act_lanes;
    let sums: Vec<Expr> = (0..p.batch)
        .map(|b| {
            let store_we = build.get("store_we").element(b, blocks);
            let inputs = [
                ("store_we", &store_we),
                ("store_addr", &build.get("store_addr")),
                ("entries", &build.get("entries")),
                ("copy_addr", &copy_addr),
                ("write", &write),
                ("codes", &codes),
                ("read_row", &read_row),
                ("keep", &keep),
                ("take", take),
                ("write_row", &write_row),
            ];
            m.instance(&format!("u_vector{b}"), &module, &clk, &inputs)
                .get("sums")
        })
        .collect();

    m.section("Sums leave");
    let leaving = m.wire("leaving", take & &last);
    let ending = m.wire("ending", &leaving & &final_row);
    m.assign(&ports.sum_valid, &leaving);
    m.assign(&ports.sum_data, cat(sums.iter().rev()));
    m.assign(&ports.sum_last, &final_row);
    let products = m.reg_init("products", uint(2), 0);
    m.note(&products, "started and not ended");
    m.clocked(&clk, |b| {
        b.when(&ports.start & !&ending, |b| {
            b.set(&products, products.plus(1));
        })
        .elif(!&ports.start & &ending, |b| {
            b.set(&products, products.minus(1));
        });
    });
    m.assign(&ports.idle, products.is(0));
    m.finish()
}
