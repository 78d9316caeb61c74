//! The vector unit against its golden model, bit for bit.

#![allow(clippy::unwrap_used)]

mod vector_bench;

use hw::num::F32;
use hw::params::MachineParams;
use hw::scratchpad::Scratchpad;
use hw::vec::golden::{Elements, Operands, Results, execute};
use hw::vec::{VecFlags, VecOp, VecParams, vec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vector_bench::{End, Unit, build};

const A: u32 = 10;
const B: u32 = 80;
const DST: u32 = 200;
const S0: u32 = 3;
const S1: u32 = 5;
const REDUCED: u32 = 400;

/// One operand of a kind: the values of one vector have one magnitude, or none at all.
fn value(rng: &mut ChaCha8Rng, kind: u32) -> u32 {
    let sign = rng.random::<u32>() & 1 << 31;
    match (kind, rng.random_range(0..16)) {
        (_, 0) => [0, 1 << 31, 1, 0x807f_ffff][rng.random_range(0..4)],
        (0, _) => rng.random(),
        (1, 1) => sign | rng.random_range(0x7e00_0000..0x8000_0000),
        (1, 2) => sign | rng.random_range(0x0000_0000..0x0180_0000),
        (2, _) => rng.random_range(-300i32..300) as u32,
        _ => rng.random_range(-8.0f32..8.0).to_bits(),
    }
}

fn vector(rng: &mut ChaCha8Rng, n: usize, kind: u32) -> Vec<u32> {
    (0..n).map(|_| value(rng, kind)).collect()
}

/// Puts what the instruction must write into the scratchpad.
fn apply(pad: &mut Scratchpad, dst: u32, r: &Results) {
    match &r.y {
        Elements::Words(w) => {
            let signed: Vec<i32> = w.iter().map(|&w| w as i32).collect();
            pad.write_i32s(dst, &signed).unwrap();
        }
        Elements::Bytes(b) => pad.write_i8s(dst, b).unwrap(),
        Elements::None => {}
    }
    for (k, scalar) in [r.reduced, r.sum].into_iter().enumerate() {
        if let Some(F32(bits)) = scalar {
            pad.write_scalar(REDUCED + k as u32, bits).unwrap();
        }
    }
}

struct Case {
    op: VecOp,
    flags: VecFlags,
    n: usize,
    kind: u32,
    /// The result goes over the operand.
    in_place: bool,
}

fn run(unit: &mut Unit, rng: &mut ChaCha8Rng, lanes: usize, c: &Case) -> u64 {
    let (a_kind, b_kind) = match c.flags.integer {
        true => (2 * (c.kind & 1), c.kind),
        false => (c.kind, c.kind),
    };
    let (a, b) = (vector(rng, c.n, a_kind), vector(rng, c.n, b_kind));
    let (s0, s1) = (value(rng, c.kind), value(rng, c.kind));
    // Lanes past the end hold noise, which must not count.
    for (base, data) in [(A, &a), (B, &b)] {
        let mut whole: Vec<i32> = data.iter().map(|&w| w as i32).collect();
        whole.resize_with(c.n.next_multiple_of(lanes), || rng.random());
        unit.pad.write_i32s(base, &whole).unwrap();
    }
    unit.pad.write_scalar(S0, s0).unwrap();
    unit.pad.write_scalar(S1, s1).unwrap();
    let o = Operands {
        a: &a,
        b: &b,
        s0: F32(s0),
        s1: F32(s1),
    };
    let mut want = unit.pad.clone();
    let dst = if c.in_place { A } else { DST };
    apply(&mut want, dst, &execute(c.op, c.flags, lanes, &o));
    let noise: u32 = rng.random();
    let head = u32::from(c.op.op().opcode()) | u32::from(c.flags.encode()) << 8 | noise << 16;
    let end = unit.run(head, [dst, A, B, c.n as u32, S0, S1, REDUCED]);
    let End::Done(cycles) = end else {
        panic!("{end:?}")
    };
    if unit.pad != want {
        let differs = |w: &u32| unit.pad.word(*w) != want.word(*w);
        let at = (0..vector_bench::WORDS).find(differs).unwrap();
        panic!(
            "{:?} {:?} n = {}: word {at} is {:08x?}, not {:08x?}; a {a:08x?} b {b:08x?} s0 {s0:08x} s1 {s1:08x}",
            c.op,
            c.flags,
            c.n,
            unit.pad.word(at).unwrap(),
            want.word(at).unwrap()
        );
    }
    cycles
}

fn all_flags() -> impl Iterator<Item = VecFlags> {
    (0..32).filter(|bits| bits >> 3 != 3).map(VecFlags::decode)
}

#[test]
fn every_operation_with_every_flag_equals_golden() {
    let p = VecParams::from(&MachineParams::tiny());
    let lanes = p.lanes as usize;
    let model = build(&vec(&p).unwrap());
    let mut unit = Unit::new(&model, &["a", "b"], p.lanes, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let sizes = [0, 1, 2, lanes - 1, lanes, lanes + 1, 31, 64 + 3];
    let mut round = 0u32;
    for op in VecOp::ALL {
        for flags in all_flags() {
            for n in sizes {
                round += 1;
                unit.stalls = [0, 30, 80][round as usize % 3];
                let case = Case {
                    op,
                    flags,
                    n,
                    kind: [0, 1, 3, 3][rng.random_range(0..4)],
                    in_place: round.is_multiple_of(5),
                };
                run(&mut unit, &mut rng, lanes, &case);
            }
        }
    }
    unit.stalls = 0;
    let full = Case {
        op: VecOp::Exp,
        flags: VecFlags::decode(0),
        n: 60 * lanes,
        kind: 3,
        in_place: false,
    };
    let cycles = run(&mut unit, &mut rng, lanes, &full);
    assert!(cycles < 60 + 100, "{cycles} cycles for 60 words");
    let quiet = Case {
        op: VecOp::Scale,
        ..full
    };
    let cycles = run(&mut unit, &mut rng, lanes, &quiet);
    assert!(cycles < 60 + 60, "{cycles} cycles for 60 words");
    too_long(&mut unit);
}

/// More words than a reader can count: refused, and nothing else begins until the reset.
fn too_long(unit: &mut Unit) {
    let before = unit.pad.clone();
    let n = 1 << 18;
    let fields = [DST, A, B, n, S0, S1, REDUCED];
    let head = u32::from(VecOp::Scale.op().opcode());
    let fault = End::Fault { cause: 2, info: n };
    assert_eq!(unit.run(head, fields), fault);
    assert_eq!(unit.run(head, [DST, A, B, 4, S0, S1, REDUCED]), fault);
    assert!(unit.pad == before, "a refused instruction writes nothing");
    unit.reset();
    assert!(matches!(
        unit.run(head, [DST, A, B, 0, S0, S1, REDUCED]),
        End::Done(_)
    ));
}
