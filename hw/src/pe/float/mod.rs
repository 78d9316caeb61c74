//! Floats in the array: aligned once per operand to the exponent of their block, then multiplied and summed as integers.
//!
//! Contract
//! * A **block** is the lanes of one beat, or a whole held vector. [`align`] makes integers of it and one *block exponent* E, the largest exponent among its lanes that are not zero:
//!   `x = integer * 2^(E - (F - 1))`, |integer| < 2^F. F = 26 for held operands (the 27-bit port of a DSP48E2), F = 17
//!   for streamed ones (its 18-bit port). An integer is the lane rounded half away from zero, so it errs by at most half a
//!   unit, 2^(E - F); lanes whose exponent is within F - 11 (fp16) or F - 8 (bf16) of E are exact.
//! * **Numbers.** fp16 and bf16 as IEEE 754 has them, but subnormals read as zero. Held operands come from the machine's
//!   finite fp32 through [`convert`]: to nearest even; below the smallest normal number +0; overflow gives the largest
//!   finite number. An infinity or NaN in a streamed block *poisons* every vector that takes part: its result is the
//!   quiet NaN 0x7fc00000. Integers of the stream are exact, with an E of their own ([`StreamKind::block_exponent`]).
//! * **Beat.** P, the sum of products `held * streamed`, is exact in 48 bits for up to [`StreamKind::most_lanes`]
//!   products. Its value is `P * 2^(Eb - 41)`, Eb = E of the held + E of the streamed block.
//! * **Vector.** [`accumulate`] sums beats in fixed point, at a *scale* s that follows the largest Eb in steps of 16:
//!   the sum is `f * 2^(16 s - 21)`. A beat is placed at `floor(P * 2^(r - 20))` where Eb = 16 s + r; where s rises, the
//!   sum so far moves down by floor, and what would move three steps or more becomes 0. Steps of 16 leave one
//!   four-way multiplexer and one addition in the loop, so that it runs at the speed of the array.
//! * **Result.** [`normalise`] rounds to nearest even, once; overflow saturates, below 2^-126 it is +0.
//! * **Error.** With streamed a, held b, of a vector's beats n of `lanes` products each, Es the block exponent of a beat, Eh
//!   that of the held vector, and U = 2^(16 s - 21) of the largest Eb so far,
//!   `|result - exact| <= sum over beats [sum over lanes (|a| 2^(Eh-26) + |b| 2^(Es-17) + 2^(Es+Eh-43)) + (2 + n/64) U]`
//!   `+ half an ulp of the result`.
//!   U is at most 2^(Eb - 21) of that largest Eb, a sixteenth of the second term of its largest lane. For integers of the
//!   stream only the terms of |a| and U remain. The tests check it, and that the mean relative error of dot products
//!   of 64 and 128 stays below 0.12 %, what SkipOPU (arXiv 2603.14785) reports of its array.
//!
//! All modules are pipelines without reset and without handshake, as in [`crate::num`]: `en` moves all stages, one
//! set of operands a cycle, constant latency; the user carries valid bits beside them.
//!
//! | module | what | latency in enabled cycles |
//! |---|---|---|
//! | [`convert`] | finite fp32 to fp16 or bf16 | [`CONVERT_LATENCY`] |
//! | [`align`] | block of fp16 or bf16 to integers and block exponent | [`AlignParams::latency`] |
//! | [`stream_align`] | beat of floats or integers to operands of the 18-bit port | [`StreamParams::latency`] |
//! | [`accumulate`] | sums of beats to the sum of a vector | [`ACCUMULATE_LATENCY`] |
//! | [`normalise`] | sum of a vector to finite fp32 | [`NORMALISE_LATENCY`] |
//!
//! [`golden`] is each of them, and the whole ([`golden::dot`]), in plain integers.

mod accumulate;
pub(super) mod align;
mod convert;
mod format;
pub mod golden;
pub(super) mod lane;
mod normalise;
mod stream;
#[cfg(test)]
mod tests;

pub use accumulate::{ACCUMULATE_LATENCY, AccumulateParams, accumulate};
pub use align::{AlignParams, align};
pub use convert::{CONVERT_LATENCY, convert};
pub use format::{FloatFormat, Formats, StreamKind};
pub use normalise::{NORMALISE_LATENCY, normalise};
pub use stream::{StreamParams, stream_align};

/// Magnitude bits of an aligned held operand: the signed 27-bit port of a DSP48E2.
pub const HELD_BITS: u32 = 26;
/// Magnitude bits of an aligned streamed operand: the signed 18-bit port of a DSP48E2.
pub const STREAM_BITS: u32 = 17;
/// Bits of the sum of a beat.
pub const SUM_BITS: u32 = 48;
/// Bits of a signed block exponent.
pub const EXPONENT_BITS: u32 = 8;
/// Bits of the signed exponent of a beat's sum.
pub const BEAT_EXPONENT_BITS: u32 = EXPONENT_BITS + 1;
/// Bits of the signed scale of an accumulator, which counts steps of 2^16.
pub const SCALE_BITS: u32 = BEAT_EXPONENT_BITS - 4;
/// The result of a poisoned vector.
pub const QUIET_NAN: u32 = 0x7fc0_0000;
