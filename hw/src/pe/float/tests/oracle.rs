//! Golden functions of single units against rustc_apfloat and host floats.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_apfloat::ieee::{BFloat, Half, Quad, Single};
use rustc_apfloat::{Float, FloatConvert};

use super::super::golden::{Accumulator, Beat, align, convert, normalise, stream_align};
use super::super::*;
use super::value;
use crate::num::{CORNERS, F32};

/// What `x` becomes in `format`: apfloat rounds the significand, moved to [1, 2) where nothing under- or overflows.
fn converted(format: FloatFormat, x: F32) -> f64 {
    if x.is_zero() {
        return 0.0;
    }
    let one = Single::from_bits(u128::from(x.0 & 0x807f_ffff | 127 << 23));
    let lossy = &mut false;
    let bits = match format {
        FloatFormat::Fp16 => FloatConvert::<Half>::convert(one, lossy).value.to_bits(),
        FloatFormat::Bf16 => FloatConvert::<BFloat>::convert(one, lossy).value.to_bits(),
    };
    let rounded = value(format, bits as u16) * 2f64.powi(x.exponent() as i32 - 127);
    let largest = value(format, (1 << 15) - 1 - (1 << format.fraction_bits()));
    if rounded.abs() < 2f64.powi(1 - format.bias() as i32) {
        0.0
    } else {
        rounded.clamp(-largest, largest)
    }
}

#[test]
fn convert_of_all_results_and_their_neighbours() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for format in FloatFormat::ALL {
        let check = |bits: u32| {
            let got = convert(format, F32(bits));
            assert_eq!(
                value(format, got),
                converted(format, F32(bits)),
                "{bits:08x}"
            );
            assert!(
                got != 0x8000 && value(format, got).is_finite(),
                "{bits:08x}"
            );
        };
        // All values of the format as fp32, the middles between them, and what is next to both.
        let step = 1 << (22 - format.fraction_bits());
        for k in 0..1u32 << 16 {
            let bits = match format {
                FloatFormat::Fp16 => (k << 16 & 1 << 31) | ((k & 0x7fff) + (112 << 10)) << 13,
                FloatFormat::Bf16 => k << 16,
            };
            for offset in [0, 1, step - 1, step, step + 1, 2 * step - 1] {
                check(bits.wrapping_add(offset));
            }
        }
        for bits in CORNERS {
            check(bits);
            check(bits | 1 << 31);
        }
        (0..500_000).for_each(|_| check(rng.random()));
    }
}

/// Each pattern alone, and under blocks of every larger exponent: the host rounds halves away from zero too.
#[test]
fn align_of_every_pattern() {
    for (format, bits) in FloatFormat::ALL
        .into_iter()
        .flat_map(|f| [(f, HELD_BITS), (f, STREAM_BITS)])
    {
        let fraction_bits = format.fraction_bits();
        let infinite = (1u16 << format.exponent_bits()) - 1;
        for x in 0..=u16::MAX {
            let field = (x & 0x7fff) >> fraction_bits;
            let alone = align(format, bits, &[x]);
            assert_eq!(alone.zero, field == 0, "{x:04x}");
            assert_eq!(alone.poison, field == infinite, "{x:04x}");
            if alone.poison {
                continue;
            }
            // A block of zeros has the exponent of a field of 0, where subnormals would be.
            assert_eq!(
                i32::from(alone.exponent),
                i32::from(field) - format.bias() as i32
            );
            let tops = (field..infinite).step_by(match format {
                FloatFormat::Fp16 => 1,
                FloatFormat::Bf16 => 7,
            });
            for top in tops.filter(|&top| top > 0) {
                let block = align(format, bits, &[x, top << fraction_bits]);
                let unit = i32::from(top) - format.bias() as i32 - (bits as i32 - 1);
                let want = (value(format, x) * 2f64.powi(-unit)).round();
                assert_eq!(block.integers[0] as f64, want, "{x:04x} under {top}");
                assert_eq!(block.integers[1], 1 << (bits - 1));
            }
        }
    }
}

#[test]
fn operands_are_their_elements() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for kind in StreamKind::ALL {
        for _ in 0..1000 {
            let beat: [u8; 8] = rng.random();
            let got = stream_align(kind, &beat);
            let unit = 2f64.powi(i32::from(got.exponent) - 16);
            for (slot, (&b0, &b1)) in got.b0.iter().zip(&got.b1).enumerate() {
                let (even, odd) = match kind {
                    StreamKind::Int8 | StreamKind::Int8Pair => {
                        let byte = f64::from(beat[slot] as i8);
                        (byte, byte)
                    }
                    StreamKind::Int4 | StreamKind::Int4Pair => {
                        let signed = |n: u8| f64::from(n) - if n > 7 { 16.0 } else { 0.0 };
                        (signed(beat[slot] % 16), signed(beat[slot] / 16))
                    }
                    // Rounding of floats has its own test: what is left here is where they go.
                    StreamKind::Fp16 | StreamKind::Bf16 => {
                        assert_eq!(b0, got.b0[slot % 4]);
                        assert_eq!(b1, b0);
                        continue;
                    }
                };
                assert_eq!(
                    (b0 as f64 * unit, b1 as f64 * unit),
                    (even, odd),
                    "{kind:?}"
                );
            }
            assert!(got.b0.iter().chain(&got.b1).all(|b| b.abs() < 1 << 17));
        }
    }
}

#[test]
fn normalise_rounds_as_apfloat() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for k in 0..400_000 {
        let length = rng.random_range(1..64);
        let mut sum = i128::from(rng.random::<i64>() >> (64 - length));
        // Ties and their neighbours.
        if k % 2 == 0 && length > 26 {
            let low = length - 26;
            sum = (sum >> low << low) + rng.random_range(-1..=1);
        }
        let scale = rng.random_range(-16..16);
        // 24 bits are rounded where the exponent has room, then the range is looked at.
        let wide: Quad = Quad::from_i128(sum).value;
        let single: Single = wide.convert(&mut false).value;
        let rounded = f64::from(f32::from_bits(single.to_bits() as u32));
        let exact = rounded * 2f64.powi(16 * scale - 21);
        let want = if exact.abs() < f64::from(f32::MIN_POSITIVE) {
            0
        } else {
            let largest = f64::from(f32::MAX);
            (exact.clamp(-largest, largest) as f32).to_bits()
        };
        assert_eq!(normalise(sum, scale, false), want, "{sum} at {scale}");
    }
    assert_eq!(normalise(0, 0, false), 0);
    assert_eq!(normalise(5, 0, true), QUIET_NAN);
}

fn beat(sum: i64, exponent: i32) -> Beat {
    Beat {
        sum,
        exponent,
        zero: false,
        poison: false,
    }
}

#[test]
fn accumulator_moves_in_steps_of_sixteen() {
    let start = Accumulator::default();
    // 2^-41 of exponent 15 is 2^-26: at the unit 2^-21 a thirty-second, and floor takes it down.
    assert_eq!(start.plus(beat(31, 15)).sum, 0);
    assert_eq!(start.plus(beat(32, 15)).sum, 1);
    assert_eq!(start.plus(beat(-1, 15)).sum, -1);
    let one = start.plus(beat(1 << 20, 0));
    assert_eq!((one.sum, one.scale), (1, 0));
    // A higher beat moves the sum, a lower one moves itself; three steps leave nothing, not even a sign.
    let million = start.plus(beat(-1 << 40, 0));
    assert_eq!(million.sum, -1 << 20);
    assert_eq!(million.plus(beat(0, 16)).sum, -1 << 4);
    assert_eq!(million.plus(beat(0, 47)).sum, -1);
    assert_eq!(million.plus(beat(0, 48)).sum, 0);
    let high = start.plus(beat(1 << 20, 32)).plus(beat(-1 << 40, 16));
    assert_eq!((high.sum, high.scale), (1 - (1 << 4), 2));
    assert_eq!(start.plus(beat(0, 48)).plus(beat(-1 << 40, 0)).sum, 0);
    // Zero beats change neither sum nor scale, but poison counts.
    let zero = Beat {
        zero: true,
        poison: true,
        ..beat(0, 200)
    };
    let after = one.plus(zero);
    assert_eq!((after.sum, after.scale, after.poison), (1, 0, true));
    assert_eq!(start.plus(zero).plus(beat(1 << 20, -16)).scale, -1);
}
