//! The ternary engine against its golden model.

#![allow(clippy::unwrap_used)]

mod unit_bench;

use hw::params::{DramFormat, MachineParams, Reduction, Storage, Style, Technology, WeightFormat};
use hw::scratchpad::Scratchpad;
use hw::tlmm::pack::pack_matrix;
use hw::tlmm::{TlmmParams, golden, tlmm};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::Model;
use unit_bench::{End, Unit, build, codes, rng, word};

/// Opcode and flags do not matter to the unit.
const HEAD: u32 = 0x0123_0030;
const SRC: u32 = 5;
const DST: u32 = 900;

struct Config {
    technology: Technology,
    style: Style,
    storage: Storage,
    reduction: Reduction,
    dram: DramFormat,
    format: WeightFormat,
    groups: u32,
    rows: u32,
    batch: u32,
    bus_bits: u32,
    lanes: u32,
}

impl Config {
    fn params(&self) -> TlmmParams {
        let mut p = TlmmParams::new(&MachineParams::tiny());
        (p.technology, p.style) = (self.technology, self.style);
        (p.storage, p.reduction) = (self.storage, self.reduction);
        (p.dram, p.format) = (self.dram, self.format);
        (p.groups, p.rows, p.batch) = (self.groups, self.rows, self.batch);
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
    let bits = match p.dram {
        DramFormat::Base3 => 8 * (indices * p.format.group() as usize).div_ceil(5),
        _ => indices * p.format.index_bits() as usize,
    };
    bits.div_ceil(8).next_multiple_of(p.bus_bits as usize / 8)
}

/// One instruction and what memory it works on.
struct Gemv {
    k: u32,
    nt: u32,
    vectors: u32,
    src: u32,
    dst: u32,
    src_stride: u32,
    dst_stride: u32,
    packet: Vec<u8>,
}

impl Gemv {
    fn random(p: &TlmmParams, rng: &mut ChaCha8Rng, k: u32, nt: u32, extra: usize) -> Gemv {
        let words = k.div_ceil(p.tile_k()) * nt;
        let beat = p.bus_bits as usize / 8;
        let result = (nt * p.rows).div_ceil(p.lanes);
        let room = |vectors: u32| vectors * result <= 1000;
        let vectors = (1..=p.batch)
            .filter(|&v| room(v))
            .nth(
                rng.random_range(0..p.batch as usize)
                    .min(p.batch as usize - 1),
            )
            .unwrap_or(1);
        Gemv {
            k,
            nt,
            vectors,
            src: SRC,
            dst: DST,
            src_stride: k.div_ceil(4 * p.lanes) + rng.random_range(0..3),
            // Side by side, apart, or over each other.
            dst_stride: [result, result + 3, 1][rng.random_range(0..3)],
            packet: random_packet(rng, packet_bytes(p, words) + extra * beat),
        }
    }

    fn fields(&self) -> [u32; 7] {
        let more = self.vectors - 1;
        let strides = [self.dst_stride, self.src_stride];
        [
            self.dst, self.src, self.k, self.nt, more, strides[0], strides[1],
        ]
    }

    /// Activations with noise behind them, which must not count.
    fn fill(&self, p: &TlmmParams, pad: &mut Scratchpad, rng: &mut ChaCha8Rng) {
        for v in 0..self.vectors {
            let n = self.k.next_multiple_of(4 * p.lanes) as usize;
            pad.write_i8s(self.src + v * self.src_stride, &codes(rng, n))
                .unwrap();
        }
    }

    /// What memory must hold afterwards: words of all vectors side by side.
    fn golden(&self, p: &TlmmParams, pad: &mut Scratchpad) {
        let read = |v| pad.read_i8s(self.src + v * self.src_stride, self.k as usize);
        let vectors: Vec<Vec<i8>> = (0..self.vectors).map(|v| read(v).unwrap()).collect();
        let sums = golden::gemv(p, &self.packet, &vectors, self.k, self.nt).unwrap();
        let lanes = p.lanes as usize;
        for w in 0..sums[0].len().div_ceil(lanes) {
            for (v, y) in (0..).zip(&sums) {
                let word = &y[w * lanes..((w + 1) * lanes).min(y.len())];
                pad.write_i32s(self.dst + v * self.dst_stride + w as u32, word)
                    .unwrap();
            }
        }
    }
}

/// Products of random bytes (every code, legal or not) and random activations, one behind the other; compares the whole
/// scratchpad.
fn run(unit: &mut Unit, p: &TlmmParams, all: &[Gemv]) -> u64 {
    let mut want = unit.pad.clone();
    for g in all {
        unit.packet(&g.packet);
        g.golden(p, &mut want);
    }
    let fields: Vec<[u32; 8]> = all.iter().map(|g| word(HEAD, g.fields())).collect();
    let end = unit.run_all(&fields);
    let End::Done(cycles) = end else {
        panic!("{end:?} for {fields:?}")
    };
    assert_eq!(unit.beats_left(), 0, "packets consumed");
    for a in 0..unit_bench::WORDS {
        let (got, want) = (unit.pad.word(a).unwrap(), want.word(a).unwrap());
        assert_eq!(got, want, "word {a} after {fields:?}");
    }
    cycles
}

fn product(
    unit: &mut Unit,
    p: &TlmmParams,
    rng: &mut ChaCha8Rng,
    k: u32,
    nt: u32,
    extra: usize,
) -> u64 {
    let g = Gemv::random(p, rng, k, nt, extra);
    g.fill(p, &mut unit.pad, rng);
    run(unit, p, &[g])
}

/// Instructions back to back: the second's activations are fetched early, unless the first one writes them.
fn sequences(unit: &mut Unit, p: &TlmmParams, rng: &mut ChaCha8Rng) {
    for round in 0..6 {
        let mut all = Vec::new();
        for i in 0..4 {
            let k = rng.random_range(1..=p.max_k.min(4 * p.tile_k()));
            let nt = rng.random_range(1..6);
            let mut g = Gemv::random(p, rng, k, nt, 0);
            (g.src, g.dst) = (SRC + 200 * (i % 2), DST + 250 * (i % 3));
            if round % 2 == 1 && i > 0 {
                g.src = DST + 250 * ((i - 1) % 3) + rng.random_range(0..3);
            } else {
                g.fill(p, &mut unit.pad, rng);
            }
            all.push(g);
        }
        run(unit, p, &all);
    }
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
        sequences(&mut unit, &p, &mut rng);
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
        let packed = pack_matrix(p, &row, 1, cols).unwrap();
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
    let cases = cases.map(|(k, nt, info)| (k, nt, 0, info));
    for (k, nt, more, info) in cases.into_iter().chain([(8, 1, p.batch, p.batch)]) {
        let end = unit.run(HEAD, [DST, SRC, k, nt, more, 0, 0]);
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
        while golden::gemv(p, &packet[..short], std::slice::from_ref(&acts), k, nt).is_ok() {
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

fn generic(dram: DramFormat, format: WeightFormat) -> Config {
    Config {
        technology: Technology::Generic,
        style: Style::Select,
        storage: Storage::Registers,
        reduction: Reduction::Dsp,
        dram,
        format,
        groups: 8,
        rows: 4,
        batch: 1,
        bus_bits: 64,
        lanes: 4,
    }
}

fn uscale(dram: DramFormat, format: WeightFormat) -> Config {
    Config {
        technology: Technology::XilinxUscale,
        style: Style::Table,
        storage: Storage::Distributed,
        ..generic(dram, format)
    }
}

#[test]
fn base3_tiny() {
    let c = generic(DramFormat::Base3, WeightFormat::G3);
    let model = exercise(&c);
    // One weight word a cycle once the first activations are there, two weight words taking at least 1.5 beats.
    let p = c.params();
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let cycles = product(&mut unit, &p, &mut rng(6), 240, 64, 0);
    let beats = packet_bytes(&p, 10 * 64) as u64 / 8;
    assert!(cycles < beats + 60, "{cycles} cycles for {beats} beats");
}

#[test]
fn sherry_with_a_bus_that_feeds_a_word_a_cycle() {
    let c = Config {
        groups: 4,
        rows: 8,
        batch: 2,
        bus_bits: 256,
        lanes: 8,
        ..generic(DramFormat::Sherry, WeightFormat::Sherry)
    };
    let model = exercise(&c);
    let p = c.params();
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let cycles = product(&mut unit, &p, &mut rng(6), 400, 60, 0);
    assert!(
        cycles < 25 * 60 + 80,
        "{cycles} cycles for 1500 weight words"
    );
}

#[test]
fn g3_narrow_bus_one_group_of_lanes() {
    exercise(&Config {
        groups: 3,
        rows: 2,
        bus_bits: 32,
        lanes: 2,
        ..generic(DramFormat::G3, WeightFormat::G3)
    });
}

#[test]
fn base3_wide_bus_few_rows() {
    exercise(&Config {
        technology: Technology::Ecp5,
        groups: 11,
        rows: 2,
        bus_bits: 256,
        lanes: 16,
        ..generic(DramFormat::Base3, WeightFormat::G3)
    });
}

#[test]
fn two_bits_in_memory_and_in_silicon() {
    exercise(&Config {
        technology: Technology::Asic,
        groups: 20,
        rows: 8,
        batch: 3,
        ..generic(DramFormat::TwoBit, WeightFormat::TwoBit)
    });
}

#[test]
fn base3_straight_to_two_bits() {
    exercise(&Config {
        groups: 16,
        ..generic(DramFormat::Base3, WeightFormat::TwoBit)
    });
}

#[test]
fn tables_of_g3_for_two_vectors() {
    let c = Config {
        groups: 24,
        batch: 2,
        bus_bits: 256,
        lanes: 8,
        ..uscale(DramFormat::Base3, WeightFormat::G3)
    };
    exercise(&c);
}

#[test]
fn tables_of_sherry() {
    exercise(&uscale(DramFormat::Sherry, WeightFormat::Sherry));
}

#[test]
fn tables_summed_in_fabric() {
    exercise(&Config {
        reduction: Reduction::Fabric,
        rows: 2,
        ..uscale(DramFormat::Base3, WeightFormat::G3)
    });
}

#[test]
fn tables_in_registers() {
    exercise(&Config {
        style: Style::Table,
        groups: 5,
        ..generic(DramFormat::Sherry, WeightFormat::Sherry)
    });
}

/// Of the products that the engine could make in a cycle, the share that an attention layer of BitNet 0.7B uses when the bus
/// keeps up: K tiles, row tiles, filling of tables and the way to the first word and from the last sum are loss.
#[test]
fn real_shapes_keep_the_engine_busy() {
    let c = Config {
        batch: 4,
        bus_bits: 256,
        lanes: 16,
        ..uscale(DramFormat::Sherry, WeightFormat::Sherry)
    };
    let mut p = c.params();
    (p.max_k, p.max_row_tiles) = (1536, 2048);
    let model = build(&tlmm(&p).unwrap());
    let mut rng = rng(8);
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let mut cycles = |(k, n): (u32, u32), vectors: u32, passes: u32| {
        let all: Vec<Gemv> = (0..passes)
            .map(|i| {
                let mut g = Gemv::random(&p, &mut rng, k, n / p.rows, 0);
                g.vectors = vectors;
                g.src_stride = k / (4 * p.lanes);
                g.dst_stride = n / p.lanes;
                g.src = i * vectors * g.src_stride;
                g.dst = 1024;
                g.fill(&p, &mut unit.pad, &mut rng);
                g
            })
            .collect();
        run(&mut unit, &p, &all)
    };
    let peak = |(k, n): (u32, u32)| f64::from(k) * f64::from(n) / f64::from(p.tile_k() * p.rows);
    let (qkv, square) = ((1536, 4608), (1536, 1536));
    // One token: nothing is hidden behind another product.
    let decode = peak(qkv) / cycles(qkv, 1, 1) as f64;
    assert!(decode >= 0.95, "decode {decode}");
    // A prompt of 128 tokens is 32 passes of four vectors. Activations of all passes but the first are fetched behind the one before:
    // two passes more tell what each further one takes.
    let (one, three) = (cycles(square, 4, 1), cycles(square, 4, 3));
    let prompt = one + 31 * (three - one) / 2;
    let prefill = 32.0 * peak(square) / prompt as f64;
    assert!(prefill >= 0.90, "prefill {prefill}");
}
