//! The multiply-accumulate array against its golden model.

#![allow(clippy::unwrap_used)]

mod modes;
mod op;
#[path = "../unit_bench/mod.rs"]
mod unit_bench;

use hw::params::Technology;
use hw::pe::{PeParams, pe};
use op::{DST, Op, PEAXPY, PEDOT, SRC, params, run};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::Model;
use unit_bench::{End, Unit, build, rng, word};

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
