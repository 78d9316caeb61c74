//! Bit-exact golden exp, reciprocal and reciprocal square root.
//!
//! One integer datapath serves the three; only the reduction of the argument to (7-bit index, 17-bit
//! offset, result exponent) differs. All widths below are those of the hardware.
//!
//! ```text
//! d     = offset - 2^16                   17 bits signed, t = d / 2^16
//! slope = c1 + ((c2 * d) >> 16)           13 x 17 multiplier, floor; 21 bits signed
//! y     = ((c0 << 16) + slope * d) >> 20  21 x 17 multiplier, floor; 2^23 ..= 2^24
//! ```
//!
//! `y / 2^24` is the result's significand in `[1/2, 1]`: `c0` contains the half unit that makes the last
//! floor a rounding. `y = 2^24` is one binade up.
//!
//! | function | index | offset | biased exponent |
//! |---|---|---|---|
//! | exp | fraction bits 23:17 of `z` | fraction bits 16:0 of `z` | `127 + floor(z)` |
//! | recip | fraction bits 22:16 of `x` | fraction bits 15:0 of `x`, times 2 | `253 - e` |
//! | rsqrt | `!e[0]`, fraction bits 22:17 of `x` | fraction bits 16:0 of `x` | `(380 - e) >> 1` |
//!
//! where `e` is the biased exponent of `x` and `z = x log2(e)` as a signed fixed-point number with 24
//! fraction bits, made in [`reduce_exp`].
//!
//! | function | largest error against f64 | over |
//! |---|---|---|
//! | exp | 0.94 ulp | every `x` with magnitude in `[1/4, 1)`, one in 61 elsewhere |
//! | recip | 0.84 ulp | every significand |
//! | rsqrt | 1.30 ulp | every significand of two binades |
//!
//! All three are monotonic over the same arguments, and exact where the result is a power of two
//! (`exp(0)`, reciprocals of powers of two, reciprocal roots of powers of four).

use super::F32;
use super::golden::{pack, pass};
use super::table::{Func, LOG2_E, SEGMENTS, table};

/// The function selected by `func` of `x`.
#[must_use]
pub fn func(func: Func, x: F32) -> F32 {
    match func {
        Func::Exp => exp(x),
        Func::Recip => recip(x),
        Func::Rsqrt => rsqrt(x),
        Func::Pass => pass(x),
    }
}

/// `e^x`. `exp(0)` is 1; from `x > 88.72` on the result is the largest finite number, below
/// `x < -87.34` it is zero.
#[must_use]
pub fn exp(x: F32) -> F32 {
    match reduce_exp(x) {
        Some(z) => {
            let fraction = z as u32 & 0x00ff_ffff;
            let exponent = (z >> 24) as i32 + 127;
            evaluate(
                Func::Exp,
                fraction >> 17,
                fraction & 0x1_ffff,
                false,
                exponent,
            )
        }
        None if x.sign() => F32::ZERO,
        None => F32::MAX,
    }
}

/// `1 / x`; of zero, the largest finite number.
#[must_use]
pub fn recip(x: F32) -> F32 {
    if x.is_zero() {
        return F32::MAX;
    }
    let fraction = x.0 & 0x007f_ffff;
    let exponent = 253 - x.exponent() as i32;
    evaluate(
        Func::Recip,
        fraction >> 16,
        (fraction & 0xffff) << 1,
        x.sign(),
        exponent,
    )
}

/// `1 / sqrt(x)`; of zero and of negative numbers, the largest finite number.
#[must_use]
pub fn rsqrt(x: F32) -> F32 {
    if x.is_zero() || x.sign() {
        return F32::MAX;
    }
    let fraction = x.0 & 0x007f_ffff;
    // An even biased exponent is an odd power of two: the argument lies in [2, 4).
    let upper = (x.exponent() & 1) ^ 1;
    let exponent = (380 - x.exponent() as i32) >> 1;
    evaluate(
        Func::Rsqrt,
        upper << 6 | fraction >> 17,
        fraction & 0x1_ffff,
        false,
        exponent,
    )
}

/// `x * log2(e)` rounded to 24 fraction bits (ties away from zero), or None for `|x| >= 128`.
///
/// ```text
/// p = significand * LOG2_E         24 x 33 bits, 57 bits
/// s = (p >> 24) >> (133 - e)       33 bits with 25 fraction bits
/// z = (s + 1) >> 1                 x positive; 33 bits signed
/// z = !((s - 1) >> 1)              x negative: the same adder and an inversion
/// ```
#[must_use]
pub fn reduce_exp(x: F32) -> Option<i64> {
    let product = u64::from(x.significand()) * LOG2_E;
    let top = (product >> 24) as i64;
    let shift = 133 - x.exponent() as i32;
    if shift < 0 {
        return None;
    }
    let scaled = top >> shift.min(33);
    Some(if x.sign() {
        !((scaled - 1) >> 1)
    } else {
        (scaled + 1) >> 1
    })
}

/// Evaluates the quadratic of a piece and packs the result.
fn evaluate(func: Func, index: u32, offset: u32, negative: bool, exponent: i32) -> F32 {
    let c = table()[func as usize * SEGMENTS + index as usize];
    let d = i64::from(offset) - (1 << 16);
    let slope = i64::from(c.c1) + ((i64::from(c.c2) * d) >> 16);
    let y = ((i64::from(c.c0) << 16) + slope * d) >> 20;
    let carry = i32::from(y >= 1 << 24);
    // At y = 2^24 the fraction bits are zero, whichever binade they are read in.
    pack(negative, exponent + carry, y as u32 & 0x007f_ffff)
}
