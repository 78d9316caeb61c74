//! Expressions against `num-bigint`, an implementation that shares nothing with the limbs here.

use num_bigint::{BigInt, BigUint};
use num_traits::Zero;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::NativeSim;
use crate::rtl::{Expr, Module, Ty, cat, mux, repeat, sint, uint};

fn value(bits: &BigUint, ty: Ty) -> BigInt {
    let v = BigInt::from(bits.clone());
    if ty.signed && bits.bit(u64::from(ty.width) - 1) {
        v - (BigInt::from(1) << ty.width)
    } else {
        v
    }
}

fn wrap(v: &BigInt, width: u32) -> BigUint {
    let span = BigInt::from(1) << width;
    let r = ((v % &span) + &span) % &span;
    r.magnitude().clone()
}

/// Random bits, often at the corners.
fn draw(rng: &mut ChaCha8Rng, width: u32) -> BigUint {
    let ones = (BigUint::from(1u32) << width) - 1u32;
    match rng.random_range(0..6) {
        0 => BigUint::zero(),
        1 => ones,
        2 => BigUint::from(1u32) << (width - 1),
        3 => ones >> 1,
        _ => {
            let digits = (0..width.div_ceil(32)).map(|_| rng.random()).collect();
            BigUint::new(digits) & ones
        }
    }
}

const WIDTHS: [u32; 11] = [1, 2, 7, 31, 32, 33, 63, 64, 65, 128, 130];

type Make = fn(&Expr, &Expr) -> Expr;
type Reference = fn(&BigInt, &BigInt) -> BigInt;

/// Checks an operator over pairs of operands of one type.
fn check(make: Make, reference: Reference, signs: &[bool]) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for &signed in signs {
        for width in WIDTHS {
            let ty = Ty { width, signed };
            let mut m = Module::new("m");
            let (a, b) = (m.input("a", ty, ""), m.input("b", ty, ""));
            let e = make(&a, &b);
            let y = m.output("y", e.ty(), "");
            m.assign(&y, &e);
            m.unused(cat([&a, &b]));
            let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
            for _ in 0..200 {
                let (x, z) = (draw(&mut rng, width), draw(&mut rng, width));
                sim.set_wide("a", &x);
                sim.set_wide("b", &z);
                let want = reference(&value(&x, ty), &value(&z, ty));
                let want = wrap(&want, e.ty().width);
                assert_eq!(sim.get_wide("y"), want, "{ty}: {x:x} {z:x}");
            }
        }
    }
}

const BOTH: &[bool] = &[false, true];

#[test]
fn sums_and_differences_wrap() {
    check(|a, b| a + b, |a, b| a + b, BOTH);
    check(|a, b| a - b, |a, b| a - b, BOTH);
    check(|a, b| &-a - b, |a, b| -a - b, &[true]);
}

#[test]
fn products_are_exact() {
    check(|a, b| a * b, |a, b| a * b, BOTH);
}

#[test]
fn comparisons_follow_the_sign() {
    check(|a, b| a.lt(b), |a, b| (a < b).into(), BOTH);
    check(|a, b| a.le(b), |a, b| (a <= b).into(), BOTH);
    check(|a, b| a.gt(b), |a, b| (a > b).into(), BOTH);
    check(|a, b| a.ge(b), |a, b| (a >= b).into(), BOTH);
    check(|a, b| a.eq(b), |a, b| (a == b).into(), BOTH);
    check(|a, b| a.ne(b), |a, b| (a != b).into(), BOTH);
}

#[test]
fn bitwise_and_choice() {
    check(|a, b| a & b, |a, b| a & b, BOTH);
    check(|a, b| a | b, |a, b| a | b, BOTH);
    check(|a, b| a ^ b, |a, b| a ^ b, BOTH);
    check(|a, _| !a, |a, _| -a - 1, BOTH);
    check(|a, b| mux(a.lt(b), a, b), |a, b| a.min(b).clone(), BOTH);
}

#[test]
fn reductions() {
    check(|a, _| a.reduce_or(), |a, _| (!a.is_zero()).into(), BOTH);
    check(
        |a, _| a.reduce_and(),
        |a, _| (*a == BigInt::from(-1)).into(),
        &[true],
    );
    let parity: Reference = |a, _| (a.magnitude().count_ones() % 2).into();
    check(|a, _| a.reduce_xor(), parity, &[false]);
}

#[test]
fn extension_fills_with_the_sign() {
    for to in [131, 192, 200] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for signed in [false, true] {
            for width in WIDTHS {
                let ty = Ty { width, signed };
                let mut m = Module::new("m");
                let a = m.input("a", ty, "");
                let e = a.extend(to);
                let y = m.output("y", e.ty(), "");
                m.assign(&y, &e);
                let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
                for _ in 0..50 {
                    let x = draw(&mut rng, width);
                    sim.set_wide("a", &x);
                    assert_eq!(sim.get_wide("y"), wrap(&value(&x, ty), to));
                }
            }
        }
    }
}

#[test]
fn shifts_by_any_amount() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for signed in [false, true] {
        for width in WIDTHS {
            for by_width in [3, 9, 70] {
                let ty = Ty { width, signed };
                let mut m = Module::new("m");
                let (a, by) = (m.input("a", ty, ""), m.input("by", uint(by_width), ""));
                let (l, r) = (m.output("l", ty, ""), m.output("r", ty, ""));
                m.assign(&l, a.shl(&by));
                m.assign(&r, a.shr(&by));
                let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
                for _ in 0..200 {
                    let x = draw(&mut rng, width);
                    let near = BigUint::from(rng.random_range(0..=width + 1));
                    let by = match rng.random_range(0..3) {
                        0 => draw(&mut rng, by_width),
                        _ => near & ((BigUint::from(1u32) << by_width) - 1u32),
                    };
                    sim.set_wide("a", &x);
                    sim.set_wide("by", &by);
                    let k = u32::try_from(&by).unwrap_or(500).min(500);
                    let v = value(&x, ty);
                    assert_eq!(sim.get_wide("l"), wrap(&(&v << k), width), "{ty} << {by}");
                    assert_eq!(sim.get_wide("r"), wrap(&(&v >> k), width), "{ty} >> {by}");
                }
            }
        }
    }
}

#[test]
fn joins_slices_and_parts() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut m = Module::new("m");
    let widths = [3u32, 64, 1, 61, 70, 1];
    let parts: Vec<Expr> = (0..6)
        .map(|i| m.input(&format!("p{i}"), uint(widths[i]), ""))
        .collect();
    let all = m.wire("all", cat(&parts));
    let small = m.output("joined", uint(5), "");
    m.assign(&small, cat([&parts[0], &parts[2], &parts[5]]));
    let copies = m.output("copies", uint(210), "");
    m.assign(&copies, repeat(3, &parts[4]));
    let fill = m.output("fill", uint(100), "");
    m.assign(&fill, repeat(100, &parts[2]));
    let mut slices = Vec::new();
    for (hi, lo) in [
        (199, 0),
        (127, 64),
        (130, 60),
        (63, 0),
        (199, 128),
        (77, 70),
        (199, 136),
    ] {
        let y = m.output(&format!("s{hi}_{lo}"), uint(hi - lo + 1), "");
        m.assign(&y, all.bits(hi, lo));
        slices.push((hi, lo));
    }
    let word = m.input("word", uint(256), "");
    let index = m.input("index", uint(1), "");
    let nibble = m.input("nibble", uint(6), "");
    let (half, four) = (
        m.output("half", uint(128), ""),
        m.output("four", uint(4), ""),
    );
    m.assign(&half, word.part(&index, 128));
    m.assign(&four, word.part(&nibble, 4));
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    for _ in 0..300 {
        let v: Vec<BigUint> = widths.iter().map(|&w| draw(&mut rng, w)).collect();
        let mut want = BigUint::zero();
        for (i, x) in v.iter().enumerate() {
            sim.set_wide(&format!("p{i}"), x);
            want = (want << widths[i]) | x;
        }
        for &(hi, lo) in &slices {
            let mask = (BigUint::from(1u32) << (hi - lo + 1)) - 1u32;
            assert_eq!(sim.get_wide(&format!("s{hi}_{lo}")), (&want >> lo) & mask);
        }
        let small = (&v[0] << 2u32) | (&v[2] << 1u32) | &v[5];
        assert_eq!(sim.get_wide("joined"), small);
        assert_eq!(
            sim.get_wide("copies"),
            (&v[4] << 140u32) | (&v[4] << 70u32) | &v[4]
        );
        let ones = (BigUint::from(1u32) << 100u32) - 1u32;
        assert_eq!(sim.get_wide("fill"), &v[2] * ones);
        let (w, i, n) = (
            draw(&mut rng, 256),
            rng.random_range(0..2u64),
            rng.random_range(0..64u64),
        );
        sim.set_wide("word", &w);
        sim.set("index", i);
        sim.set("nibble", n);
        let mask = (BigUint::from(1u32) << 128u32) - 1u32;
        assert_eq!(sim.get_wide("half"), (&w >> (128 * i)) & mask);
        assert_eq!(sim.get_wide("four"), (&w >> (4 * n)) & BigUint::from(15u32));
    }
}

#[test]
fn signed_ports_take_and_give_signed_numbers() {
    let mut m = Module::new("m");
    let (a, w) = (m.input("a", sint(9), ""), m.input("w", sint(100), ""));
    let (y, z) = (m.output("y", sint(18), ""), m.output("z", sint(100), ""));
    m.assign(&y, &a * &a);
    m.assign(&z, &w);
    let mut sim = NativeSim::new(&m.finish().unwrap()).unwrap();
    sim.set_signed("a", -256);
    sim.set_signed("w", -3);
    assert_eq!(sim.get_signed("y"), 65536);
    assert_eq!(sim.get_wide("z"), (BigUint::from(1u32) << 100u32) - 3u32);
}

#[test]
#[should_panic(expected = "does not fit 4 bits")]
fn a_value_too_large_is_refused() {
    let mut m = Module::new("m");
    let a = m.input("a", uint(4), "");
    let y = m.output("y", uint(4), "");
    m.assign(&y, &a);
    NativeSim::new(&m.finish().unwrap()).unwrap().set("a", 16);
}
