//! The ternary engine against its golden model.

#![allow(clippy::unwrap_used)]

mod unit_bench;

use hw::params::{DramFormat, MachineParams, WeightFormat};
use hw::tlmm::{TlmmParams, golden, tlmm};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::Model;
use unit_bench::{End, Unit, build, codes, rng};

/// Opcode and flags do not matter to the unit.
const HEAD: u32 = 0x0123_0030;
const SRC: u32 = 5;
const DST: u32 = 900;

struct Config {
    dram: DramFormat,
    format: WeightFormat,
    groups: u32,
    rows: u32,
    bus_bits: u32,
    lanes: u32,
}

impl Config {
    fn params(&self) -> TlmmParams {
        let mut p = TlmmParams::new(&MachineParams::tiny());
        (p.dram, p.format) = (self.dram, self.format);
        (p.groups, p.rows) = (self.groups, self.rows);
        (p.bus_bits, p.lanes) = (self.bus_bits, self.lanes);
        p
    }
}

fn random_packet(rng: &mut ChaCha8Rng, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| rng.random()).collect()
}

/// Bytes that hold so many weight words, whole beats.
fn packet_bytes(p: &TlmmParams, words: u32) -> usize {
    let indices = (words * p.word_indices()) as usize;
    let bytes = match p.dram {
        DramFormat::Base3 => (indices * 3).div_ceil(5),
        _ => (indices * 5).div_ceil(8),
    };
    bytes.next_multiple_of(p.bus_bits as usize / 8)
}

/// One product of random bytes (every code, legal or not) and random activations; compares the whole scratchpad.
fn product(
    unit: &mut Unit,
    p: &TlmmParams,
    rng: &mut ChaCha8Rng,
    k: u32,
    nt: u32,
    extra: usize,
) -> u64 {
    let words = k.div_ceil(p.tile_k()) * nt;
    let beat = p.bus_bits as usize / 8;
    let packet = random_packet(rng, packet_bytes(p, words) + extra * beat);
    let acts = codes(rng, k as usize);
    // The last word of the vector goes on with noise: it must not count.
    let padded = codes(rng, (k as usize).next_multiple_of(4 * p.lanes as usize));
    unit.pad
        .write_i8s(SRC, &[&acts[..], &padded[k as usize..]].concat())
        .unwrap();
    unit.packet(&packet);
    let mut want = unit.pad.clone();
    let y = golden::gemv(p, &packet, &acts, k, nt).unwrap();
    want.write_i32s(DST, &y).unwrap();
    let end = unit.run(HEAD, [DST, SRC, k, nt, 7, 8, 9]);
    let End::Done(cycles) = end else {
        panic!("{end:?} for k = {k}, nt = {nt}")
    };
    assert_eq!(unit.beats_left(), 0, "packet consumed");
    assert!(
        unit.pad == want,
        "k = {k}, nt = {nt}, extra = {extra}: scratchpad differs"
    );
    cycles
}

fn exercise(c: &Config) -> Model {
    let p = c.params();
    let model = build(&tlmm(&p).unwrap());
    let mut rng = rng(42);
    let tile = p.tile_k();
    let corners = [
        (1, 1),
        (tile, 1),
        (tile + 1, 1),
        (3 * tile - 1, 1),
        (p.max_k, 1),
        (p.max_k, 2),
        (5 * tile + 3, 2),
        (tile, 3),
        (2 * tile, p.max_row_tiles),
    ];
    for (stalls, seed) in [(0, 1), (40, 2), (85, 3)] {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, stalls, seed);
        for (i, &(k, nt)) in corners.iter().enumerate() {
            let k = k.min(p.max_k);
            product(&mut unit, &p, &mut rng, k, nt, i % 3);
        }
        for _ in 0..12 {
            let k = rng.random_range(1..=p.max_k.min(6 * tile));
            let nt = rng.random_range(1..12);
            let extra = rng.random_range(0..20);
            product(&mut unit, &p, &mut rng, k, nt, extra);
        }
    }
    extremes(&model, &p);
    faults(&model, &p, &mut rng);
    model
}

/// Largest sums of either sign: all weights and all activations at their ends.
fn extremes(model: &Model, p: &TlmmParams) {
    let mut unit = Unit::new(model, p.lanes, p.bus_bits, 0, 9);
    for weight in [1i8, -1] {
        let group = p.format.group() as usize;
        let cols = p.max_k as usize / group * group;
        let row: Vec<i8> = (0..cols)
            .map(|c| {
                if p.format == WeightFormat::Sherry && c % group == 3 {
                    0
                } else {
                    weight
                }
            })
            .collect();
        let packed = golden::pack_matrix(p, &row, 1, cols).unwrap();
        for act in [-128i8, 127] {
            unit.pad.write_i8s(SRC, &vec![act; cols]).unwrap();
            unit.packet(&packed.bytes);
            let end = unit.run(HEAD, [DST, SRC, cols as u32, packed.nt, 0, 0, 0]);
            assert!(matches!(end, End::Done(_)));
            let ones: i32 = row.iter().map(|&w| i32::from(w)).sum();
            assert_eq!(unit.pad.read_i32s(DST, 1).unwrap(), [ones * i32::from(act)]);
        }
    }
}

fn faults(model: &Model, p: &TlmmParams, rng: &mut ChaCha8Rng) {
    let mut unit = Unit::new(model, p.lanes, p.bus_bits, 20, 11);
    let before = unit.pad.clone();
    let cases = [
        (0, 1, 0),
        (p.max_k + 1, 1, p.max_k + 1),
        (8, 0, 0),
        (8, p.max_row_tiles + 1, p.max_row_tiles + 1),
    ];
    for (k, nt, info) in cases {
        let end = unit.run(HEAD, [DST, SRC, k, nt, 0, 0, 0]);
        assert_eq!(end, End::Fault { cause: 2, info });
        // The fault stays, and nothing else begins, until the reset.
        assert_eq!(unit.run(HEAD, [DST, SRC, 8, 1, 0, 0, 0]), end);
        unit.reset();
    }
    assert!(unit.pad == before, "a refused instruction writes nothing");
    let tile = p.tile_k();
    for (k, nt) in [(tile, 9), (3 * tile, 5)] {
        let beat = p.bus_bits as usize / 8;
        let full = packet_bytes(p, k.div_ceil(tile) * nt);
        let mut short = full;
        let acts = codes(rng, k as usize);
        // The longest packet that golden finds too short.
        let packet = random_packet(rng, full);
        while golden::gemv(p, &packet[..short], &acts, k, nt).is_ok() {
            short -= beat;
        }
        for bytes in [short, beat] {
            unit.packet(&packet[..bytes]);
            let end = unit.run(HEAD, [DST, SRC, k, nt, 0, 0, 0]);
            assert!(matches!(end, End::Fault { cause: 3, .. }), "{end:?}");
            unit.reset();
        }
    }
    product(&mut unit, p, rng, 2 * tile, 3, 0);
}

#[test]
fn base3_tiny() {
    let c = Config {
        dram: DramFormat::Base3,
        format: WeightFormat::G3,
        groups: 8,
        rows: 4,
        bus_bits: 64,
        lanes: 4,
    };
    let model = exercise(&c);
    // One weight word a cycle once the first tables are made, two weight words taking at least 1.5 beats.
    let p = c.params();
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let cycles = product(&mut unit, &p, &mut rng(6), 240, 64, 0);
    let beats = packet_bytes(&p, 10 * 64) as u64 / 8;
    assert!(cycles < beats + 40, "{cycles} cycles for {beats} beats");
}

#[test]
fn sherry_with_a_bus_that_feeds_a_word_a_cycle() {
    let c = Config {
        dram: DramFormat::Sherry,
        format: WeightFormat::Sherry,
        groups: 5,
        rows: 5,
        bus_bits: 128,
        lanes: 8,
    };
    let model = exercise(&c);
    let p = c.params();
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let cycles = product(&mut unit, &p, &mut rng(6), 400, 60, 0);
    assert!(
        cycles < 20 * 60 + 40,
        "{cycles} cycles for 1200 weight words"
    );
}

#[test]
fn g3_narrow_bus_one_group_of_lanes() {
    exercise(&Config {
        dram: DramFormat::G3,
        format: WeightFormat::G3,
        groups: 3,
        rows: 2,
        bus_bits: 32,
        lanes: 2,
    });
}

#[test]
fn base3_wide_bus_few_rows() {
    exercise(&Config {
        dram: DramFormat::Base3,
        format: WeightFormat::G3,
        groups: 11,
        rows: 3,
        bus_bits: 256,
        lanes: 16,
    });
}
