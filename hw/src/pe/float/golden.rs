//! Bit-exact golden functions of the float units, in plain integers: the specification of the hardware.

use super::{FloatFormat, HELD_BITS, QUIET_NAN, STREAM_BITS, StreamKind};
use crate::num::F32;

/// `floor(x / 2^places)`; a negative number of places multiplies.
fn floor_shift(x: i128, places: i32) -> i128 {
    match places {
        ..=0 => x << -places,
        1..=126 => x >> places,
        _ => x >> 126,
    }
}

/// `magnitude / 2^places` to the nearest integer, halves to even.
fn round_even(magnitude: u128, places: u32) -> u128 {
    if places == 0 {
        return magnitude;
    }
    let kept = magnitude >> places;
    let rest = magnitude - (kept << places);
    let half = 1 << (places - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

/// The 16-bit float nearest to `x`, ties to even; below the smallest normal number +0, above the largest finite one that.
#[must_use]
pub fn convert(format: FloatFormat, x: F32) -> u16 {
    let fraction_bits = format.fraction_bits();
    let largest = (1 << format.exponent_bits()) - 2;
    let significand = round_even(x.significand().into(), 23 - fraction_bits) as u32;
    // A carry out of the significand leaves a power of two: its fraction is zero in any case.
    let carry = significand >> (fraction_bits + 1);
    let fraction = significand & ((1 << fraction_bits) - 1);
    let exponent = x.exponent() as i32 - 127 + format.bias() as i32 + carry as i32;
    let magnitude = if x.is_zero() || exponent < 1 {
        return 0;
    } else if exponent > largest {
        ((largest as u32 + 1) << fraction_bits) - 1
    } else {
        (exponent as u32) << fraction_bits | fraction
    };
    (u16::from(x.sign()) << 15) | magnitude as u16
}

/// Sign, exponent field and significand with its leading one; the significand of zeros and subnormals is 0.
fn decode(format: FloatFormat, x: u16) -> (bool, i32, i64) {
    let fraction_bits = format.fraction_bits();
    let field = i32::from(x & 0x7fff) >> fraction_bits;
    let fraction = i64::from(x) & ((1 << fraction_bits) - 1);
    let significand = if field == 0 {
        0
    } else {
        fraction + (1 << fraction_bits)
    };
    (x >> 15 == 1, field, significand)
}

/// A block of lanes as integers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// `integer * 2^(exponent - (F - 1))` is the lane.
    pub integers: Vec<i64>,
    /// Block exponent E. Of a block of zeros it is one below the format's smallest exponent; of a poisoned block it
    /// means nothing.
    pub exponent: i8,
    /// All lanes are zero.
    pub zero: bool,
    /// A lane is infinite or not a number; the integers take its exponent for an ordinary one.
    pub poison: bool,
}

/// Aligns the lanes of a block to `magnitude_bits` (F) bits.
#[must_use]
pub fn align(format: FloatFormat, magnitude_bits: u32, lanes: &[u16]) -> Block {
    let decoded: Vec<_> = lanes.iter().map(|&x| decode(format, x)).collect();
    let top = decoded.iter().map(|&(_, field, _)| field).max();
    let top = top.unwrap_or(0);
    let integer = |&(negative, field, significand): &(bool, i32, i64)| {
        // The significand of the largest exponent fills the magnitude; half a unit before the shift rounds half up.
        let placed = i128::from(significand) << (magnitude_bits - 1 - format.fraction_bits());
        let doubled = floor_shift(2 * placed, top - field);
        let magnitude = ((doubled + 1) / 2) as i64;
        if negative { -magnitude } else { magnitude }
    };
    Block {
        integers: decoded.iter().map(integer).collect(),
        exponent: (top - format.bias() as i32) as i8,
        zero: top == 0,
        poison: top == (1 << format.exponent_bits()) - 1,
    }
}

/// A beat of the stream as operands of the array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operands {
    /// One operand for each of W / 8 slots.
    pub b0: Vec<i64>,
    /// Of nibbles the upper ones, of other kinds the same as `b0`.
    pub b1: Vec<i64>,
    pub exponent: i8,
    pub zero: bool,
    pub poison: bool,
}

/// Operands of a beat of W bits, W / 8 bytes: floats twice, in the lower and in the upper half of the slots; bytes in order;
/// of two nibbles of a byte the lower in `b0`, the upper in `b1`.
#[must_use]
pub fn stream_align(kind: StreamKind, beat: &[u8]) -> Operands {
    if let Some(format) = kind.float() {
        let lanes: Vec<u16> = beat
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect();
        let block = align(format, STREAM_BITS, &lanes);
        let twice = block.integers.repeat(2);
        return Operands {
            b0: twice.clone(),
            b1: twice,
            exponent: block.exponent,
            zero: block.zero,
            poison: block.poison,
        };
    }
    let place = |x: i8| i64::from(x) << kind.shift();
    let (b0, b1): (Vec<i64>, Vec<i64>) = beat
        .iter()
        .map(|&byte| match kind {
            StreamKind::Int4 | StreamKind::Int4Pair => {
                (place((byte << 4) as i8 >> 4), place(byte as i8 >> 4))
            }
            _ => (place(byte as i8), place(byte as i8)),
        })
        .unzip();
    Operands {
        b0,
        b1,
        exponent: kind.block_exponent().unwrap_or(0) as i8,
        zero: false,
        poison: false,
    }
}

/// A beat's sum of products: `sum * 2^(exponent - 41)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    pub sum: i64,
    pub exponent: i32,
    /// One of the blocks is zero.
    pub zero: bool,
    /// The streamed block is poisoned.
    pub poison: bool,
}

/// The sum of a vector so far: `sum * 2^(16 * scale - 21)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Accumulator {
    pub sum: i128,
    /// Of the largest exponent among the beats that are not zero; before there is one, of the last beat.
    pub scale: i32,
    pub poison: bool,
    /// A beat that is not zero has come.
    pub some: bool,
}

impl Accumulator {
    /// Takes a beat; a new vector begins with `Accumulator::default()`.
    #[must_use]
    pub fn plus(self, beat: Beat) -> Accumulator {
        let scale = beat.exponent >> 4;
        let poison = self.poison | beat.poison;
        if beat.zero {
            let scale = if self.some { self.scale } else { scale };
            return Accumulator {
                scale,
                poison,
                ..self
            };
        }
        let common = if self.some {
            scale.max(self.scale)
        } else {
            scale
        };
        // Steps of 16 that something moves down, three of which leave nothing.
        let moved = |x: i128, from: i32| match common - from {
            steps @ 0..=2 => floor_shift(x, 16 * steps),
            _ => 0,
        };
        let before = if self.some {
            moved(self.sum, self.scale)
        } else {
            0
        };
        let placed = floor_shift(beat.sum.into(), 20 - (beat.exponent & 15));
        Accumulator {
            sum: before + moved(placed, scale),
            scale: common,
            poison,
            some: true,
        }
    }
}

/// `sum * 2^(16 * scale - 21)` as finite fp32, or the quiet NaN.
#[must_use]
pub fn normalise(sum: i128, scale: i32, poison: bool) -> u32 {
    if poison {
        return QUIET_NAN;
    }
    if sum == 0 {
        return 0;
    }
    let magnitude = sum.unsigned_abs();
    let length = 128 - magnitude.leading_zeros();
    let significand = match length {
        25.. => round_even(magnitude, length - 24),
        _ => magnitude << (24 - length),
    };
    // The leading one of `magnitude` is worth 2^(length - 1 + 16 scale - 21).
    let carry = (significand >> 24) as i32;
    let exponent = length as i32 - 1 + 16 * scale - 21 + 127 + carry;
    let sign = u32::from(sum < 0) << 31;
    match exponent {
        ..=0 => 0,
        1..=254 => sign | (exponent as u32) << 23 | significand as u32 & 0x007f_ffff,
        255.. => sign | F32::MAX.0,
    }
}

/// Dot product of held numbers, which are rounded to `format` and aligned as one block, with elements of the stream: bit
/// patterns of floats, or integers in two's complement. `lanes` of them make a beat, the last may be shorter.
///
/// # Panics
/// If more lanes are asked for than a sum of 48 bits holds, or floats of two formats would meet.
#[must_use]
pub fn dot(
    format: FloatFormat,
    held: &[F32],
    kind: StreamKind,
    streamed: &[u16],
    lanes: usize,
) -> u32 {
    let most = kind.most_lanes() as usize;
    assert!((1..=most).contains(&lanes), "{lanes} lanes");
    assert!(kind.float().is_none_or(|f| f == format), "two formats");
    assert_eq!(held.len(), streamed.len());
    let held: Vec<u16> = held.iter().map(|&x| convert(format, x)).collect();
    let held = align(format, HELD_BITS, &held);
    let mut total = Accumulator::default();
    for (integers, streamed) in held.integers.chunks(lanes).zip(streamed.chunks(lanes)) {
        let streamed = match kind.float() {
            Some(format) => align(format, STREAM_BITS, streamed),
            None => Block {
                integers: streamed
                    .iter()
                    .map(|&i| i64::from(i as i16) << kind.shift())
                    .collect(),
                exponent: kind.block_exponent().unwrap_or(0) as i8,
                zero: false,
                poison: false,
            },
        };
        let products = integers.iter().zip(&streamed.integers);
        total = total.plus(Beat {
            sum: products.map(|(a, b)| a * b).sum(),
            exponent: i32::from(held.exponent) + i32::from(streamed.exponent),
            zero: held.zero | streamed.zero,
            poison: streamed.poison,
        });
    }
    normalise(total.sum, total.scale, total.poison)
}
