//! Whether a layout is exact.
//!
//! The sum is bilinear, so that it is the sum of all products at their weights as long as no port wraps. Fabric takes the low
//! bits of a lane off, a bias makes it non-negative: if then each lane stays within its field and fields do not touch, no
//! carry leaves a field, and each field is the upper part of its product. These are finitely many inequalities between ends of
//! intervals, which products of ends reach; they prove the layout whatever the number of operands. Where the
//! operands are few enough, the words on the ports are run through for all of them besides.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::golden::run;
use super::layout::{Broken, Layout, Side};

/// Sets of operands that are tried one by one when there are not more.
const EXHAUSTIVE: u64 = 1 << 20;

/// Random sets that are tried to refute a layout which could not be proven.
const TRIES: u64 = 1 << 20;

/// How a layout was proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Proof {
    /// No port wraps and no lane leaves its field; and all this many sets of operands gave their products.
    Exhaustive { cases: u64 },
    /// No port wraps and no lane leaves its field, by the ends of the intervals.
    Intervals,
}

/// Why a layout may not be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum NotExact {
    #[error("it can not be built: {0}")]
    Broken(#[from] Broken),
    #[error(
        "it is not exact: a = {a:?}, b = {b:?}: lane {lane} (a[{}] b[{}]) gives {got}, not {expected}",
        .operands.0, .operands.1
    )]
    Counterexample {
        a: Vec<i64>,
        b: Vec<i64>,
        lane: usize,
        operands: (usize, usize),
        got: i64,
        expected: i64,
    },
    #[error("it could be neither proven nor refuted: {0}")]
    Undecided(String),
}

/// Least and largest sum on a port.
fn port_range(side: &Side<'_>) -> (i64, i64) {
    let each = side.at.iter().enumerate();
    let sum = |end: i64| {
        each.clone()
            .map(|(i, at)| (end - side.centre(i)) << at)
            .sum()
    };
    (sum(side.operand.low()), sum(side.operand.high()))
}

/// Whether the inequalities hold.
pub(super) fn holds(layout: &Layout) -> bool {
    violated(layout).is_none()
}

/// The inequality that does not hold, if there is one.
fn violated(layout: &Layout) -> Option<String> {
    for (name, side) in [("a", layout.side_a()), ("b", layout.side_b())] {
        let (low, high) = port_range(&side);
        let half = 1i64 << (side.port_bits - 1);
        if low < -half || high >= half {
            return Some(format!("port {name} wraps: {low} to {high}"));
        }
    }
    let product = layout.a.product(layout.b);
    for (k, lane) in layout.lanes.iter().enumerate() {
        let upper = |x: i64| (x >> lane.low << lane.low) + lane.bias;
        let (low, high) = (upper(*product.start()), upper(*product.end()));
        let least = if lane.signed {
            -(1i64 << (lane.width - 1))
        } else {
            0
        };
        if low < least || high >= least + (1 << lane.width) {
            return Some(format!(
                "lane {k} leaves its {} bits: {low} to {high}",
                lane.width
            ));
        }
        if let Some(above) = layout.lanes.get(k + 1)
            && lane.at + lane.width > above.at + above.low
        {
            return Some(format!("lane {k} reaches into lane {}", k + 1));
        }
    }
    None
}

/// Operands from their numbers: one digit each, in the base of their values.
fn operands(layout: &Layout, mut number: u64) -> (Vec<i64>, Vec<i64>) {
    let mut digits = |of: super::Operand, n: usize| {
        (0..n)
            .map(|_| {
                let digit = number % of.count();
                number /= of.count();
                of.low() + digit as i64
            })
            .collect::<Vec<i64>>()
    };
    let a = digits(layout.a, layout.a_at.len());
    (a, digits(layout.b, layout.b_at.len()))
}

fn refute(layout: &Layout, a: Vec<i64>, b: Vec<i64>) -> Result<(), NotExact> {
    let words = run(layout, &a, &b);
    for (k, (lane, &got)) in layout.lanes.iter().zip(&words.products).enumerate() {
        let expected = a[lane.a] * b[lane.b];
        if got != expected {
            return Err(NotExact::Counterexample {
                lane: k,
                operands: (lane.a, lane.b),
                got,
                expected,
                a,
                b,
            });
        }
    }
    Ok(())
}

/// Sets of operands, if that number is below 2^63.
fn cases(layout: &Layout) -> Option<u64> {
    let side = |of: super::Operand, n: usize| of.count().checked_pow(n as u32);
    let all = side(layout.a, layout.a_at.len())?.checked_mul(side(layout.b, layout.b_at.len())?)?;
    (all < 1 << 63).then_some(all)
}

/// Proves that every lane is its product, for all operands.
///
/// # Errors
/// A rule of the ports that is broken, or operands for which a lane is wrong.
pub fn prove(layout: &Layout) -> Result<Proof, NotExact> {
    layout.check()?;
    let violated = violated(layout);
    let all = cases(layout);
    let few = all.filter(|&n| n <= EXHAUSTIVE);
    if let Some(n) = few {
        for number in 0..n {
            let (a, b) = operands(layout, number);
            refute(layout, a, b)?;
        }
        return Ok(Proof::Exhaustive { cases: n });
    }
    let Some(violated) = violated else {
        return Ok(Proof::Intervals);
    };
    // Ends of the intervals first: two values each, then what a generator gives.
    let ends = layout.a_at.len() + layout.b_at.len();
    for mask in 0..1u64 << ends {
        let pick = |of: super::Operand, bit: usize| {
            if mask >> bit & 1 == 1 {
                of.high()
            } else {
                of.low()
            }
        };
        let a = (0..layout.a_at.len()).map(|i| pick(layout.a, i)).collect();
        let b = (layout.a_at.len()..ends)
            .map(|i| pick(layout.b, i))
            .collect();
        refute(layout, a, b)?;
    }
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |of: super::Operand| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        of.low() + ((state >> 11) % of.count()) as i64
    };
    for _ in 0..TRIES {
        let a = layout.a_at.iter().map(|_| next(layout.a)).collect();
        let b = layout.b_at.iter().map(|_| next(layout.b)).collect();
        refute(layout, a, b)?;
    }
    Err(NotExact::Undecided(violated))
}
