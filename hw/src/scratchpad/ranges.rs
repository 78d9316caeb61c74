//! Words that an instruction reads and writes, for units that begin one before the one in front has ended.

use std::sync::Arc;

use super::{ADDR_BITS, COUNT_BITS};
use crate::rtl::{Expr, Module, RtlError, any, cat, lit, mux, one, uint};

/// Bits of an address in a range: the largest scratchpad and its end. What needs more counts as overlapping all.
pub const RANGE_BITS: u32 = 17;

/// `vector_ranges`: the words of 1 + more vectors. Ports: `clk`, `rst`; pulse `start` with `src`, `dst`, `src_words`, `dst_words`,
/// `src_stride`, `dst_stride`, `more` (of `more_bits`) stable from then on; `done` from the end until the next start, then the
/// ranges `reads`, `writes` (first word, end) and `wide` (they are larger than can be said). Takes 1 + more cycles.
///
/// # Errors
/// A fault of the description itself.
pub fn vector_ranges(more_bits: u32) -> Result<Arc<Module>, RtlError> {
    let r = RANGE_BITS;
    let mut m = Module::new(format!("vector_ranges_m{more_bits}"))
        .doc("Words of 1 + more vectors: the end moves by a stride for each further one.");
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse");
    let src = m.input("src", uint(ADDR_BITS), "first word that is read; stable");
    let dst = m.input("dst", uint(ADDR_BITS), "first word that is written; stable");
    let src_words = m.input("src_words", uint(COUNT_BITS), "of a vector; stable");
    let dst_words = m.input("dst_words", uint(COUNT_BITS), "of a vector; stable");
    let src_stride = m.input(
        "src_stride",
        uint(ADDR_BITS),
        "from vector to vector; stable",
    );
    let dst_stride = m.input(
        "dst_stride",
        uint(ADDR_BITS),
        "from vector to vector; stable",
    );
    let more = m.input("more", uint(more_bits), "vectors minus one; stable");
    let done = m.output("done", uint(1), "those below are valid");
    let reads = m.output("reads", uint(2 * r), "words: first, end");
    let writes = m.output("writes", uint(2 * r), "words: first, end");
    let wide = m.output("wide", uint(1), "the ranges do not fit");

    let left = m.reg_init("left", uint(more_bits), 0);
    m.note(&left, "strides to add");
    let adding = m.wire("adding", left.ne(lit(0, more_bits)));
    let over = m.reg("over", uint(1));
    m.note(&over, "an end does not fit");
    let low = |x: &Expr| x.bits(r - 1, 0);
    let mut ends = Vec::new();
    for (name, first, words, stride) in [
        ("src_end", &src, &src_words, &src_stride),
        ("dst_end", &dst, &dst_words, &dst_stride),
    ] {
        let end = m.reg(name, uint(r));
        let operand = mux(&start, words.extend(r), low(stride));
        let operand = m.wire(&format!("{name}_add"), operand);
        let from = mux(&start, low(first), &end);
        let sum = from.extend(r + 1) + operand.extend(r + 1);
        let sum = m.wire(&format!("{name}_sum"), sum);
        ends.push((end, sum));
    }
    let high = |x: &Expr| x.bits(ADDR_BITS - 1, r).reduce_or();
    let strides = (high(&dst_stride) | high(&src_stride)) & more.ne(lit(0, more_bits));
    let far = m.wire("far", any([&high(&dst), &high(&src), &strides]));
    let carry = m.wire("carry", ends[0].1.bit(r) | ends[1].1.bit(r));
    let active = m.reg_init("active", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&left, &more);
            b.set(&over, &far | &carry);
            b.set(&active, one());
        })
        .elif(&adding, |b| {
            b.set(&left, left.minus(1));
            b.set(&over, &over | &carry);
        });
        b.when(&start | &adding, |b| {
            for (end, sum) in &ends {
                b.set(end, low(sum));
            }
        });
    });
    m.assign(&done, &active & !&adding);
    m.assign(&reads, cat([&ends[0].0, &low(&src)]));
    m.assign(&writes, cat([&ends[1].0, &low(&dst)]));
    m.assign(&wide, &over);
    m.finish()
}

/// Whether two ranges share a word.
pub fn overlap(a: &Expr, b: &Expr) -> Expr {
    let r = RANGE_BITS;
    let first = |x: &Expr| x.bits(r - 1, 0);
    let end = |x: &Expr| x.bits(2 * r - 1, r);
    first(a).lt(end(b)) & first(b).lt(end(a))
}
