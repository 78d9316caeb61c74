//! Bit-exact golden arithmetic: add, multiply, comparison and conversion of finite fp32.
//!
//! These functions are the specification of the hardware. They share no code with it and are written
//! for being obviously right: an exact (or sticky) wide integer, then one rounding step.

use super::F32;

/// Rounds `(-1)^negative * significand * 2^lsb_exponent` to finite fp32.
///
/// A significand that stands for a longer one may have its lowest bit set for "something below", as
/// long as that bit lies at least two places under the 24 bits that are kept.
fn round(negative: bool, lsb_exponent: i32, significand: u64) -> F32 {
    if significand == 0 {
        return F32::ZERO;
    }
    let shift = significand.leading_zeros();
    let normalised = significand << shift;
    let kept = normalised >> 40;
    let rest = normalised & ((1 << 40) - 1);
    let half = 1 << 39;
    let up = rest > half || (rest == half && kept & 1 == 1);
    let rounded = kept + u64::from(up);
    // `kept` counts units of 2^(lsb_exponent - shift + 40) and has its leading one at bit 23.
    let exponent = lsb_exponent - shift as i32 + 40 + 150;
    if rounded == 1 << 24 {
        pack(negative, exponent + 1, 0)
    } else {
        pack(negative, exponent, rounded as u32 & 0x007f_ffff)
    }
}

/// Applies underflow and overflow to an already rounded number with biased exponent `exponent`.
pub(super) fn pack(negative: bool, exponent: i32, fraction: u32) -> F32 {
    let sign = u32::from(negative) << 31;
    match exponent {
        ..=0 => F32::ZERO,
        1..=254 => F32(sign | (exponent as u32) << 23 | fraction),
        255.. => F32(sign | F32::MAX.0),
    }
}

/// The value of `x` as a result: zero for exponent 0, the largest finite number for exponent 255.
#[must_use]
pub fn pass(x: F32) -> F32 {
    pack(x.sign(), x.exponent() as i32, x.0 & 0x007f_ffff)
}

/// `a + b`.
#[must_use]
pub fn add(a: F32, b: F32) -> F32 {
    /// Room under the significands: with more than two places, a sticky bit rounds correctly even
    /// when the difference loses its leading bit.
    const GUARD: u32 = 30;
    let (big, small) = if a.exponent() >= b.exponent() {
        (a, b)
    } else {
        (b, a)
    };
    let distance = big.exponent() - small.exponent();
    let signed = |x: F32, magnitude: u64| {
        if x.sign() {
            -(magnitude as i64)
        } else {
            magnitude as i64
        }
    };
    let unshifted = u64::from(small.significand()) << GUARD;
    let aligned = unshifted.checked_shr(distance).unwrap_or(0);
    let lost = aligned.checked_shl(distance).unwrap_or(0) != unshifted;
    let sum = signed(big, u64::from(big.significand()) << GUARD)
        + signed(small, aligned | u64::from(lost));
    round(
        sum < 0,
        big.exponent() as i32 - 150 - GUARD as i32,
        sum.unsigned_abs(),
    )
}

/// `a * b`.
#[must_use]
pub fn mul(a: F32, b: F32) -> F32 {
    let product = u64::from(a.significand()) * u64::from(b.significand());
    let lsb_exponent = a.exponent() as i32 + b.exponent() as i32 - 300;
    round(a.sign() != b.sign(), lsb_exponent, product)
}

/// The greater of two values.
#[must_use]
pub fn max(a: F32, b: F32) -> F32 {
    // Sign-magnitude order: the magnitude bits of floats order like integers.
    let key = |x: F32| {
        let magnitude = if x.is_zero() {
            0
        } else {
            i64::from(x.0 & 0x7fff_ffff)
        };
        if x.sign() { -magnitude } else { magnitude }
    };
    pass(if key(a) >= key(b) { a } else { b })
}

/// `|x|`.
#[must_use]
pub fn abs(x: F32) -> F32 {
    pass(F32(x.0 & 0x7fff_ffff))
}

/// `-x`; of zero, zero.
#[must_use]
pub fn neg(x: F32) -> F32 {
    pass(F32(x.0 ^ 0x8000_0000))
}

/// `max(x, 0)`.
#[must_use]
pub fn relu(x: F32) -> F32 {
    if x.sign() { F32::ZERO } else { pass(x) }
}

/// The float nearest to `x`, ties to even.
#[must_use]
pub fn from_i32(x: i32) -> F32 {
    round(x < 0, 0, u64::from(x.unsigned_abs()))
}

/// The integer nearest to `x`, ties to even, saturating at the ends of `i32`.
#[must_use]
pub fn to_i32(x: F32) -> i32 {
    let significand = u64::from(x.significand());
    let magnitude = match x.exponent() as i32 - 150 {
        // 24 bits shifted by more than 8 reach 2^32: beyond either end.
        9.. => 1 << 32,
        left @ 0..=8 => significand << left,
        right @ -25..=-1 => {
            let shift = -right as u32;
            let kept = significand >> shift;
            let rest = significand & ((1 << shift) - 1);
            let half = 1 << (shift - 1);
            kept + u64::from(rest > half || (rest == half && kept & 1 == 1))
        }
        // Less than a quarter.
        _ => 0,
    };
    let value = if x.sign() {
        -(magnitude as i64)
    } else {
        magnitude as i64
    };
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// The integer nearest to `x`, ties to even, clamped to `-127..=127` (symmetric int8).
#[must_use]
pub fn to_i8(x: F32) -> i8 {
    to_i32(x).clamp(-127, 127) as i8
}
