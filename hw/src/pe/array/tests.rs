use super::*;
use crate::rtl::{Design, NativeSim};
use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn params(technology: Technology, lanes: u32, split: bool) -> ChainParams {
    ChainParams {
        technology,
        lanes,
        split,
    }
}

/// All legal lanes, split where they can be.
fn sizes() -> impl Iterator<Item = (u32, bool)> {
    let split = (1..=MAX_LANES / 2).map(|half| (2 * half, true));
    (1..=MAX_LANES).map(|n| (n, false)).chain(split)
}

#[test]
fn emitted_modules() {
    for (technology, name) in [
        (Technology::XilinxUscale, "xilinx"),
        (Technology::Generic, "generic"),
    ] {
        let p = params(technology, 4, true);
        for m in Design::new(&pe_chain(&p).unwrap()).unwrap().modules() {
            insta::assert_snapshot!(format!("{name}_{}", m.name), m.verilog());
        }
    }
    let p = params(Technology::Generic, 4, true);
    let skew = pe_skew(&p).unwrap();
    insta::assert_snapshot!(skew.name.clone(), skew.verilog());
}

#[test]
fn parameters_that_do_not_fit_are_refused_with_the_nearest_legal_value() {
    let refuse = |lanes, split| {
        let p = params(Technology::Generic, lanes, split);
        let skew = pe_skew(&p).unwrap_err().to_string();
        assert!(skew.contains("lanes"));
        pe_chain(&p).unwrap_err().to_string()
    };
    assert!(refuse(0, false).contains("nearest 1"));
    assert!(refuse(17, false).contains("nearest 16"));
    assert!(refuse(5, true).contains("nearest 6"));
}

/// One beat: operands, mode.
struct Beat {
    a: Vec<i32>,
    b: Vec<i32>,
    bias: bool,
    halves: bool,
}

impl Beat {
    fn random(p: &ChainParams, rng: &mut ChaCha8Rng) -> Beat {
        let corners = rng.random_range(0..3) == 0;
        let mut some = |bits: u32| -> Vec<i32> {
            let (low, high) = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
            let mut one = || match corners {
                true => [low, high][rng.random_range(0..2)],
                false => rng.random_range(low..=high),
            };
            (0..p.lanes).map(|_| one()).collect()
        };
        let (a, b) = (some(A_BITS), some(B_BITS));
        Beat {
            a,
            b,
            bias: rng.random(),
            halves: p.split && rng.random(),
        }
    }

    /// Sum and half, modulo 2^48.
    fn golden(&self, p: &ChainParams) -> (u64, u64) {
        let at = p.lower_lanes() as usize;
        let bias = if self.bias { BIAS } else { 0 };
        let lower = chain(&self.a[..at], &self.b[..at]) + bias;
        let upper = chain(&self.a[at..], &self.b[at..]);
        let sum = match (self.halves, at) {
            (true, _) | (_, 0) => upper + bias,
            (false, _) => lower + upper,
        };
        let word = |v: i64| v.cast_unsigned() & ((1 << SUM_BITS) - 1);
        (word(sum), word(lower))
    }
}

fn packed(lanes: impl Iterator<Item = (u32, i32)>, bits: u32) -> BigUint {
    lanes.fold(BigUint::ZERO, |v, (lane, x)| {
        let x = BigUint::from(x.cast_unsigned() & ((1 << bits) - 1));
        v | x << (lane * bits)
    })
}

/// Chain and skew side by side; A is skewed here.
struct Bench {
    p: ChainParams,
    chain: NativeSim,
    skew: NativeSim,
}

impl Bench {
    fn new(p: &ChainParams) -> Bench {
        Bench {
            p: p.clone(),
            chain: NativeSim::new(&pe_chain(p).unwrap()).unwrap(),
            skew: NativeSim::new(&pe_skew(p).unwrap()).unwrap(),
        }
    }

    /// Sums and halves of all beats, one a cycle.
    fn run(&mut self, beats: &[Beat]) -> Vec<(u64, u64)> {
        let p = &self.p;
        let mut sums = Vec::new();
        for cycle in 0..beats.len() + p.latency() as usize {
            if let Some(beat) = beats.get(cycle) {
                let b = packed((0..).zip(beat.b.iter().copied()), B_BITS);
                self.skew.set_wide("b", &b);
                self.skew.set("bias", beat.bias.into());
                if p.split {
                    self.skew.set("halves", beat.halves.into());
                }
            }
            let a = (0..p.lanes).map(|lane| {
                let of = cycle.checked_sub(p.skew(lane) as usize);
                let beat = of.and_then(|of| beats.get(of));
                (lane, beat.map_or(0, |beat| beat.a[lane as usize]))
            });
            self.chain.set_wide("a", &packed(a, A_BITS));
            self.chain.set_wide("b", &self.skew.get_wide("b_skewed"));
            self.chain.set("bias", self.skew.get("bias_skewed"));
            if p.split {
                for name in ["bias_upper", "whole"] {
                    self.chain.set(name, self.skew.get(name));
                }
            }
            if cycle >= p.latency() as usize {
                let half = if p.split { self.chain.get("half") } else { 0 };
                sums.push((self.chain.get("sum"), half));
            }
            self.chain.tick("clk");
            self.skew.tick("clk");
        }
        sums
    }
}

#[test]
fn sums_of_all_sizes() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for technology in [Technology::XilinxUscale, Technology::Generic] {
        for (lanes, split) in sizes() {
            let p = params(technology, lanes, split);
            let beats: Vec<Beat> = (0..100).map(|_| Beat::random(&p, rng)).collect();
            let sums = Bench::new(&p).run(&beats);
            assert_eq!(sums.len(), beats.len());
            for (i, (beat, (sum, half))) in beats.iter().zip(sums).enumerate() {
                let (want, want_half) = beat.golden(&p);
                assert_eq!(sum, want, "{p:?}, beat {i}: sum");
                assert!(!split || half == want_half, "{p:?}, beat {i}: half");
            }
        }
    }
}

#[test]
fn skew_and_latency_of_the_largest() {
    let p = params(Technology::XilinxUscale, 16, true);
    let skews: Vec<u32> = (0..16).map(|lane| p.skew(lane)).collect();
    assert_eq!(skews, [0, 0, 2, 2, 4, 4, 6, 6, 2, 2, 4, 4, 6, 6, 8, 8]);
    assert_eq!(p.latency(), 12);
}

/// A pair's lower sum is linear in each code, so that the codes at the corners bound it.
#[test]
fn int8_pairs_come_apart() {
    const CODES: [i8; 5] = [-128, -127, -1, 0, 127];
    let lanes = i64::from(MAX_LANES);
    let most = 127 * 128 * lanes;
    assert!(BIAS - most >= 0 && BIAS + most < 1 << 19);

    // Every combination of corners, the same in all lanes, and half the lanes at each of two.
    let mut held = Vec::new();
    for low in CODES {
        for high in CODES {
            match held_pair(low, high) {
                Some(a) => held.push((low, high, a)),
                None => assert!(high == -128 || low == -128),
            }
        }
    }
    let mut beats = Vec::new();
    let mut wants = Vec::new();
    for x in &held {
        for y in &held {
            for (s, t) in CODES.iter().flat_map(|s| CODES.map(|t| (s, t))) {
                let lane = |k: u32| if k.is_multiple_of(2) { (x, *s) } else { (y, t) };
                let lanes: Vec<_> = (0..MAX_LANES).map(lane).collect();
                beats.push(Beat {
                    a: lanes.iter().map(|(h, _)| h.2).collect(),
                    b: lanes.iter().map(|(_, s)| i32::from(*s)).collect(),
                    bias: true,
                    halves: false,
                });
                let row = |code: fn(&(i8, i8, i32)) -> i8| -> i32 {
                    lanes
                        .iter()
                        .map(|(h, s)| i32::from(code(h)) * i32::from(*s))
                        .sum()
                };
                wants.push((row(|h| h.0), row(|h| h.1)));
            }
        }
    }
    let p = params(Technology::XilinxUscale, MAX_LANES, false);
    for ((sum, _), want) in Bench::new(&p).run(&beats).into_iter().zip(wants) {
        let sum = (sum << 16).cast_signed() >> 16;
        assert_eq!(pair(sum), want);
    }
}
