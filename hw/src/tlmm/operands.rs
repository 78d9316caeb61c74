//! What an instruction asks for: checks, its K tiles, and whether it reads what the one in front writes.

use std::sync::Arc;

use super::TlmmParams;
use super::acts::MORE_BITS;
use crate::glue::ceil_shift;
use crate::rtl::{Expr, Module, RtlError, any, bits_for, cat, lit, mux, one, uint, zero};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS};

/// Bits of an address in a range: the largest scratchpad and its end. What needs more counts as overlapping all.
pub(super) const RANGE_BITS: u32 = 17;

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

    m.section("Ranges: the ends move by a stride for each further vector");
    let shift = (4 * p.lanes).trailing_zeros();
    let src_words = ceil_shift(&mut m, "src_words", &k.bits(kb - 1, 0), shift, COUNT_BITS);
    let nt_bits = bits_for(p.max_row_tiles.into());
    let sums = m.wire(
        "sums",
        nt.bits(nt_bits - 1, 0) * lit(p.rows.into(), bits_for(p.rows.into())),
    );
    let lane_shift = p.lanes.trailing_zeros();
    let dst_words = ceil_shift(&mut m, "dst_words", &sums, lane_shift, COUNT_BITS);
    let r = RANGE_BITS;
    let vectors = m.reg_init("vectors", uint(MORE_BITS), 0);
    m.note(&vectors, "strides to add");
    let adding = m.wire("adding", vectors.ne(lit(0, MORE_BITS)));
    let over = m.reg("over", uint(1));
    m.note(&over, "an end does not fit");
    let low = |x: &Expr| x.bits(r - 1, 0);
    let mut ends = Vec::new();
    for (name, first, words, stride) in [
        ("src_end", &src, &src_words, &src_stride),
        ("dst_end", &dst, &dst_words, &dst_stride),
    ] {
        let end = m.reg(name, uint(r));
        let operand = m.wire(
            &format!("{name}_add"),
            mux(&start, words.extend(r), low(stride)),
        );
        let from = mux(&start, low(first), &end);
        let sum = m.wire(
            &format!("{name}_sum"),
            from.extend(r + 1) + operand.extend(r + 1),
        );
        ends.push((end, sum));
    }
    let high = |x: &Expr| x.bits(ADDR_BITS - 1, r).reduce_or();
    let strides = (high(&dst_stride) | high(&src_stride)) & more.ne(lit(0, 32));
    let far = m.wire("far", high(&dst) | high(&src) | strides);
    let carry = m.wire(
        "carry",
        any(ends
            .iter()
            .map(|(_, s)| s.bit(r))
            .collect::<Vec<_>>()
            .iter()),
    );
    let active = m.reg_init("active", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&rest, k.bits(kb - 1, 0).minus(1).extend(width));
            b.set(&steps, lit(kw.into(), step_bits));
            b.set(&vectors, more.bits(MORE_BITS - 1, 0));
            b.set(&over, &far | &carry);
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
            b.when(&adding, |b| {
                b.set(&vectors, vectors.minus(1));
                b.set(&over, &over | &carry);
            });
        });
        b.when(&start | &adding, |b| {
            for (end, sum) in &ends {
                b.set(end, low(sum));
            }
        });
    });
    m.assign(&done, &active & !&dividing & !&adding);
    m.assign(&k_tiles, &quotient);
    m.assign(&reads, cat([&ends[0].0, &low(&src)]));
    m.assign(&writes, cat([&ends[1].0, &low(&dst)]));
    m.assign(&wide, &over);
    m.finish()
}

/// Whether two ranges of [`operands`] share a word.
pub(super) fn overlap(a: &Expr, b: &Expr) -> Expr {
    let r = RANGE_BITS;
    let first = |x: &Expr| x.bits(r - 1, 0);
    let end = |x: &Expr| x.bits(2 * r - 1, r);
    first(a).lt(end(b)) & first(b).lt(end(a))
}
