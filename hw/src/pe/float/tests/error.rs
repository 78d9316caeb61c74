//! How far a dot product may be from the exact one, and how far it is.

use num_bigint::{BigInt, Sign};
use num_traits::{Signed, ToPrimitive, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_apfloat::Float;
use rustc_apfloat::ieee::Half;

use super::super::golden::{align, convert, dot};
use super::super::*;
use super::value;
use crate::num::F32;

/// Exact numbers are integers of this unit, 2^-UNIT: below every product and every bound.
const UNIT: i32 = 400;

fn power(exponent: i32) -> BigInt {
    BigInt::from(1) << (UNIT + exponent)
}

/// A host float as an exact number.
fn exact(x: f64) -> BigInt {
    let bits = x.to_bits();
    let field = (bits >> 52) as i32 & 0x7ff;
    if field == 0 {
        return BigInt::zero();
    }
    let significand = BigInt::from(bits << 11 >> 11 & ((1 << 52) - 1) | 1 << 52);
    let sign = if x < 0.0 { Sign::Minus } else { Sign::Plus };
    BigInt::from_biguint(
        sign,
        (significand << (UNIT + field - 1023 - 52))
            .magnitude()
            .clone(),
    )
}

/// A finite pattern as fp32 (all are).
fn single(format: FloatFormat, bits: u16) -> F32 {
    F32::from_f32(value(format, bits) as f32)
}

/// The contract's bound for `result`, and the exact dot product.
fn bound(
    format: FloatFormat,
    held: &[u16],
    kind: StreamKind,
    streamed: &[u16],
    lanes: usize,
    result: f64,
) -> (BigInt, BigInt) {
    let element = |x: u16| match kind.float() {
        Some(format) => value(format, x),
        None => f64::from(x as i16),
    };
    let (mut total, mut limit) = (BigInt::zero(), BigInt::zero());
    let mut top: Option<i32> = None;
    let block = align(format, HELD_BITS, held);
    let eh = i32::from(block.exponent);
    for (n, (b, a)) in held.chunks(lanes).zip(streamed.chunks(lanes)).enumerate() {
        let es = match kind.float() {
            Some(format) => i32::from(align(format, STREAM_BITS, a).exponent),
            None => kind.block_exponent().unwrap(),
        };
        let zero = block.zero || kind.float().is_some() && a.iter().all(|&x| element(x) == 0.0);
        if !zero {
            top = Some(top.map_or(eh + es, |t| t.max(eh + es)));
        }
        for (&b, &a) in b.iter().zip(a) {
            let (b, a) = (value(format, b), element(a));
            total += exact(a * b);
            limit += exact(a.abs() * 2f64.powi(eh - 26));
            if kind.float().is_some() {
                limit += exact(b.abs() * 2f64.powi(es - 17)) + power(es + eh - 43);
            }
        }
        if let Some(top) = top {
            let unit = power(16 * top.div_euclid(16) - 21);
            limit += &unit * 2 + &unit * n / 64 + 1;
        }
    }
    let ulp = 2f64.powi(((result as f32).to_bits() >> 23 & 0xff) as i32 - 150);
    limit += if result == 0.0 {
        power(-126)
    } else {
        exact(ulp / 2.0)
    };
    (limit, total)
}

/// A float whose exponent field is near `centre`, sometimes zero, subnormal or of few bits.
fn near(rng: &mut ChaCha8Rng, format: FloatFormat, centre: i32, spread: i32) -> u16 {
    let top = (1 << format.exponent_bits()) - 2;
    let field = (centre + rng.random_range(-spread..=spread)).clamp(0, top) as u16;
    let fraction_bits = format.fraction_bits();
    let fraction = rng.random::<u16>() & ((1 << fraction_bits) - 1);
    let fraction = match rng.random_range(0..4) {
        0 => 0,
        1 => fraction | fraction >> 2 | 1,
        _ => fraction,
    };
    rng.random::<u16>() & 1 << 15 | field << fraction_bits | fraction
}

#[test]
fn error_is_within_its_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let mut closest = 0.0;
    for round in 0..30_000 {
        let format = FloatFormat::ALL[round % 2];
        let kinds = [
            if format == FloatFormat::Fp16 {
                StreamKind::Fp16
            } else {
                StreamKind::Bf16
            },
            StreamKind::Int8,
            StreamKind::Int4,
        ];
        let kind = kinds[[0, 0, 0, 1, 2][rng.random_range(0..5)]];
        let lanes = [1, 4, 8, 16][rng.random_range(0..4)];
        let beats = rng.random_range(1..=70);
        let bias = format.bias() as i32;
        // Exponents of beats wander: by much, by steps, or not.
        let wander = [0, 3, 20, 60][rng.random_range(0..4)].min(bias);
        let spread = [0, 2, 8, 24][rng.random_range(0..4)];
        let (mut held, mut streamed) = (Vec::new(), Vec::new());
        for _ in 0..beats {
            let centre = bias + rng.random_range(-wander..=wander);
            for _ in 0..lanes {
                held.push(near(&mut rng, format, centre, spread));
                streamed.push(match kind {
                    StreamKind::Int8 => i16::from(rng.random::<i8>()) as u16,
                    StreamKind::Int4 => rng.random_range(-8i16..8) as u16,
                    _ => near(&mut rng, format, bias, spread),
                });
            }
        }
        // Sums that cancel: the second half is the first with the other sign, in any case but for the last.
        if round % 3 == 0 && kind.float().is_some() {
            let half = held.len() / 2 / lanes * lanes;
            for k in 0..half {
                held[half + k] = held[k];
                streamed[half + k] = streamed[k] ^ 1 << 15;
            }
        }
        let numbers: Vec<F32> = held.iter().map(|&x| single(format, x)).collect();
        let bits = dot(format, &numbers, kind, &streamed, lanes);
        let result = f64::from(f32::from_bits(bits));
        let (limit, total) = bound(format, &held, kind, &streamed, lanes, result);
        let largest = exact(f64::from(f32::MAX));
        if total.abs() > largest {
            continue;
        }
        let error = (exact(result) - &total).abs();
        assert!(error <= limit, "round {round}: {kind:?}, {lanes} lanes");
        closest = f64::max(closest, error.to_f64().unwrap() / limit.to_f64().unwrap());
    }
    println!("largest error: {closest} of the bound");
    assert!(
        closest > 0.3,
        "the bound is far from what happens: {closest}"
    );
}

/// Draws of a standard distribution.
#[derive(Clone, Copy, Debug)]
enum Data {
    Normal,
    Uniform,
    /// Student's t of three degrees of freedom.
    StudentT,
    /// exp of a normal number, with a random sign.
    LogNormal,
    /// Normal, but each 32nd channel is a hundred times larger.
    Outliers,
}

impl Data {
    const ALL: [Data; 5] = [
        Data::Normal,
        Data::Uniform,
        Data::StudentT,
        Data::LogNormal,
        Data::Outliers,
    ];

    fn draw(self, rng: &mut ChaCha8Rng, channel: usize) -> f64 {
        fn normal(rng: &mut ChaCha8Rng) -> f64 {
            let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        }
        match self {
            Data::Normal => normal(rng),
            Data::Uniform => rng.random::<f64>() * 2.0 - 1.0,
            Data::StudentT => {
                let squares: f64 = (0..3).map(|_| normal(rng).powi(2)).sum();
                normal(rng) / (squares / 3.0).sqrt()
            }
            Data::LogNormal => normal(rng).exp() * if rng.random() { 1.0 } else { -1.0 },
            Data::Outliers => normal(rng) * if channel % 32 == 5 { 100.0 } else { 1.0 },
        }
    }
}

/// Multiply-adds of fp16 one after the other, each rounded.
fn chain(held: &[u16], streamed: &[u16]) -> f64 {
    let half = |x: u16| Half::from_bits(x.into());
    let products = held.iter().zip(streamed);
    let sum = products.fold(half(0), |sum, (&b, &a)| half(b).mul_add(half(a), sum).value);
    value(FloatFormat::Fp16, sum.to_bits() as u16)
}

/// Mean relative error in per cent against the exact product of the same 16-bit numbers.
#[test]
fn mean_relative_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let trials = 20_000;
    for (data, length) in Data::ALL.into_iter().flat_map(|d| [(d, 64), (d, 128)]) {
        // Of fp16 and bf16 in this array, and of the chain.
        let mut sums = [0.0; 3];
        for _ in 0..trials {
            let mut draw = || {
                let numbers = (0..length).map(|k| F32::from_f32(data.draw(&mut rng, k) as f32));
                numbers.collect::<Vec<F32>>()
            };
            let (held, streamed) = (draw(), draw());
            for (format, kind) in [
                (FloatFormat::Fp16, StreamKind::Fp16),
                (FloatFormat::Bf16, StreamKind::Bf16),
            ] {
                let narrow =
                    |x: &[F32]| -> Vec<u16> { x.iter().map(|&x| convert(format, x)).collect() };
                let (b, a) = (narrow(&held), narrow(&streamed));
                let products = b
                    .iter()
                    .zip(&a)
                    .map(|(&b, &a)| value(format, b) * value(format, a));
                let exact: f64 = products.sum();
                let relative = |got: f64| ((got - exact) / exact).abs();
                let got = f32::from_bits(dot(format, &held, kind, &a, 16));
                sums[format as usize] += relative(got.into());
                if format == FloatFormat::Fp16 {
                    sums[2] += relative(chain(&b, &a));
                }
            }
        }
        let [fp16, bf16, chain] = sums.map(|sum| 100.0 * sum / f64::from(trials));
        println!("{data:?} {length}: fp16 {fp16:.5} %, bf16 {bf16:.5} %, fp16 chain {chain:.3} %");
        assert!(fp16 <= 0.12 && bf16 <= 0.12, "{data:?} {length}");
    }
}
