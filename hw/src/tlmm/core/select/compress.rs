//! Rows as carry-save trees of full adders: for silicon, where a register costs as much as a full adder.
//!
//! A row has two registers, sum and carry, and nothing before them. Every product is one gate a bit, +a or ~a chosen by
//! two lines that the 8 bits share; the one of a negation is a bit of the tree like the others. Sign bits go in
//! complemented, so that all bits count positive and what leaves the tree is too large by 128 T; the accumulator starts
//! with that much less for all K tiles.
//!
//! A full adder whose inputs are complemented gives complements. So the whole tree works on complements, from the
//! and-or-invert gates, smaller than those that do not invert, to the last adder, which takes them back:
//! ~(~x + ~y + 1) = x + y.

use std::sync::Arc;

use super::SelectCore;
use crate::rtl::{
    Clock, Expr, Module, ModuleBuilder, RtlError, bits_for, cat, one, repeat, uint, zero,
};

/// Bits of what leaves the tree: up to 256 T.
pub(super) const fn tree_bits(groups: u32) -> u32 {
    bits_for(256 * groups as u64)
}

/// The module that a library's full adder takes the place of.
fn full_adder() -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("full_adder").doc("Combinational; a cell of its own in most libraries.");
    let [a, b, c] = ["a", "b", "c"].map(|n| m.input(n, uint(1), ""));
    let sum = m.output("sum", uint(1), "");
    let carry = m.output("carry", uint(1), "");
    m.assign(&sum, &a ^ &b ^ &c);
    m.assign(&carry, (&a & &b) | (&c & (&a ^ &b)));
    m.finish()
}

/// The gate that chooses between +a and ~a. Both are its inputs: a mapper that sees the complement as a function of a
/// takes two gates.
fn and_or_invert() -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("and_or_invert").doc("Combinational; a cell of its own in most libraries.");
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|n| m.input(n, uint(1), ""));
    let y = m.output("y", uint(1), "");
    m.assign(&y, !((&a & &b) | (&c & &d)));
    m.finish()
}

/// Neither has a clock to connect.
fn no_clock() -> Clock {
    Clock {
        clk: zero(),
        rst: zero(),
    }
}

/// Bits of one weight with the time at which they settle, in delays of a full adder.
type Column = Vec<(u32, Expr)>;

/// Adds full adders until no column has more than two bits, or until none has three that settle before `until`.
fn compress(
    m: &mut ModuleBuilder,
    name: &str,
    mut columns: Vec<Column>,
    until: u32,
) -> Result<Vec<Column>, RtlError> {
    let adder = full_adder()?;
    let mut count = 0;
    for at in 0..columns.len() {
        while columns[at].len() > 2 {
            // The three that settle first, so that the depth of the tree is least.
            columns[at].sort_by_key(|b| std::cmp::Reverse(b.0));
            let left = columns[at].len() - 3;
            if columns[at][left].0 >= until {
                break;
            }
            let three = columns[at].split_off(left);
            let settled = 1 + three[0].0;
            let ports = [("a", &three[2].1), ("b", &three[1].1), ("c", &three[0].1)];
            let made = m.instance(&format!("u_{name}_{count}"), &adder, &no_clock(), &ports);
            count += 1;
            columns[at].push((settled, made.get("sum")));
            match columns.get_mut(at + 1) {
                Some(next) => next.push((settled, made.get("carry"))),
                // Sums are modulo the width.
                None => m.unused(made.get("carry")),
            }
        }
    }
    Ok(columns)
}

/// Bit `row` of each column as a number; complements, where an empty place is 1.
fn number(columns: &[Column], row: usize) -> Expr {
    let bits: Vec<Expr> = columns
        .iter()
        .map(|c| c.get(row).map_or_else(one, |b| b.1.clone()))
        .collect();
    cat(bits.iter().rev())
}

/// One row for B vectors. Ports: `clk`, `codes` (2 T bits), `acts` (8 T B bits), `sums` and `carries`.
pub(super) fn row(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let p = &c.params;
    let (t, width) = (p.groups, tree_bits(p.groups));
    let mut m = Module::new("tlmm_select_row").doc(format!(
        "Sum of {t} products for one row and {} vectors, as sum and carry words one cycle behind the codes.\n\
         The complements of the two words of a vector add up to {} more than the sum.",
        p.batch,
        128 * t
    ));
    let clk = m.clock("clk");
    let codes = m.input("codes", uint(2 * t), "weight + 1 of each group");
    let acts = m.input(
        "acts",
        uint(8 * t * p.batch),
        "int8 activations, vector 0 low",
    );
    let sums = m.output("sums", uint(width * p.batch), "vector 0 low");
    let carries = m.output("carries", uint(width * p.batch), "vector 0 low");

    let take: Vec<(Expr, Expr)> = (0..t)
        .map(|g| {
            let (high, low) = (codes.bit(2 * g + 1), codes.bit(2 * g));
            let plus = m.wire(&format!("plus{g}"), &high & !&low);
            let minus = m.wire(&format!("minus{g}"), !(&high | &low));
            (plus, minus)
        })
        .collect();
    let (mut all_sums, mut all_carries) = (Vec::new(), Vec::new());
    m.comment(
        "The first ones of negations are added as they are, so that fewer have to be complemented.",
    );
    let mut ones: Vec<Column> = vec![Vec::new(); width as usize];
    ones[0] = take.iter().map(|(_, minus)| (0, minus.clone())).collect();
    let ones = compress(&mut m, "ones", ones, 2)?;
    let complements = |c: Column| c.into_iter().map(|(time, bit)| (time, !bit)).collect();
    let ones: Vec<Column> = ones.into_iter().map(complements).collect();
    let gate = and_or_invert()?;
    for b in 0..p.batch {
        m.section(&format!("Vector {b}"));
        let mut columns = ones.clone();
        for (g, (plus, minus)) in (0..).zip(&take) {
            let act = m.wire(&format!("v{b}_a{g}"), acts.element(b * t + g, 8));
            let not = m.wire(&format!("v{b}_n{g}"), !&act);
            for i in 0..8 {
                let (a, n) = (act.bit(i), not.bit(i));
                let name = format!("v{b}_x{g}_{i}");
                let bit = if i == 7 {
                    m.wire(&name, (plus & &a) | (minus & &n))
                } else {
                    let ports = [("a", plus), ("b", &a), ("c", minus), ("d", &n)];
                    m.instance(&format!("u_{name}"), &gate, &no_clock(), &ports)
                        .get("y")
                };
                columns[i as usize].push((0, bit));
            }
        }
        let columns = compress(&mut m, &format!("v{b}"), columns, u32::MAX)?;
        for (row, what, all) in [(0, "sum", &mut all_sums), (1, "carry", &mut all_carries)] {
            all.push(m.delay(&format!("v{b}_{what}"), &clk, None, number(&columns, row)));
        }
    }
    m.assign(&sums, cat(all_sums.iter().rev()));
    m.assign(&carries, cat(all_carries.iter().rev()));
    m.finish()
}

/// Combinational accumulator. Ports: `old`, `keep`, `base`, `sum`, `carry`, `total` = (keep ? old : base) + ~sum + ~carry.
pub(super) fn accumulate(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let (a, width) = (c.params.acc_bits(), tree_bits(c.params.groups));
    let mut m = Module::new("tlmm_select_accumulate")
        .doc("Adds the two words of a row, which come as complements, to an accumulator.");
    let old = m.input("old", uint(a), "");
    let keep = m.input("keep", uint(1), "");
    let base = m.input(
        "base",
        uint(a),
        "what the first K tile begins with; 0 in the others",
    );
    let sum = m.input("sum", uint(width), "");
    let carry = m.input("carry", uint(width), "");
    let total = m.output("total", uint(a), "");
    let from = m.wire("from", !((repeat(a, &keep) & &old) | &base));
    let columns = (0..a).map(|i| {
        let words = [
            Some(&from),
            (i < width).then_some(&sum),
            (i < width).then_some(&carry),
        ];
        words.into_iter().flatten().map(|w| (0, w.bit(i))).collect()
    });
    let columns = compress(&mut m, "a", columns.collect(), u32::MAX)?;
    let x = m.wire("x", number(&columns, 0));
    let y = m.wire("y", number(&columns, 1));
    m.assign(&total, !((x + y).plus(1)));
    m.finish()
}
