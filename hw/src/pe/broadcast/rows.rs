//! Sums of beats of all rows, and their way out.

use std::sync::Arc;

use super::{BroadcastParams, LANE_BITS, LIFT};
use crate::glue::valids;
use crate::pe::float::{
    ACCUMULATE_LATENCY, BEAT_EXPONENT_BITS, NORMALISE_LATENCY, SCALE_BITS, accumulate, normalise,
};
use crate::rtl::{
    Clock, Expr, Module, ModuleBuilder, RtlError, any, bits_for, cat, lit, mux, one, uint,
};

/// Cycles from the last beat's sums to row 0: accumulator, held sum, chosen row, result.
pub(super) const LATENCY: u32 = ACCUMULATE_LATENCY + 2 + NORMALISE_LATENCY;

/// Bits of what a beat brings besides its sums, in one word: exponent, poison, zero, first, valid from the bottom up.
pub(super) const BEAT_BITS: u32 = BEAT_EXPONENT_BITS + 4;
/// Bits of a sum's scale with its poison above it.
const SCALE_WORD: u32 = SCALE_BITS + 1;

/// Sum of signed terms, one more bit and one register for each factor of two.
fn join(m: &mut ModuleBuilder, clk: &Clock, name: &str, mut terms: Vec<Expr>) -> Expr {
    let (mut stage, mut bits) = (0, LANE_BITS);
    while terms.len() > 1 {
        (stage, bits) = (stage + 1, bits + 1);
        terms = terms
            .chunks(2)
            .enumerate()
            .map(|(i, two)| {
                let sum = match two {
                    [x, y] => x.extend(bits) + y.extend(bits),
                    _ => two[0].extend(bits),
                };
                m.delay(&format!("{name}_sum{stage}_{i}"), clk, None, sum)
            })
            .collect();
    }
    terms.remove(0)
}

/// Ports: `clk`; `sums`, two rows of slice s at 44 s; the `beat`'s word; `done`, which holds the sums; `held`, the two; `scale`.
fn pair(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let slices = p.slices();
    let unit = accumulate(&p.accumulate())?;
    let bits = p.accumulate().sum_bits();
    let mut m = Module::new(format!("pe_broadcast_pair_s{slices}_n{}", p.max_beats)).doc(format!(
        "Two rows: the sums of {slices} chains joined and summed over the beats of a vector; `done` holds them.\n\
         The beat's word comes {} cycles behind the sums of the chains, `done` {ACCUMULATE_LATENCY} behind the last word.",
        p.join_stages()
    ));
    let clk = m.clock("clk");
    let sums = m.input(
        "sums",
        uint(2 * LANE_BITS * slices),
        "two rows of slice s at 44 s",
    );
    let beat = m.input(
        "beat",
        uint(BEAT_BITS),
        "valid, first, zero, poison, exponent",
    );
    let done = m.input("done", uint(1), "the vector is complete");
    let held = m.output("held", uint(2 * bits), "held sums, the lower row low");
    let scale = m.output("scale", uint(SCALE_WORD), "poison and scale of both");
    let exponent = beat.bits(BEAT_EXPONENT_BITS - 1, 0).signed();
    let [poison, zero, first, valid] = [0, 1, 2, 3].map(|k| beat.bit(BEAT_EXPONENT_BITS + k));
    let enable = one();
    let mut rows = Vec::new();
    for (row, name) in (0..).zip(["low", "high"]) {
        let terms = (0..slices).map(|s| {
            let term = sums.element(2 * s + row, LANE_BITS).signed();
            m.wire(&format!("{name}{s}"), term)
        });
        let terms = terms.collect();
        let sum = join(&mut m, &clk, name, terms);
        let sum = m.wire(&format!("{name}_beat"), sum.extend(48 - LIFT));
        let lifted = cat([&sum, &lit(0, LIFT)]).signed();
        let inputs = [
            ("en", &enable),
            ("valid", &valid),
            ("first", &first),
            ("zero", &zero),
            ("poison", &poison),
            ("exponent", &exponent),
            ("p", &lifted),
        ];
        let u = m.instance(&format!("u_{name}"), &unit, &clk, &inputs);
        let sum = m.delay(&format!("{name}_held"), &clk, Some(&done), u.get("sum"));
        rows.push(sum.unsigned());
        let word = cat([&u.get("sum_poison"), &u.get("scale").unsigned()]);
        if row == 0 {
            m.assign(&scale, word);
        } else {
            m.comment("As of the other row: they depend on exponents alone.");
            m.unused(word);
        }
    }
    m.assign(&held, cat(rows.iter().rev()));
    m.finish()
}

/// Ports: `clk`; `sums`, row r of slice s at 22 (R s + r); the `beat`'s word; `done`; `held`, the sums of all rows; `scale`.
pub(super) fn rows(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (r, slices, bits) = (p.rows, p.slices(), p.accumulate().sum_bits());
    let name = format!("pe_broadcast_rows_r{r}_s{slices}_n{}", p.max_beats);
    let mut m = Module::new(name).doc(format!("Sums of vectors in {r} rows, two by two."));
    let clk = m.clock("clk");
    let sums = m.input(
        "sums",
        uint(LANE_BITS * r * slices),
        "row r of slice s at 22 (R s + r)",
    );
    let beat = m.input(
        "beat",
        uint(BEAT_BITS),
        "of the sums, when the chains are joined",
    );
    let done = m.input("done", uint(1), "the vector is complete");
    let held = m.output("held", uint(bits * r), "its sums");
    let scale = m.output("scale", uint(SCALE_WORD), "poison and scale of all");
    let unit = pair(p)?;
    let (mut rows, mut scales) = (Vec::new(), Vec::new());
    for j in 0..r / 2 {
        let own = (0..slices).map(|s| sums.element(r / 2 * s + j, 2 * LANE_BITS));
        let own = cat(own.collect::<Vec<_>>().iter().rev());
        let inputs = [("sums", &own), ("beat", &beat), ("done", &done)];
        let u = m.instance(&format!("u_pair{j}"), &unit, &clk, &inputs);
        rows.push(u.get("held"));
        scales.push(u.get("scale"));
    }
    m.assign(&held, cat(rows.iter().rev()));
    m.comment("All rows have the same.");
    m.assign(&scale, scales.remove(0));
    if !scales.is_empty() {
        m.unused(cat(&scales));
    }
    m.finish()
}

/// Ports: `clk`, `rst`; `ends`, at a vector's last beat; `held` and `scale`, and `done` for them; `y_valid`, `y`.
pub(super) fn drain(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (r, bits) = (p.rows, p.accumulate().sum_bits());
    let mut m = Module::new(format!("pe_broadcast_drain_r{r}_w{bits}")).doc(format!(
        "Held sums of {r} rows as fp32, a row a cycle, row 0 {LATENCY} cycles behind `ends`.",
    ));
    let clk = m.clock_reset("clk", "rst");
    let ends = m.input("ends", uint(1), "a vector's last beat enters the rows");
    let held = m.input(
        "held",
        uint(bits * r),
        "its sums, from the cycle behind done",
    );
    let scale = m.input("scale", uint(SCALE_WORD), "poison and scale, with done");
    let done = m.output("done", uint(1), "hold the sums");
    let y_valid = m.output("y_valid", uint(1), "");
    let y = m.output("y", uint(32), "fp32; rows in order");

    m.section("Which row leaves");
    let late = ACCUMULATE_LATENCY;
    let complete = valids(&mut m, &clk, "ends", &ends, late).remove(late as usize);
    m.assign(&done, &complete);
    let busy = m.reg_init("busy", uint(1), 0);
    let row_bits = bits_for(u64::from(r) - 1);
    let row = m.reg_init("row", uint(row_bits), 0);
    let final_row = m.wire("final_row", row.is(u64::from(r) - 1));
    m.assert(
        "vectors_far_enough",
        &clk,
        any([&!&complete, &!&busy, &final_row]),
    );
    m.clocked(&clk, |b| {
        b.when(any([&complete, &busy]), |b| {
            b.set(&busy, any([&complete, &!&final_row]));
            b.set(&row, mux(&complete, lit(0, row_bits), row.plus(1)));
        });
    });

    m.section("Result");
    let arms = (0..r).map(|k| (k.into(), held.element(k, bits)));
    let chosen = m.case("chosen", &row, arms, lit(0, bits));
    let chosen = m.delay("chosen_q", &clk, None, chosen.signed());
    let scale = m.delay("scale_held", &clk, Some(&complete), scale);
    let scale = m.delay("scale_q", &clk, None, scale);
    let inputs = [
        ("en", &one()),
        ("sum", &chosen),
        ("scale", &scale.bits(SCALE_BITS - 1, 0).signed()),
        ("poison", &scale.bit(SCALE_BITS)),
    ];
    let u = m.instance("u_normalise", &normalise(bits)?, &clk, &inputs);
    m.assign(&y, u.get("y"));
    let late = 1 + NORMALISE_LATENCY;
    let valid = valids(&mut m, &clk, "busy", &busy, late).remove(late as usize);
    m.assign(&y_valid, valid);
    m.finish()
}
