//! The multiply-accumulate array against its golden model.

#![allow(clippy::unwrap_used)]

mod unit_bench;

use hw::params::MachineParams;
use hw::pe::{PeParams, golden, pe};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tb::sim::Model;
use unit_bench::{End, Unit, build, codes, rng};

const PEDOT: u32 = 0x40;
const PEAXPY: u32 = 0x41;
const SRC: u32 = 3;
const DST: u32 = 700;

fn params(bus_bits: u32, lanes: u32, rows: u32, max_len: u32, max_count: u32) -> PeParams {
    PeParams::new(&MachineParams {
        bus_bits,
        vec_lanes: lanes,
        pe_rows: rows,
        pe_max_len: max_len,
        pe_max_count: max_count,
        ..MachineParams::tiny()
    })
}

/// Opcode, rows minus one in the flags, and a pc that does not matter.
fn head(opcode: u32, rows: usize) -> u32 {
    opcode | (rows as u32 - 1) << 8 | 0x0bad_0000
}

/// One operation on random codes; compares the whole scratchpad and returns the cycles.
fn operate(
    unit: &mut Unit,
    p: &PeParams,
    rng: &mut ChaCha8Rng,
    opcode: u32,
    (rows, n, len): (usize, u32, u32),
) -> u64 {
    let beat = p.bus_bits as usize / 8;
    let extra = rng.random_range(0..4usize) * beat;
    let packet = codes(rng, (n * len) as usize + extra);
    let packet: Vec<u8> = packet.iter().map(|c| c.cast_unsigned()).collect();
    let width = if opcode == PEDOT { len } else { n };
    let acts: Vec<Vec<i8>> = (0..rows).map(|_| codes(rng, width as usize)).collect();
    let src_stride = width.div_ceil(4 * p.lanes) + rng.random_range(0..3);
    let results = if opcode == PEDOT { n } else { len };
    let dst_stride = results.div_ceil(p.lanes) + rng.random_range(0..3);
    for (r, row) in acts.iter().enumerate() {
        unit.pad
            .write_i8s(SRC + r as u32 * src_stride, row)
            .unwrap();
    }
    let mut want = unit.pad.clone();
    let y = match opcode {
        PEDOT => golden::pedot(p, &packet, &acts, n, len),
        _ => golden::peaxpy(p, &packet, &acts, n, len),
    };
    for (r, row) in y.unwrap().iter().enumerate() {
        want.write_i32s(DST + r as u32 * dst_stride, row).unwrap();
    }
    unit.packet(&packet);
    let fields = [DST, SRC, n, len, dst_stride, src_stride, 99];
    let what = format!("opcode {opcode:#x}, {rows} rows, n = {n}, len = {len}");
    let end = unit.run(head(opcode, rows), fields);
    let End::Done(cycles) = end else {
        panic!("{end:?}: {what}")
    };
    assert_eq!(unit.beats_left(), 0, "packet consumed: {what}");
    assert!(unit.pad == want, "scratchpad differs: {what}");
    cycles
}

fn exercise(p: &PeParams) -> Model {
    let model = build(&pe(p).unwrap());
    let mut rng = rng(7);
    let m = p.macs();
    for (stalls, seed) in [(0, 1), (40, 2), (85, 3)] {
        let mut unit = Unit::new(&model, p.lanes, p.bus_bits, stalls, seed);
        let all = p.rows as usize;
        for shape in [
            (1, 1, m),
            (all, 1, m),
            (all, p.lanes, m),
            (all, 3 * p.lanes, m),
            (all, p.lanes + 1, 2 * m),
            (all, 5, p.max_len),
        ] {
            operate(&mut unit, p, &mut rng, PEDOT, shape);
        }
        for shape in [
            (1, 1, m),
            (all, 1, m),
            (all, m + 1, m),
            (all, 7, p.max_axpy),
            (all, p.max_count, 2 * m),
        ] {
            operate(&mut unit, p, &mut rng, PEAXPY, shape);
        }
        for _ in 0..12 {
            let rows = rng.random_range(1..=all);
            let n = rng.random_range(1..30);
            let beats = rng.random_range(1..=p.max_axpy / m);
            let opcode = [PEDOT, PEAXPY][rng.random_range(0..2)];
            operate(&mut unit, p, &mut rng, opcode, (rows, n, beats * m));
        }
    }
    faults(&model, p, &mut rng);
    model
}

fn faults(model: &Model, p: &PeParams, rng: &mut ChaCha8Rng) {
    let m = p.macs();
    let mut unit = Unit::new(model, p.lanes, p.bus_bits, 20, 4);
    let before = unit.pad.clone();
    let rows = p.rows as usize + 1;
    for (opcode, rows, n, len, info) in [
        (PEDOT, rows, 1, m, rows as u32),
        (PEDOT, 1, 0, m, 0),
        (PEDOT, 1, 1, 0, 0),
        (PEDOT, 1, 1, m + 1, m + 1),
        (PEDOT, 1, 1, p.max_len + m, p.max_len + m),
        (PEAXPY, 1, 1, p.max_axpy + m, p.max_axpy + m),
        (PEAXPY, 1, p.max_count + 1, m, p.max_count + 1),
    ] {
        let end = unit.run(head(opcode, rows), [DST, SRC, n, len, 9, 9, 0]);
        assert_eq!(end, End::Fault { cause: 2, info });
        assert_eq!(unit.run(head(PEDOT, 1), [DST, SRC, 1, m, 9, 9, 0]), end);
        unit.reset();
    }
    assert!(unit.pad == before, "a refused instruction writes nothing");
    for opcode in [PEDOT, PEAXPY] {
        // One beat too few: the vector that lacks it is named.
        unit.packet(&vec![1; (5 * 2 * m - m) as usize]);
        let end = unit.run(head(opcode, 1), [DST, SRC, 5, 2 * m, 9, 9, 0]);
        assert_eq!(end, End::Fault { cause: 3, info: 4 });
        unit.reset();
        operate(&mut unit, p, rng, opcode, (1, 3, 2 * m));
    }
}

#[test]
fn tiny() {
    let p = params(64, 4, 3, 192, 256);
    let model = exercise(&p);
    let mut unit = Unit::new(&model, p.lanes, p.bus_bits, 0, 5);
    let cycles = operate(&mut unit, &p, &mut rng(6), PEDOT, (3, 200, 32));
    assert!(cycles < 200 * 4 + 50, "{cycles} cycles for 800 beats");
    let cycles = operate(&mut unit, &p, &mut rng(6), PEAXPY, (3, 200, 32));
    assert!(
        cycles < 200 * 4 + 3 * 16 + 3 * 8 + 50,
        "{cycles} cycles for 800 beats"
    );
}

#[test]
fn wide_words_narrow_bus() {
    exercise(&params(32, 16, 2, 64, 96));
}
