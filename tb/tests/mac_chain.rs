//! The rival of the broadcast array: what its multiply-add computes.

#![allow(clippy::unwrap_used)]

use hw::num::F32;
use hw::pe::float::FloatFormat;
use hw::pe::float::golden::convert;
use hw::rtl::NativeSim;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tb::bench::cells;
use tb::bench::mac_chain::{ADD_LATENCY, MULTIPLY_LATENCY, Weight, add, mac};
use tb::yosys::Target;

/// A finite pattern's value, subnormals as zero.
fn value(x: u16) -> f32 {
    let field = i32::from(x >> 10 & 31);
    let magnitude = match field {
        0 => 0.0,
        _ => f32::from(0x400 | x & 0x3ff) * 2f32.powi(field - 25),
    };
    if x >> 15 == 1 { -magnitude } else { magnitude }
}

/// To fp16. fp32 has more than twice its bits and two, so that rounding a product or sum of two twice is rounding it once.
fn rounded(x: f32) -> u16 {
    convert(FloatFormat::Fp16, F32::from_f32(x))
}

#[test]
fn multiply_adds_equal_the_host() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for weight in [Weight::Int4, Weight::Fp16] {
        let mut sim = NativeSim::new(&mac(weight).unwrap()).unwrap();
        let half = |rng: &mut ChaCha8Rng, centre: i32, spread: i32| {
            let field = (centre + rng.random_range(-spread..=spread)).clamp(0, 30) as u16;
            let low = [0, 0x3ff, 1, rng.random()][rng.random_range(0..4)] & 0x3ff;
            rng.random::<u16>() & 0x8000 | field << 10 | low
        };
        let mut sent: Vec<(u16, u16, u16)> = Vec::new();
        let late = (MULTIPLY_LATENCY + ADD_LATENCY) as usize;
        for k in 0..100_000 {
            let centre = rng.random_range(0..31);
            let x = half(&mut rng, centre, 2);
            let w = match weight {
                Weight::Int4 => rng.random_range(0..16),
                Weight::Fp16 => half(&mut rng, 15, 3),
            };
            // Near the product, so that sums cancel, or anywhere.
            let spread = [1, 3, 30][rng.random_range(0..3)];
            let c = half(&mut rng, centre + 1, spread);
            let c = if c >> 10 & 31 == 0 { c & 0x8000 } else { c };
            sim.set("x", x.into());
            sim.set("w", w.into());
            let before = k as usize;
            if let Some(at) = before.checked_sub(MULTIPLY_LATENCY as usize) {
                let c = sent.get(at).map_or(c, |set| set.2);
                sim.set("c", c.into());
            }
            if let Some(&(x, w, c)) = before.checked_sub(late).and_then(|at| sent.get(at)) {
                let factor = match weight {
                    Weight::Int4 => f32::from((w as i8) << 4 >> 4),
                    Weight::Fp16 => value(w),
                };
                let product = rounded(value(x) * factor);
                let want = rounded(value(product) + value(c));
                assert_eq!(sim.get("y") as u16, want, "{x:04x} * {w:04x} + {c:04x}");
            }
            sim.tick("clk");
            sent.push((x, w, c));
        }
    }
}

/// Fewer than Berkeley HardFloat's adder in the same flow: 255, combinational.
#[test]
fn cells_of_the_adder() {
    let t = cells(&add().unwrap(), Target::Xcup).unwrap();
    println!("lut {} ff {} levels {:?}", t.lut, t.ff, t.levels);
    assert_eq!(t.dsp, 0);
    assert!(t.lut <= 190, "{} LUT", t.lut);
}
