//! What an instruction asks for: checks, its K tiles, and whether it reads what the one in front writes.

use std::sync::Arc;

use super::TlmmParams;
use super::acts::MORE_BITS;
use crate::glue::ceil_shift;
use crate::rtl::{Expr, Module, RtlError, all, any, bits_for, cat, lit, mux, one, uint, zero};
use crate::scratchpad::{COUNT_BITS, RANGE_BITS, vector_ranges};

/// Ports: `clk`, `rst`; pulse `start` with `dst`, `src`, `k`, `nt`, `more`, `dst_stride`, `src_stride` stable from then on;
/// `done` from the end until the next start, then `bad`, `info`, `k_tiles` and `row_tiles` (minus one), the ranges
/// `reads`, `writes` (first, end) and `wide` (they are larger than can be said).
pub(super) fn operands(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let core = p.core_params();
    let (kw, kb) = (core.tile_bits(), bits_for(p.max_k.into()));
    let mut m = Module::new("tlmm_operands").doc(format!(
        "K tiles of {} activations by long division, a bit a cycle; ranges by adding the strides meanwhile.",
        p.tile_k()
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse");
    let [dst, src, k, nt, more, dst_stride, src_stride] =
        ["dst", "src", "k", "nt", "more", "dst_stride", "src_stride"]
            .map(|name| m.input(name, uint(32), "operand, stable"));
    let done = m.output("done", uint(1), "those below are valid");
    let bad = m.output("bad", uint(1), "an operand is refused");
    let info = m.output("info", uint(32), "it");
    let k_tiles = m.output("k_tiles", uint(kw), "minus one");
    let reads = m.output("reads", uint(2 * RANGE_BITS), "words: first, end");
    let writes = m.output("writes", uint(2 * RANGE_BITS), "words: first, end");
    let wide = m.output("wide", uint(1), "the ranges do not fit");

    m.section("Limits");
    let out = |x: &Expr, most: u32| x.is(0) | x.gt(lit(most.into(), 32));
    let bad_k = m.wire("bad_k", out(&k, p.max_k));
    let bad_nt = m.wire("bad_nt", out(&nt, p.max_row_tiles));
    let bad_more = m.wire("bad_more", more.ge(lit(p.batch.into(), 32)));
    m.assign(&bad, any([&bad_k, &bad_nt, &bad_more]));
    m.assign(&info, mux(&bad_k, &k, mux(&bad_nt, &nt, &more)));

    m.section("floor((K - 1) / K tile)");
    let divisor = u64::from(p.tile_k()) << (kw - 1);
    let width = bits_for(2 * divisor - 1).max(kb);
    let rest = m.reg("rest", uint(width));
    let quotient = m.reg("quotient", uint(kw));
    let step_bits = bits_for(kw.into());
    let steps = m.reg_init("steps", uint(step_bits), 0);
    m.note(&steps, "bits to come");
    let fits = m.wire("fits", rest.ge(lit(divisor, width)));
    let less = m.wire("less", mux(&fits, rest.minus(divisor), &rest));
    let dividing = m.wire("dividing", steps.ne(lit(0, step_bits)));
    m.unused(less.bit(width - 1));

    m.section("Ranges");
    let shift = (4 * p.lanes).trailing_zeros();
    let src_words = ceil_shift(&mut m, "src_words", &k.bits(kb - 1, 0), shift, COUNT_BITS);
    let nt_bits = bits_for(p.max_row_tiles.into());
    let sums = m.wire(
        "sums",
        nt.bits(nt_bits - 1, 0) * lit(p.rows.into(), bits_for(p.rows.into())),
    );
    let lane_shift = p.lanes.trailing_zeros();
    let dst_words = ceil_shift(&mut m, "dst_words", &sums, lane_shift, COUNT_BITS);
    let more_low = more.bits(MORE_BITS - 1, 0);
    let ranges = m.instance(
        "u_ranges",
        &vector_ranges(MORE_BITS)?,
        &clk,
        &[
            ("start", &start),
            ("src", &src),
            ("dst", &dst),
            ("src_words", &src_words),
            ("dst_words", &dst_words),
            ("src_stride", &src_stride),
            ("dst_stride", &dst_stride),
            ("more", &more_low),
        ],
    );
    let active = m.reg_init("active", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&rest, k.bits(kb - 1, 0).minus(1).extend(width));
            b.set(&steps, lit(kw.into(), step_bits));
            b.set(&active, one());
        })
        .otherwise(|b| {
            b.when(&dividing, |b| {
                b.set(&rest, cat([&less.bits(width - 2, 0), &zero()]));
                let up = match kw {
                    1 => fits.clone(),
                    _ => cat([&quotient.bits(kw - 2, 0), &fits]),
                };
                b.set(&quotient, up);
                b.set(&steps, steps.minus(1));
            });
        });
    });
    m.assign(&done, all([&active, &!&dividing, &ranges.get("done")]));
    m.assign(&k_tiles, &quotient);
    for (port, name) in [(&reads, "reads"), (&writes, "writes"), (&wide, "wide")] {
        m.assign(port, ranges.get(name));
    }
    m.finish()
}
