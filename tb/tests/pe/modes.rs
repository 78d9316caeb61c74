//! The modes beside int8.

use hw::params::Technology;
use hw::pe::{PeMode, PeModes, PeParams, pe};
use rand::Rng;

use super::faults;
use super::op::{DST, Op, PEAXPY, PEDOT, SRC, activations, run, with_modes};
use super::unit_bench::{End, Unit, build, rng};

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

fn in_dsp48e2(sizes: (u32, u32, u32)) -> PeParams {
    with_modes(all_modes(), Technology::XilinxUscale, sizes, (512, 256))
}

#[test]
fn all_modes_in_dsp48e2() {
    exercise_modes(&in_dsp48e2((128, 8, 8)));
}

#[test]
fn two_chains_in_dsp48e2() {
    exercise_modes(&in_dsp48e2((256, 4, 7)));
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

/// Heads in tiles, as many rows as the mode has: share of the cycles in which a beat is taken.
#[test]
fn every_mode_keeps_the_bus_busy() {
    let p = in_dsp48e2((128, 8, 8));
    let model = build(&pe(&p).unwrap());
    for mode in p.modes.iter() {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
        let mut rng = rng(12);
        let (rows, n, len) = (mode.most_rows(p.rows), 128, 512);
        let mut ops = Vec::new();
        for tile in 0..6 {
            let mut op = Op::of_mode(&p, &mut rng, (PEDOT, mode), (rows, n, len));
            op.packet
                .truncate((u64::from(n) * mode.bytes(len)) as usize);
            (op.src, op.dst) = ((0, 64), (DST + tile % 2 * 600, 16));
            activations(&mut unit, &p, &mut rng, &op);
            ops.push(op);
        }
        let cycles = run(&mut unit, &p, &ops);
        let beats = 6 * n * len / p.beat_elements(mode);
        let busy = f64::from(beats) / cycles as f64;
        println!("{}: {rows} rows of {len}: {busy:.3}", mode.word());
        assert!(busy >= 0.95, "{}: {busy:.3}", mode.word());
    }
}
