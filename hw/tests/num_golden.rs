//! Golden finite fp32 against three oracles: native f32/f64, rustc_apfloat, and f64 functions.
#![allow(clippy::unwrap_used)]

use hw::num::golden::{abs, add, from_i32, max, mul, neg, pass, relu, to_i8, to_i32};
use hw::num::golden_func::{exp, func, recip, reduce_exp, rsqrt};
use hw::num::table::Func;
use hw::num::{CORNERS, F32};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_apfloat::ieee::Single;
use rustc_apfloat::{Float, Round, Status};

fn corners() -> impl Iterator<Item = F32> + Clone {
    CORNERS
        .into_iter()
        .flat_map(|bits| [F32(bits), F32(bits | 1 << 31)])
}

/// A pair of operands: half the time uniform bits, else exponents close together so that
/// cancellation, ties and carries happen often, a quarter of those with few significant bits.
fn pair(rng: &mut ChaCha8Rng) -> (F32, F32) {
    let (a, b): (u32, u32) = (rng.random(), rng.random());
    if rng.random() {
        return (F32(a), F32(b));
    }
    let near = ((a >> 23 & 0xff) as i32 + rng.random_range(-27..=27)).clamp(0, 255) as u32;
    let b = b & 0x807f_ffff | near << 23;
    let mask = if rng.random_range(0..4) == 0 {
        0xfff8_0000
    } else {
        u32::MAX
    };
    (F32(a & mask), F32(b & (mask | 3)))
}

fn pairs(seed: u64, count: usize) -> impl Iterator<Item = (F32, F32)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let crossed = corners().flat_map(|a| corners().map(move |b| (a, b)));
    crossed.chain((0..count).map(move |_| pair(&mut rng)))
}

/// Rounds an f64 as the format says. Sums and products of two 24-bit numbers are rounded correctly
/// through f64 (53 >= 2 * 24 + 2 bits: no double rounding).
fn rounded(exact: f64) -> F32 {
    // Far from the host's own denormals the host's f32 rounds with an unbounded exponent.
    let lifted = if exact.abs() < 1e-30 {
        exact * 2f64.powi(64)
    } else {
        exact
    };
    let value = lifted as f32;
    if exact.abs() < 1e-30 && value.abs() < 2f32.powi(-62) {
        F32::ZERO
    } else if exact.abs() < 1e-30 {
        F32::from_f32(value * 2f32.powi(-64))
    } else if value.is_infinite() {
        F32(F32::MAX.0 | value.to_bits() & 0x8000_0000)
    } else {
        F32::from_f32(value)
    }
}

#[test]
fn add_and_mul_match_native_floats() {
    for (a, b) in pairs(1, 4_000_000) {
        assert_eq!(
            add(a, b),
            rounded(a.value() + b.value()),
            "{a:08x?} + {b:08x?}"
        );
        assert_eq!(
            mul(a, b),
            rounded(a.value() * b.value()),
            "{a:08x?} * {b:08x?}"
        );
    }
}

/// Where IEEE 754 itself stays among normal numbers there is nothing to map.
#[test]
fn add_and_mul_are_ieee_on_normal_numbers() {
    let normal = |x: f32| x.is_normal();
    for (a, b) in pairs(2, 1_000_000) {
        let (x, y) = (a.to_f32(), b.to_f32());
        if normal(x) && normal(y) && normal(x + y) {
            assert_eq!(add(a, b), F32::from_f32(x + y), "{x:e} + {y:e}");
        }
        // A product just under 2^-126 may round up to it as a denormal only.
        if normal(x) && normal(y) && normal(x * y) && (x * y).abs() > f32::MIN_POSITIVE {
            assert_eq!(mul(a, b), F32::from_f32(x * y), "{x:e} * {y:e}");
        }
    }
}

#[test]
fn add_and_mul_match_apfloat() {
    let single = |x: F32| Single::from_bits(u128::from(x.0));
    let check = |got: F32, want: rustc_apfloat::StatusAnd<Single>, what: String| {
        let bits = want.value.to_bits() as u32;
        // The smallest normal number may be a denormal rounded up: its own test has that.
        if want.status.contains(Status::OVERFLOW) {
            assert_eq!(got.0, bits & 0x8000_0000 | F32::MAX.0, "{what}");
        } else if bits & 0x7f80_0000 == 0 {
            assert_eq!(got, F32::ZERO, "{what}");
        } else if bits & 0x7fff_ffff != F32::MIN_POSITIVE.0 {
            assert_eq!(got.0, bits, "{what}");
        }
    };
    let ieee = |x: F32| x.exponent() < 255;
    for (a, b) in pairs(3, 100_000).filter(|&(a, b)| ieee(a) && ieee(b)) {
        let (a, b) = (pass(a), pass(b));
        check(
            add(a, b),
            single(a) + single(b),
            format!("{a:08x?} + {b:08x?}"),
        );
        check(
            mul(a, b),
            single(a) * single(b),
            format!("{a:08x?} * {b:08x?}"),
        );
    }
}

#[test]
fn underflow_is_decided_after_rounding_to_24_bits() {
    // (1 - 2^-24) * 2^-126 has 24 bits: it stays below 2^-126 and is flushed, IEEE's denormal
    // rounding would lift it to 2^-126.
    assert_eq!(mul(F32(0x3f7f_ffff), F32(0x0080_0000)), F32::ZERO);
    // (1 + 2^-23)(1 - 2^-24) 2^-126 is above it; (1 - 2^-46) rounds up to 2^-126.
    assert_eq!(mul(F32(0x3f80_0001), F32(0x0080_0000)), F32(0x0080_0001));
    assert_eq!(
        mul(F32(0x3f80_0001), F32(0x007f_ffff | 1 << 23)),
        F32(0x0100_0000)
    );
    assert_eq!(mul(F32(0x3f7f_ffff), F32(0x0080_0001)), F32::MIN_POSITIVE);
}

#[test]
fn rules_of_the_format() {
    let huge = F32(0x7f80_0000);
    assert_eq!(
        add(F32(0x8000_0000), F32(0x8000_0000)),
        F32::ZERO,
        "no negative zero"
    );
    assert_eq!(add(F32::ONE, neg(F32::ONE)), F32::ZERO);
    assert_eq!(mul(neg(F32::ONE), F32::ZERO), F32::ZERO);
    assert_eq!(
        add(F32(0x007f_ffff), F32::ZERO),
        F32::ZERO,
        "denormals are zero"
    );
    assert_eq!(
        mul(huge, F32::from_f32(0.5)),
        F32(0x7f00_0000),
        "2^128 is a number"
    );
    assert_eq!(
        add(huge, F32(0xffff_ffff)),
        F32(0xff7f_fffe),
        "a sum of numbers beyond the range is exact"
    );
    assert_eq!(add(F32::MAX, F32::MAX), F32::MAX, "overflow saturates");
    for x in corners() {
        assert_eq!(pass(x), rounded(x.value()));
        assert_eq!(neg(x), rounded(-x.value() + 0.0));
        assert_eq!(abs(x), rounded(x.value().abs()));
        assert_eq!(relu(x), rounded(x.value().max(0.0)));
        for y in corners() {
            assert_eq!(
                max(x, y),
                rounded(x.value().max(y.value())),
                "max {x:08x?} {y:08x?}"
            );
        }
    }
}

#[test]
fn integers_from_and_to_floats() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut integers = vec![0, 1, -1, i32::MAX, i32::MIN, i32::MIN + 1];
    // Ties and their neighbours at every length.
    integers.extend((24..31).flat_map(|k| [-1, 0, 1].map(|d| (1 << k) + (1 << (k - 24)) + d)));
    integers.extend((0..500_000).map(|_| rng.random::<i32>() >> rng.random_range(0..31)));
    for i in integers {
        for i in [i, i.wrapping_neg()] {
            let ap = Single::from_i128(i128::from(i)).value.to_bits() as u32;
            assert_eq!(from_i32(i), F32(ap), "{i}");
            assert_eq!(from_i32(i), F32::from_f32(i as f32), "{i}");
        }
    }

    let halves = (-600..600).map(|k| F32::from_f32(k as f32 / 4.0));
    let near = (0..500_000)
        .map(|_| F32(rng.random::<u32>() & 0x807f_ffff | rng.random_range(120..162) << 23));
    for x in corners().chain(halves).chain(near) {
        let integer = x.value().round_ties_even();
        assert_eq!(to_i32(x), integer as i32, "{x:08x?}");
        assert_eq!(to_i8(x), integer.clamp(-127.0, 127.0) as i8, "{x:08x?}");
        if x.exponent() < 255 {
            let single = Single::from_bits(u128::from(pass(x).0));
            let ap = single
                .to_i128_r(32, Round::NearestTiesToEven, &mut false)
                .value;
            assert_eq!(i128::from(to_i32(x)), ap, "{x:08x?}");
        }
    }
}

/// Error in units of the last place of the exact result.
fn ulps(got: F32, exact: f64) -> f64 {
    let exponent = (exact.to_bits() >> 52) as i32 - 1023;
    (got.value() - exact).abs() / 2f64.powi(exponent - 23)
}

#[test]
fn recip_of_every_significand() {
    let (mut worst, mut last) = (0.0, f64::INFINITY);
    for bits in 0x3f80_0000..=0x4000_0000 {
        let x = F32(bits);
        let y = recip(x);
        worst = f64::max(worst, ulps(y, 1.0 / x.value()));
        assert!(y.value() <= last, "not monotonic at {bits:08x}");
        last = y.value();
        assert_eq!(recip(neg(x)), neg(y));
    }
    println!("recip: {worst:.3} ulp");
    assert!(worst < 0.84, "{worst}");
}

#[test]
fn rsqrt_of_every_significand() {
    let (mut worst, mut last) = (0.0, f64::INFINITY);
    for bits in 0x3f80_0000..=0x4080_0000 {
        let x = F32(bits);
        let y = rsqrt(x);
        worst = f64::max(worst, ulps(y, 1.0 / x.value().sqrt()));
        assert!(y.value() <= last, "not monotonic at {bits:08x}");
        last = y.value();
    }
    println!("rsqrt: {worst:.3} ulp");
    assert!(worst < 1.30, "{worst}");
}

#[test]
fn exponents_of_recip_and_rsqrt() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for exponent in 1..=255 {
        let fractions = [0, 1, 0x7f_ffff, rng.random::<u32>() & 0x7f_ffff];
        for x in fractions.map(|f| F32(exponent << 23 | f)) {
            let (inverse, root) = (1.0 / x.value(), 1.0 / x.value().sqrt());
            assert!(ulps(rsqrt(x), root) < 1.30, "rsqrt {x:08x?}");
            if inverse < F32::MIN_POSITIVE.value() {
                assert_eq!(recip(x), F32::ZERO, "recip {x:08x?}");
            } else {
                assert!(ulps(recip(x), inverse) < 0.84, "recip {x:08x?}");
            }
        }
    }
}

/// Every float in two binades of either sign (together they reduce to all fractions), and a dense sample of
/// the rest; monotonic all the way.
#[test]
fn exp_over_its_range() {
    let mut worst: f64 = 0.0;
    let mut sweep = |sign: u32, magnitudes: &mut dyn Iterator<Item = u32>| {
        let direction = if sign == 0 { 1.0 } else { -1.0 };
        let mut last = f64::NEG_INFINITY;
        for x in magnitudes.map(|bits| F32(bits | sign)) {
            let y = exp(x);
            let exact = x.value().exp();
            if exact < F32::MIN_POSITIVE.value() * (1.0 - 1e-6) {
                assert_eq!(y, F32::ZERO, "exp {x:08x?}");
            } else if exact > F32::MAX.value() * (1.0 + 1e-6) {
                assert_eq!(y, F32::MAX, "exp {x:08x?}");
            } else if y != F32::ZERO && y != F32::MAX {
                worst = worst.max(ulps(y, exact));
            }
            let directed = y.value() * direction;
            assert!(directed >= last, "not monotonic at {x:08x?}");
            last = directed;
        }
    };
    for sign in [0, 1 << 31] {
        sweep(sign, &mut (0x3e80_0000..0x3f80_0000));
        sweep(sign, &mut (0x3000_0000..0x4400_0000).step_by(61));
    }
    println!("exp: {worst:.3} ulp");
    assert!(worst < 0.94, "{worst}");
}

#[test]
fn exp_corners() {
    assert_eq!(exp(F32::ZERO), F32::ONE);
    assert_eq!(exp(F32(0x8000_0000)), F32::ONE);
    assert_eq!(exp(F32(0x007f_ffff)), F32::ONE);
    assert_eq!(exp(F32(0x3080_0000)), F32::ONE);
    assert_eq!(exp(F32::MAX), F32::MAX);
    assert_eq!(exp(F32(0x7fff_ffff)), F32::MAX);
    assert_eq!(exp(neg(F32::MAX)), F32::ZERO);
    assert_eq!(exp(F32(0xffff_ffff)), F32::ZERO);
    assert_eq!(
        exp(F32::from_f32(-87.0)),
        F32(exp(F32::from_f32(-87.0)).0 & 0x7fff_ffff)
    );
    assert_eq!(exp(F32::from_f32(-87.5)), F32::ZERO);
    assert_eq!(exp(F32::from_f32(-104.0)), F32::ZERO);
    assert_eq!(exp(F32::from_f32(89.0)), F32::MAX);
    assert_eq!(reduce_exp(F32::ONE), Some(24_204_406));
    assert_eq!(reduce_exp(neg(F32::ONE)), Some(-24_204_406));
    assert_eq!(reduce_exp(F32(0x4300_0000)), None, "128 is out of range");
}

#[test]
fn special_arguments() {
    assert_eq!(recip(F32::ONE), F32::ONE);
    assert_eq!(rsqrt(F32::ONE), F32::ONE);
    for zero in [
        F32::ZERO,
        F32(0x8000_0000),
        F32(0x007f_ffff),
        F32(0x807f_ffff),
    ] {
        assert_eq!(recip(zero), F32::MAX);
        assert_eq!(rsqrt(zero), F32::MAX);
    }
    assert_eq!(rsqrt(neg(F32::ONE)), F32::MAX);
    // Powers of two have exact reciprocals, powers of four exact reciprocal roots.
    for e in 1..253 {
        assert_eq!(recip(F32(e << 23)), F32((254 - e) << 23));
        assert_eq!(rsqrt(F32((e | 1) << 23)), F32(((381 - (e | 1)) / 2) << 23));
    }
    assert_eq!(recip(F32(253 << 23)), F32::MIN_POSITIVE);
    assert_eq!(recip(F32(253 << 23 | 1)), F32::ZERO);
    for x in corners() {
        assert_eq!(func(Func::Pass, x), pass(x));
    }
}
