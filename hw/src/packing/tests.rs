use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::rtl::{Design, NativeSim};

const DSP: Multiplier = Multiplier::Dsp48e2;

fn operand(text: &str) -> Operand {
    text.parse().unwrap()
}

fn layout(a: &str, a_at: &[u32], b: &str, b_at: &[u32], low: Option<&[u32]>) -> Layout {
    Layout::of(DSP, (operand(a), a_at), (operand(b), b_at), false, low).unwrap()
}

fn found(a: &str, b: &str, products: usize) -> Found {
    let all = solve(DSP, operand(a), operand(b));
    let mut some = all.iter().filter(|f| f.layout.products() == products);
    some.next()
        .unwrap_or_else(|| panic!("{a} x {b}: no {products}"))
        .clone()
}

/// What papers.md lists in 2.4 and 2.5 is proven as it stands there, where both ends of its operands fit our ports.
#[test]
fn published_layouts_are_exact() {
    let lows = |l: &Layout| l.lanes.iter().map(|lane| lane.low).collect::<Vec<_>>();
    let fp16 = layout("11u", &[0, 15], "11u", &[0], None);
    assert_eq!(lows(&fp16), [0, 7]);
    let fp16_int4 = layout("3u", &[0, 11, 22], "11u", &[0], None);
    assert_eq!(lows(&fp16_int4), [0, 3, 3]);
    let ultra_prefill = layout("3u", &[0, 6, 12, 18], "3u", &[0, 9], None);
    assert_eq!(lows(&ultra_prefill), [0, 0, 3, 3, 3, 3, 3, 0]);
    let ultra_decode = layout("3u", &[0, 5, 10, 15, 20, 24], "3u", &[0], None);
    assert_eq!(lows(&ultra_decode), [0, 1, 1, 1, 1, 2]);
    let wp486 = layout("8s", &[0, 18], "8s", &[0], None);
    assert_eq!(lows(&wp486), [0, 0]);
    for l in [fp16, fp16_int4, ultra_prefill, ultra_decode, wp486] {
        assert_eq!(prove(&l).map_err(|e| e.to_string()).err(), None, "{l}");
    }
}

/// What the search has to reach, by its own count; `tb/tests/packing.rs` synthesises them.
#[test]
fn the_search_finds_them_or_better() {
    for (a, b, products, luts) in [
        ("8s", "8s", 2, 3),
        ("4s", "4s", 4, 9),
        ("4s", "4s", 6, 23),
        ("4s", "4s", 8, 49),
        ("4y", "4y", 8, 31),
        ("4y", "4y", 9, 44),
        ("3u", "3u", 12, 29),
        ("11u", "11u", 2, 24),
        ("11u", "4s", 2, 1),
        ("11u", "4s", 3, 17),
        ("11u", "3u", 3, 5),
    ] {
        let best = found(a, b, products);
        assert!(best.cost.lut() <= luts, "{}: {:?}", best.layout, best.cost);
        prove(&best.layout).unwrap_or_else(|e| panic!("{}: {e}", best.layout));
    }
    // A lane that reaches into the sign bit saves a bit of overlap.
    assert_eq!(found("11u", "11u", 2).layout.a_at, [0, 16]);
}

/// Every layout that is proven gives products, also those whose operands are too many to try.
#[test]
fn proven_layouts_give_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (a, b) in [
        ("4s", "4s"),
        ("5s", "4u"),
        ("11u", "4y"),
        ("12s", "12s"),
        ("8u", "7s"),
        ("17u", "9u"),
        ("2y", "6s"),
    ] {
        for multiplier in Multiplier::ALL {
            for f in solve(multiplier, operand(a), operand(b)) {
                prove(&f.layout).unwrap();
                for k in 0..2000 {
                    let mut pick = |of: Operand| match k {
                        0..300 if rng.random() => of.low(),
                        0..300 => of.high(),
                        _ => rng.random_range(of.values()),
                    };
                    let x: Vec<i64> = f.layout.a_at.iter().map(|_| pick(f.layout.a)).collect();
                    let y: Vec<i64> = f.layout.b_at.iter().map(|_| pick(f.layout.b)).collect();
                    let words = golden::run(&f.layout, &x, &y);
                    for (lane, got) in f.layout.lanes.iter().zip(words.products) {
                        assert_eq!(got, x[lane.a] * y[lane.b], "{}: {x:?} {y:?}", f.layout);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_exact_is_refused_with_operands() {
    let short = layout("11u", &[0, 15], "11u", &[0], Some(&[0, 6]));
    let NotExact::Counterexample {
        a,
        b,
        lane,
        got,
        expected,
        operands,
    } = prove(&short).unwrap_err()
    else {
        panic!("no counterexample");
    };
    assert_eq!(golden::run(&short, &a, &b).products[lane], got);
    assert_eq!(a[operands.0] * b[operands.1], expected);
    assert_ne!(got, expected);
    // Signed operands at the upper end of the port: the sum of the lowest ones wraps.
    let wraps = layout("4s", &[0, 23], "4s", &[0], None);
    let text = prove(&wraps).unwrap_err().to_string();
    assert!(text.starts_with("it is not exact: a = [-8, -8]"), "{text}");
    // Without the bias a negative lane borrows from the one above.
    let mut borrows = layout("8s", &[0, 18], "8s", &[0], None);
    borrows.lanes[0].bias = 0;
    assert!(matches!(
        prove(&borrows),
        Err(NotExact::Counterexample { .. })
    ));
}

#[test]
fn what_can_not_be_built_is_refused_in_words() {
    let of = |a: &str, a_at: &[u32], b: &str, b_at: &[u32]| {
        let made = Layout::of(DSP, (operand(a), a_at), (operand(b), b_at), false, None);
        made.unwrap_err().to_string()
    };
    assert!(of("11u", &[0, 8], "11u", &[0]).contains("a operands of 11 bits at [0, 8]"));
    assert!(of("11u", &[0, 17], "11u", &[0]).contains("port a of 27 bits"));
    assert!(of("4u", &[0, 8], "4u", &[0, 8]).contains("two products stand at weight 8"));
    assert!(of("4u", &[], "4u", &[0]).contains("at least one operand"));
    for wrong in ["11", "11x", "1u", "18s", "u", "-3u", "3 u"] {
        assert!(wrong.parse::<Operand>().is_err(), "{wrong}");
    }
}

/// Layouts of all kinds: pre-adder, borrow, centred operand, tight lanes.
pub(super) fn references() -> Vec<Layout> {
    let mut all = vec![
        layout("8s", &[0, 18], "8s", &[0], None),
        layout("11u", &[0, 15], "11u", &[0], None),
    ];
    all.extend(
        [
            ("4y", "4y", 8),
            ("4s", "4s", 6),
            ("12s", "4s", 3),
            ("12s", "4s", 4),
            ("11u", "11u", 2),
            ("11u", "4s", 3),
            ("11u", "3u", 3),
        ]
        .map(|(a, b, n)| found(a, b, n).layout),
    );
    all
}

#[test]
fn multiplier_in_the_native_simulator() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for layout in references() {
        let module = packed_multiplier(&layout).unwrap();
        let mut sim = NativeSim::new(&module).unwrap();
        sim.scramble(3);
        let mut sent = Vec::new();
        for k in 0..3000 {
            let mut pick = |of: Operand| match rng.random_range(0..6) {
                0 => of.low(),
                1 => of.high(),
                _ => rng.random_range(of.values()),
            };
            let x: Vec<i64> = layout.a_at.iter().map(|_| pick(layout.a)).collect();
            let y: Vec<i64> = layout.b_at.iter().map(|_| pick(layout.b)).collect();
            sim.set_wide("a", &pack(&x, layout.a.bits));
            sim.set_wide("b", &pack(&y, layout.b.bits));
            if k >= LATENCY as usize {
                let (x, y): &(Vec<i64>, Vec<i64>) = &sent[k - LATENCY as usize];
                let all = x.iter().flat_map(|x| y.iter().map(move |y| x * y));
                let wanted = pack(&all.collect::<Vec<_>>(), layout.product_bits());
                assert_eq!(sim.get_wide("p"), wanted, "{layout}: {x:?} {y:?}");
            }
            sent.push((x, y));
            sim.tick("clk");
        }
    }
}

fn pack(values: &[i64], bits: u32) -> num_bigint::BigUint {
    let mask = (1u64 << bits) - 1;
    let each = values.iter().rev();
    each.fold(num_bigint::BigUint::default(), |all, &v| {
        (all << bits) | num_bigint::BigUint::from(v as u64 & mask)
    })
}

#[test]
fn emitted_multipliers() {
    for layout in [references()[2].clone(), references()[6].clone()] {
        for module in Design::new(&packed_multiplier(&layout).unwrap())
            .unwrap()
            .modules()
        {
            insta::assert_snapshot!(module.name.clone(), module.verilog());
        }
    }
}
