//! A layout bit by bit: what stands on the ports, what the sum is, what is read from it.

use super::layout::{Field, Layout};

/// Words on the ports for given operands, and the products that are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// First multiplicand, after the pre-adder.
    pub ad: i64,
    pub b: i64,
    pub c: i64,
    /// The sum, modulo two to its bits.
    pub p: i64,
    /// Products, lane by lane.
    pub products: Vec<i64>,
}

/// Two's complement of the low `bits` of a value.
fn wrap(value: i64, bits: u32) -> i64 {
    value << (64 - bits) >> (64 - bits)
}

fn low_bits(value: i64, bits: u32) -> i64 {
    value & ((1 << bits) - 1)
}

/// Runs the layout on one set of operands: `a[i]`, `b[j]` within the values of their kinds.
pub fn run(layout: &Layout, a: &[i64], b: &[i64]) -> Words {
    let (side_a, side_b) = (layout.side_a(), layout.side_b());
    let port = |values: &[i64], side: &super::layout::Side<'_>| {
        let terms = values.iter().zip(side.at).enumerate();
        let sum: i64 = terms.map(|(i, (x, at))| (x - side.centre(i)) << at).sum();
        wrap(sum, side.port_bits)
    };
    let (ad, bw) = (port(a, &side_a), port(b, &side_b));
    let code = |x: i64, signed: bool, bits: u32| {
        low_bits(if signed { x + (1 << (bits - 1)) } else { x }, bits)
    };
    let low = |k: usize| {
        let lane = &layout.lanes[k];
        low_bits(a[lane.a].wrapping_mul(b[lane.b]), lane.low)
    };
    let c = layout.fields().iter().fold(0, |c, &(field, at, width)| {
        let value = match field {
            Field::Low(k) if layout.subtracts() => low(k),
            Field::Low(k) => low_bits(!low(k), width),
            Field::A(i) => code(a[i], layout.a.is_signed(), width),
            Field::B(j) => code(b[j], layout.b.is_signed(), width),
        };
        c | value << at
    });
    let signed_c = if layout.subtracts() { -c } else { c };
    let sum = (ad * bw).wrapping_add(signed_c);
    let p = sum.wrapping_add(layout.constant()) & layout.sum_mask();
    let products = layout
        .lanes
        .iter()
        .enumerate()
        .map(|(k, lane)| {
            let field = low_bits(p >> (lane.at + lane.low), lane.width - lane.low);
            let high = if lane.signed {
                wrap(field, lane.width - lane.low)
            } else {
                field
            };
            ((high << lane.low) | low(k)) - lane.bias
        })
        .collect();
    Words {
        ad,
        b: bw,
        c,
        p,
        products,
    }
}
