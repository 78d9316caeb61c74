//! The multiply-accumulate array against its golden model.

#![allow(clippy::unwrap_used)]

mod unit_bench;

use hw::num::F32;
use hw::params::{MachineParams, Technology};
use hw::pe::float::FloatFormat;
use hw::pe::{PeMode, PeModes, PeParams, golden, pe};
use hw::scratchpad::Scratchpad;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::Model;
use unit_bench::{End, Unit, WORDS, build, codes, rng, word};

const PEDOT: u32 = 0x40;
const PEAXPY: u32 = 0x41;
const SRC: u32 = 3;
const DST: u32 = 700;

fn params(
    technology: Technology,
    (bus_bits, lanes, rows): (u32, u32, u32),
    (max_len, max_count): (u32, u32),
) -> PeParams {
    with_modes(
        PeModes::INT8,
        technology,
        (bus_bits, lanes, rows),
        (max_len, max_count),
    )
}

fn with_modes(
    pe_modes: PeModes,
    technology: Technology,
    (bus_bits, lanes, rows): (u32, u32, u32),
    (max_len, max_count): (u32, u32),
) -> PeParams {
    PeParams::new(&MachineParams {
        pe_modes,
        technology,
        bus_bits,
        vec_lanes: lanes,
        pe_rows: rows,
        pe_max_len: max_len,
        pe_max_count: max_count,
        ..MachineParams::tiny()
    })
}

/// One instruction and its packet.
#[derive(Clone, Debug)]
struct Op {
    opcode: u32,
    mode: PeMode,
    rows: u32,
    n: u32,
    len: u32,
    src: (u32, u32),
    dst: (u32, u32),
    packet: Vec<u8>,
}

impl Op {
    /// Random codes, and a few beats more than needed. Strides are that of the vectors and up to two words more.
    fn random(p: &PeParams, rng: &mut ChaCha8Rng, opcode: u32, shape: (u32, u32, u32)) -> Op {
        Op::of_mode(p, rng, (opcode, PeMode::Int8), shape)
    }

    fn of_mode(
        p: &PeParams,
        rng: &mut ChaCha8Rng,
        (opcode, mode): (u32, PeMode),
        (rows, n, len): (u32, u32, u32),
    ) -> Op {
        let extra = rng.random_range(0..4) * p.macs();
        let bytes = (u64::from(n) * mode.bytes(len)) as usize + extra as usize;
        let packet = match mode.stream().float() {
            Some(format) => {
                let floats = (0..bytes / 2).map(|_| streamed(rng, format));
                floats.flat_map(u16::to_le_bytes).collect()
            }
            None => codes(rng, bytes)
                .iter()
                .map(|c| c.cast_unsigned())
                .collect(),
        };
        let mut op = Op {
            opcode,
            mode,
            rows,
            n,
            len,
            src: (SRC, 0),
            dst: (DST, 0),
            packet,
        };
        let in_word = if mode.format().is_some() { 1 } else { 4 } * p.lanes;
        op.src.1 = op.width().div_ceil(in_word) + rng.random_range(0..3);
        op.dst.1 = op.results().div_ceil(p.lanes) + rng.random_range(0..3);
        op
    }

    /// Codes of a row.
    fn width(&self) -> u32 {
        if self.opcode == PEDOT {
            self.len
        } else {
            self.n
        }
    }

    /// Results of a row.
    fn results(&self) -> u32 {
        if self.opcode == PEDOT {
            self.n
        } else {
            self.len
        }
    }

    fn word(&self) -> [u32; 8] {
        let head = self.opcode | (self.rows - 1) << 8 | self.mode.code() << 12 | 0x0bad_0000;
        word(
            head,
            [
                self.dst.0, self.src.0, self.n, self.len, self.dst.1, self.src.1, 99,
            ],
        )
    }

    fn golden(&self, p: &PeParams, pad: &mut Scratchpad) {
        let (n, len, width) = (self.n, self.len, self.width() as usize);
        let rows = (0..self.rows).map(|r| self.src.0 + r * self.src.1);
        let y: Vec<Vec<i32>> = if let Some(format) = self.mode.format() {
            let row = |at| {
                pad.read_u32s(at, width)
                    .unwrap()
                    .into_iter()
                    .map(F32)
                    .collect()
            };
            let acts: Vec<Vec<F32>> = rows.map(row).collect();
            let mode = (self.mode, format);
            let y = golden::pedot_float(p, mode, &self.packet, &acts, n, len).unwrap();
            let signed = |y: &Vec<u32>| y.iter().map(|x| x.cast_signed()).collect();
            y.iter().map(signed).collect()
        } else {
            let acts: Vec<Vec<i8>> = rows.map(|at| pad.read_i8s(at, width).unwrap()).collect();
            let y = match self.opcode {
                PEDOT => golden::pedot(p, self.mode, &self.packet, &acts, n, len),
                _ => golden::peaxpy(p, &self.packet, &acts, n, len),
            };
            y.unwrap()
        };
        for (r, row) in (0..).zip(&y) {
            pad.write_i32s(self.dst.0 + r * self.dst.1, row).unwrap();
        }
    }
}

/// A 16-bit float near one, now and then anything.
fn streamed(rng: &mut ChaCha8Rng, format: FloatFormat) -> u16 {
    let bits: u16 = rng.random();
    let fraction = format.fraction_bits();
    match rng.random_range(0..4000) {
        0 => bits | ((1 << format.exponent_bits()) - 1) << fraction,
        1..10 => bits,
        10..200 => 0,
        _ => {
            let exponent = format.bias() as u16 - rng.random_range(0..6);
            bits & (0x8000 | ((1 << fraction) - 1)) | exponent << fraction
        }
    }
}

/// Activations of floats where an instruction reads them; noise stays around them, and now and then within.
fn activations(unit: &mut Unit, p: &PeParams, rng: &mut ChaCha8Rng, op: &Op) {
    if op.mode.format().is_none() {
        return;
    }
    for r in 0..op.rows {
        for w in 0..op.len.div_ceil(p.lanes) {
            let number = |rng: &mut ChaCha8Rng| match rng.random_range(0..60) {
                0 => rng.random(),
                1 => 0,
                _ => ((rng.random::<f32>() - 0.5) * 2f32.powi(rng.random_range(-9..3))).to_bits(),
            };
            let word: Vec<u32> = (0..p.lanes).map(|_| number(rng)).collect();
            unit.pad
                .write_word(op.src.0 + r * op.src.1 + w, &word)
                .unwrap();
        }
    }
}

/// Instructions one behind the other; compares the whole scratchpad and returns the cycles.
fn run(unit: &mut Unit, p: &PeParams, all: &[Op]) -> u64 {
    let mut want = unit.pad.clone();
    for op in all {
        unit.packet(&op.packet);
        op.golden(p, &mut want);
    }
    let what: Vec<String> = all
        .iter()
        .map(|o| {
            format!(
                "{:#x} {:?} {:?} {:?} {:?}",
                o.opcode,
                o.mode,
                (o.rows, o.n, o.len),
                o.src,
                o.dst
            )
        })
        .collect();
    let words: Vec<[u32; 8]> = all.iter().map(Op::word).collect();
    let End::Done(cycles) = unit.run_all(&words) else {
        panic!("a fault: {what:?}")
    };
    assert_eq!(unit.beats_left(), 0, "packets consumed: {what:?}");
    // A retired instruction's words are all written, and none of the next one's: the trace relies on it.
    let words = all.iter().scan(0, |sum, op| {
        *sum += op.rows * op.results().div_ceil(p.lanes);
        Some(*sum)
    });
    assert_eq!(unit.writes_at_done, words.collect::<Vec<_>>(), "{what:?}");
    for a in 0..WORDS {
        let (got, want) = (unit.pad.word(a).unwrap(), want.word(a).unwrap());
        assert_eq!(got, want, "word {a}: {what:?}");
    }
    cycles
}

/// Sequences in which an instruction may read what the one in front writes, and write what it reads.
fn sequences(unit: &mut Unit, p: &PeParams, rng: &mut ChaCha8Rng) {
    let m = p.macs();
    for _ in 0..4 {
        let ops: Vec<Op> = (0..5)
            .map(|_| {
                let opcode = [PEDOT, PEAXPY][rng.random_range(0..2)];
                let beats = rng.random_range(1..=p.max_axpy / m);
                let n = rng.random_range(1..40.min(p.max_count));
                let shape = (rng.random_range(1..=p.rows), n, beats * m);
                let mut op = Op::random(p, rng, opcode, shape);
                let near = rng.random_range(0..3) * 60;
                (op.src.0, op.dst.0) = (near + SRC, near + rng.random_range(0..90));
                op
            })
            .collect();
        run(unit, p, &ops);
    }
}

fn exercise(p: &PeParams) -> Model {
    let model = build(&pe(p).unwrap());
    let mut rng = rng(7);
    let m = p.macs();
    for (stalls, seed) in [(0, 1), (40, 2), (85, 3)] {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, stalls, seed);
        let all = p.rows;
        let mut one = |opcode: u32, shape: (u32, u32, u32)| {
            let op = Op::random(p, &mut rng, opcode, shape);
            run(&mut unit, p, &[op]);
        };
        for shape in [
            (1, 1, m),
            (all, 1, m),
            (all, p.lanes, m),
            (all, 3 * p.lanes, m),
            (all, p.lanes + 1, 2 * m),
            (all, 5, p.max_len),
        ] {
            one(PEDOT, shape);
        }
        for shape in [
            (1, 1, m),
            (all, 1, m),
            (all, m + 1, m),
            (all, 7, p.max_axpy),
            (all, p.max_count, 2 * m),
        ] {
            one(PEAXPY, shape);
        }
        sequences(&mut unit, p, &mut rng);
    }
    faults(&model, p, &mut rng);
    model
}

fn faults(model: &Model, p: &PeParams, rng: &mut ChaCha8Rng) {
    let m = p.macs();
    let mut unit = Unit::new(model, p.lanes, p.bus_bits, 20, 4);
    let before = unit.pad.clone();
    let head = |opcode: u32, rows: u32| opcode | (rows - 1) << 8;
    let rows = p.rows + 1;
    for (opcode, rows, n, len, info) in [
        (PEDOT, rows, 1, m, rows),
        (PEDOT, 1, 0, m, 0),
        (PEDOT, 1, 1, 0, 0),
        (PEDOT, 1, 1, m + 1, m + 1),
        (PEDOT, 1, 1, p.max_len + m, p.max_len + m),
        (PEAXPY, 1, 1, p.max_axpy + m, p.max_axpy + m),
        (PEAXPY, 1, p.max_count + 1, m, p.max_count + 1),
    ] {
        if rows > 16 {
            continue;
        }
        let end = unit.run(head(opcode, rows), [DST, SRC, n, len, 9, 9, 0]);
        assert_eq!(end, End::Fault { cause: 2, info });
        assert_eq!(unit.run(head(PEDOT, 1), [DST, SRC, 1, m, 9, 9, 0]), end);
        unit.reset();
    }
    assert!(unit.pad == before, "a refused instruction writes nothing");
    for opcode in [PEDOT, PEAXPY] {
        // One beat too few: the vector that lacks it is named, and not before the instruction in front has ended.
        let first = Op::random(p, rng, PEDOT, (1, 9, 2 * m));
        let mut want = unit.pad.clone();
        first.golden(p, &mut want);
        unit.packet(&first.packet);
        unit.packet(&vec![1; (5 * 2 * m - m) as usize]);
        let second = word(head(opcode, 1), [DST + 400, SRC, 5, 2 * m, 9, 9, 0]);
        let end = unit.run_all(&[first.word(), second]);
        assert_eq!(end, End::Fault { cause: 3, info: 4 });
        for a in DST..DST + 9_u32.div_ceil(p.lanes) {
            assert_eq!(unit.pad.word(a).unwrap(), want.word(a).unwrap());
        }
        unit.reset();
        let after = Op::random(p, rng, opcode, (1, 3, 2 * m));
        run(&mut unit, p, &[after]);
    }
}

#[test]
fn tiny() {
    let p = params(Technology::Generic, (64, 4, 3), (192, 256));
    let model = exercise(&p);
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let mut cycles = |opcode| {
        let op = Op::random(&p, &mut rng(6), opcode, (3, 200, 32));
        run(&mut unit, &p, &[op])
    };
    let dots = cycles(PEDOT);
    assert!(dots < 200 * 4 + 70, "{dots} cycles for 800 beats");
    // 25 blocks of 8 vectors, and one to turn.
    let sums = cycles(PEAXPY);
    assert!(sums < 26 * 32 + 100, "{sums} cycles for 800 beats");
}

#[test]
fn wide_words_narrow_bus() {
    exercise(&params(Technology::Generic, (32, 16, 2), (64, 96)));
}

#[test]
fn one_row_of_a_wide_bus_in_dsp48e2() {
    exercise(&params(Technology::XilinxUscale, (256, 8, 5), (256, 300)));
}

#[test]
fn as_the_kv260_has_it() {
    exercise(&params(Technology::XilinxUscale, (128, 8, 4), (1536, 512)));
}

/// Attention of a token over 512 tokens, all key-value heads in a row: the scores of four heads, then their values. Share of
/// the cycles in which a beat is taken; every row works on every beat.
#[test]
fn attention_keeps_the_array_busy() {
    for group in [1, 4, 5, 8] {
        let p = params(Technology::XilinxUscale, (128, 8, group), (128, 512));
        let model = build(&pe(&p).unwrap());
        for head_dim in [64, 128] {
            let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
            let mut rng = rng(8);
            let tokens = 512;
            let mut ops = Vec::new();
            for opcode in [PEDOT, PEAXPY] {
                for head in 0..4 {
                    let mut op = Op::random(&p, &mut rng, opcode, (group, tokens, head_dim));
                    op.packet.truncate((tokens * head_dim) as usize);
                    // Scores of all heads do not fit the bench's scratchpad: two regions take turns.
                    op.dst.0 = DST + head % 2 * 650;
                    ops.push(op);
                }
            }
            let cycles = run(&mut unit, &p, &ops);
            let beats = u64::from(8 * tokens * head_dim / p.macs());
            let busy = beats as f64 / cycles as f64;
            println!("decode: {group} heads of {head_dim} a group, 512 tokens: {busy:.3}");
            assert!(busy >= 0.95, "{group} of {head_dim}: {busy:.3}");
        }
    }
}

/// Attention of a prompt, the causal triangle by blocks of queries: products that count among those that the rows could
/// have made.
#[test]
fn prefill_skips_the_triangle() {
    let (tokens, queries) = (256, 4);
    let p = params(Technology::XilinxUscale, (128, 8, 4 * queries), (128, 512));
    let model = build(&pe(&p).unwrap());
    for head_dim in [64, 128] {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
        let mut rng = rng(9);
        let mut ops = Vec::new();
        for opcode in [PEDOT, PEAXPY] {
            for block in 1..=tokens / queries {
                let mut op = Op::random(&p, &mut rng, opcode, (p.rows, block * queries, head_dim));
                op.packet.truncate((op.n * head_dim) as usize);
                op.dst = (DST + block % 2 * 650, 40);
                ops.push(op);
            }
        }
        let cycles = run(&mut unit, &p, &ops);
        let useful = 2 * (tokens * (tokens + 1) / 2) * head_dim * 4;
        let possible = cycles * u64::from(p.macs() * p.rows);
        let busy = f64::from(useful) / possible as f64;
        println!(
            "prefill: 4 heads of {head_dim} a group, {tokens} tokens in blocks of {queries}: {busy:.3}"
        );
        assert!(busy >= 0.90, "{head_dim}: {busy:.3}");
    }
}

/// Every mode of an array that has all of them, alone and in mixed sequences.
fn exercise_modes(p: &PeParams) {
    let model = build(&pe(p).unwrap());
    let mut rng = rng(11);
    let modes: Vec<PeMode> = p.modes.iter().collect();
    for (stalls, seed) in [(0, 1), (45, 2), (85, 3)] {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, stalls, seed);
        for &mode in &modes {
            let (all, beat) = (mode.most_rows(p.rows), p.beat_elements(mode));
            let most = p.max_len.min(1000);
            for shape in [
                (1, 1, beat),
                (all, 1, beat),
                (all, p.lanes + 1, beat),
                (all, 2 * p.lanes, 3 * beat),
                (all, 3, most / beat * beat),
            ] {
                let op = Op::of_mode(p, &mut rng, (PEDOT, mode), shape);
                activations(&mut unit, p, &mut rng, &op);
                run(&mut unit, p, &[op]);
            }
        }
        for _ in 0..10 {
            let ops: Vec<Op> = (0..6)
                .map(|_| {
                    let mode = modes[rng.random_range(0..modes.len())];
                    let opcode = match mode {
                        PeMode::Int8 => [PEDOT, PEAXPY][rng.random_range(0..2)],
                        _ => PEDOT,
                    };
                    let beat = p.beat_elements(mode);
                    let most = if opcode == PEDOT {
                        p.max_len.min(200)
                    } else {
                        p.max_axpy
                    };
                    let len = beat * rng.random_range(1..=(most / beat).max(1));
                    let rows = rng.random_range(1..=mode.most_rows(p.rows));
                    let n = rng.random_range(1..20.min(p.max_count));
                    let mut op = Op::of_mode(p, &mut rng, (opcode, mode), (rows, n, len));
                    let near = rng.random_range(0..3) * 60;
                    (op.src.0, op.dst.0) = (near + SRC, near + rng.random_range(0..90));
                    activations(&mut unit, p, &mut rng, &op);
                    op
                })
                .collect();
            run(&mut unit, p, &ops);
        }
    }
    faults(&model, p, &mut rng);
}

fn all_modes() -> PeModes {
    PeModes::of(&PeMode::ALL)
}

#[test]
fn all_modes_tiny() {
    exercise_modes(&with_modes(
        all_modes(),
        Technology::Generic,
        (64, 4, 5),
        (192, 256),
    ));
}

#[test]
fn all_modes_of_a_narrow_bus_with_wide_words() {
    exercise_modes(&with_modes(
        all_modes(),
        Technology::Generic,
        (32, 16, 3),
        (64, 96),
    ));
}

#[test]
fn all_modes_in_dsp48e2() {
    let size = ((128, 8, 8), (512, 256));
    exercise_modes(&with_modes(
        all_modes(),
        Technology::XilinxUscale,
        size.0,
        size.1,
    ));
}

#[test]
fn two_chains_in_dsp48e2() {
    let size = ((256, 4, 7), (512, 256));
    exercise_modes(&with_modes(
        all_modes(),
        Technology::XilinxUscale,
        size.0,
        size.1,
    ));
}

#[test]
fn some_modes() {
    use PeMode::{Bf16, Bf16Int8, Fp16, Fp16Int4, Int8Int4};
    for (modes, rows) in [
        (vec![Int8Int4], 6),
        (vec![Bf16], 3),
        (vec![Fp16Int4, Int8Int4], 4),
        (vec![Fp16, Bf16Int8], 2),
    ] {
        let modes = PeModes::of(&modes);
        exercise_modes(&with_modes(
            modes,
            Technology::Generic,
            (64, 8, rows),
            (128, 64),
        ));
    }
}

#[test]
fn a_mode_that_lacks_is_a_fault() {
    let p = with_modes(
        PeModes::of(&[PeMode::Fp16]),
        Technology::Generic,
        (64, 8, 2),
        (128, 64),
    );
    let model = build(&pe(&p).unwrap());
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 20, 4);
    let before = unit.pad.clone();
    let other = PeMode::ALL
        .iter()
        .filter(|&&m| !p.modes.has(m))
        .map(|m| (PEDOT, m.code()));
    for (opcode, mode) in other.chain([(PEDOT, 8), (PEDOT, 15), (PEAXPY, PeMode::Fp16.code())]) {
        let end = unit.run(opcode | mode << 12, [DST, SRC, 1, 8, 9, 9, 0]);
        assert_eq!(
            end,
            End::Fault {
                cause: 14,
                info: mode
            }
        );
        unit.reset();
    }
    assert!(unit.pad == before, "a refused instruction writes nothing");
    let mut rng = rng(3);
    let after = Op::of_mode(&p, &mut rng, (PEDOT, PeMode::Fp16), (2, 3, 64));
    activations(&mut unit, &p, &mut rng, &after);
    run(&mut unit, &p, &[after]);
}
