//! The gearbox against a model that works bit by bit.

use num_bigint::BigUint;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::rtl::NativeSim;

fn params(in_width: u32, out_width: u32, end: End) -> GearboxParams {
    GearboxParams {
        in_width,
        out_width,
        end,
    }
}

/// Words and their last flags that one packet gives, bit by bit.
fn golden(p: &GearboxParams, packet: &[BigUint]) -> Vec<(BigUint, bool)> {
    let bit = |k: u64| {
        let width = u64::from(p.in_width);
        packet
            .get((k / width) as usize)
            .is_some_and(|b| b.bit(k % width))
    };
    let (bits, word) = (
        packet.len() as u64 * u64::from(p.in_width),
        u64::from(p.out_width),
    );
    let n = match p.end {
        End::Pad => bits.div_ceil(word),
        End::Drop => bits / word,
    };
    let make = |i: u64| {
        let mut w = BigUint::from(0u32);
        (0..word).for_each(|b| w.set_bit(b, bit(i * word + b)));
        (w, i + 1 == n)
    };
    (0..n).map(make).collect()
}

struct Run {
    words: Vec<(BigUint, bool)>,
    cycles: usize,
}

/// Sends packets with the given chances in 8 that the source offers and the sink takes, until `want` words came.
fn run(
    sim: &mut NativeSim,
    packets: &[Vec<BigUint>],
    (offer, take): (u32, u32),
    want: usize,
    rng: &mut ChaCha8Rng,
) -> Run {
    let beats: Vec<(&BigUint, bool)> = packets
        .iter()
        .flat_map(|p| p.iter().enumerate().map(|(i, b)| (b, i + 1 == p.len())))
        .collect();
    sim.scramble(rng.random());
    sim.reset("clk", "rst");
    let (mut next, mut offered, mut words, mut cycles) = (0, false, Vec::new(), 0);
    let mut held: Option<(BigUint, bool)> = None;
    let mut idle = 0;
    while (words.len() < want || next < beats.len() || idle < 20) && cycles < 100_000 {
        offered = next < beats.len() && (offered || rng.random_range(0..8) < offer);
        sim.set("in_valid", offered.into());
        if offered {
            sim.set_wide("in_data", beats[next].0);
            sim.set("in_last", beats[next].1.into());
        }
        let take = rng.random_range(0..8) < take;
        sim.set("out_ready", take.into());
        let valid = sim.get("out_valid") == 1;
        let word = (sim.get_wide("out_data"), sim.get("out_last") == 1);
        if let Some(h) = &held {
            assert!(valid && *h == word, "an offered word changed");
        }
        held = (valid && !take).then(|| word.clone());
        if valid && take {
            words.push(word);
        }
        if offered && sim.get("in_ready") == 1 {
            next += 1;
            offered = false;
        }
        idle = if words.len() < want || next < beats.len() {
            0
        } else {
            idle + 1
        };
        sim.tick("clk");
        cycles += usize::from(idle == 0);
    }
    Run { words, cycles }
}

fn random_packets(p: &GearboxParams, count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<BigUint>> {
    let ratio = p.out_width.div_ceil(p.in_width) as usize;
    let ones = (BigUint::from(1u32) << p.in_width) - 1u32;
    (0..count)
        .map(|_| {
            let beats = rng.random_range(1..=3 * ratio + 2);
            let mut beat = || {
                let digits = (0..p.in_width.div_ceil(32)).map(|_| rng.random()).collect();
                BigUint::new(digits) & &ones
            };
            (0..beats).map(|_| beat()).collect()
        })
        .collect()
}

fn check(p: &GearboxParams, rng: &mut ChaCha8Rng) {
    let mut sim = NativeSim::new(&gearbox(p).unwrap()).unwrap();
    let count = if p.in_width / p.out_width > 16 { 3 } else { 30 };
    let packets = random_packets(p, count, rng);
    let want: Vec<_> = packets.iter().flat_map(|k| golden(p, k)).collect();
    for chances in [(8, 8), (8, 3), (3, 8), (4, 4)] {
        let got = run(&mut sim, &packets, chances, want.len(), rng);
        assert_eq!(got.words.len(), want.len(), "{p:?} {chances:?}");
        assert!(got.words == want, "{p:?} {chances:?}");
        if chances == (8, 8) {
            let beats: usize = packets.iter().map(Vec::len).sum();
            let busy = if p.in_width >= p.out_width {
                want.len()
            } else {
                beats
            };
            // Latency at both ends, and a last packet that Drop leaves empty.
            assert!(
                got.cycles <= busy + 4,
                "{p:?}: {} cycles for {busy}",
                got.cycles
            );
        }
    }
}

#[test]
fn every_pair_of_small_widths() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for a in 1..=13 {
        for b in 1..=13 {
            check(&params(a, b, End::Pad), &mut rng);
            check(&params(a, b, End::Drop), &mut rng);
        }
    }
}

#[test]
fn wide_and_uneven_widths() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let pairs = [
        (256, 10),
        (128, 80),
        (10, 512),
        (1024, 1),
        (1, 256),
        (512, 512),
        (96, 1024),
    ];
    for (a, b) in pairs
        .into_iter()
        .chain([(1024, 96), (255, 256), (256, 255), (8, 130)])
    {
        check(&params(a, b, End::Pad), &mut rng);
        check(&params(a, b, End::Drop), &mut rng);
    }
}

#[test]
fn widths_out_of_range_are_refused() {
    for (a, b) in [(0, 8), (8, 4097)] {
        let e = gearbox(&params(a, b, End::Pad)).unwrap_err();
        assert!(e.to_string().contains("is not in 1..=4096"), "{e}");
    }
}

#[test]
fn emitted_text() {
    for p in [
        params(12, 20, End::Pad),
        params(20, 12, End::Drop),
        params(64, 32, End::Pad),
    ] {
        insta::assert_snapshot!(p.name(), gearbox(&p).unwrap().verilog());
    }
}
