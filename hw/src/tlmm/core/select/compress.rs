//! Rows as carry-save trees of full adders: for silicon, where a register costs as much as a full adder.
//!
//! A row has registers in one place of its tree, where few bits are left, and none before. Every product is one gate a
//! bit, +a or ~a chosen by two lines that the 8 bits share; the one of a negation is a bit of the tree like the others.
//! Sign bits go in complemented, so that all bits count positive and what leaves the tree is too large by 128 T; the
//! accumulator starts with that much less for all K tiles.
//!
//! A full adder whose inputs are complemented gives complements. So the whole tree works on complements, from the
//! and-or-invert gates, smaller than those that do not invert, to the last adder, which takes them back:
//! ~(~x + ~y + 1) = x + y.

use std::sync::Arc;

use super::SelectCore;
use crate::rtl::{
    Clock, Expr, Module, ModuleBuilder, RtlError, bits_for, cat, one, repeat, uint, zero,
};

/// Bits of the sum of a row with its excess: up to 256 T.
const fn tree_bits(groups: u32) -> u32 {
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

/// Bits of one weight.
type Column<B> = Vec<B>;

/// Most bits of a weight that are registered. 6 is larger and slower in sky130, 2 leaves all layers before the registers.
const CUT: usize = 4;

/// Adders of three bits and of two, layer by layer, until no column has more than `target` bits, at least 2. A layer
/// brings every column down to the next of Dadda's heights and takes no bit that it made itself: adders of two bits
/// where one too many is left, so that no carry runs through the columns. `add` makes an adder: sum and carry. Carries
/// out of the last column do not count: sums are modulo the width.
fn reduce<B>(
    mut columns: Vec<Column<B>>,
    target: usize,
    mut add: impl FnMut(Vec<B>) -> (B, B),
) -> Vec<Column<B>> {
    let highest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut heights = vec![target.max(2)];
    while heights[heights.len() - 1] < highest {
        heights.push(heights[heights.len() - 1] * 3 / 2);
    }
    for height in heights.into_iter().rev() {
        let mut carries = Vec::new();
        for column in &mut columns {
            let mut made = std::mem::take(&mut carries);
            while column.len() + made.len() > height {
                let take = (column.len() + made.len() - height + 1)
                    .min(3)
                    .min(column.len());
                let (sum, carry) = add(column.drain(..take).collect());
                made.push(sum);
                carries.push(carry);
            }
            column.extend(made);
        }
    }
    columns
}

/// [`reduce`] of complements, with instances of a full adder.
fn compress(
    m: &mut ModuleBuilder,
    name: &str,
    columns: Vec<Column<Expr>>,
    target: usize,
) -> Result<Vec<Column<Expr>>, RtlError> {
    let adder = full_adder()?;
    let mut carries = Vec::new();
    let columns = reduce(columns, target, |bits| {
        let at = format!("{name}_{}", carries.len());
        let (sum, carry) = match &bits[..] {
            [a, b, c] => {
                let ports = [("a", a), ("b", b), ("c", c)];
                let made = m.instance(&format!("u_{at}"), &adder, &no_clock(), &ports);
                (made.get("sum"), made.get("carry"))
            }
            [a, b] => {
                let sum = m.wire(&format!("{at}_sum"), !(a ^ b));
                (sum, m.wire(&format!("{at}_carry"), a | b))
            }
            // A bit alone is its own sum; the complement of no carry is a one.
            _ => (bits.first().map_or_else(one, Clone::clone), one()),
        };
        carries.push(carry.clone());
        (sum, carry)
    });
    // Those out of the last column have no reader; to name them all says so.
    if !carries.is_empty() {
        m.unused(cat(&carries));
    }
    Ok(columns)
}

/// Bits of each weight that a row's registers hold.
fn heights(groups: u32) -> Vec<usize> {
    let columns = (0..tree_bits(groups)).map(|at| {
        let ones = if at == 0 { groups } else { 0 };
        let products = if at < 8 { groups } else { 0 };
        vec![(); (products + ones) as usize]
    });
    let columns = reduce(columns.collect(), CUT, |_| ((), ()));
    columns.iter().map(Vec::len).collect()
}

/// Bits that a row gives for a vector.
pub(super) fn part_bits(groups: u32) -> u32 {
    heights(groups).iter().sum::<usize>() as u32
}

/// One row for B vectors. Ports: `clk`, `codes` (2 T bits), `acts` (8 T B bits), `parts` ([`part_bits`] a vector).
pub(super) fn row(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let p = &c.params;
    let (t, width) = (p.groups, tree_bits(p.groups));
    let heights: Vec<String> = heights(t).iter().map(usize::to_string).collect();
    let mut m = Module::new("tlmm_select_row").doc(format!(
        "Sum of {t} products for one row and {} vectors, one cycle behind the codes: bits whose complements\n\
         add up to {} more than the sum. Bits of each weight, lowest first: {}.",
        p.batch,
        128 * t,
        heights.join(", ")
    ));
    let clk = m.clock("clk");
    let codes = m.input("codes", uint(2 * t), "weight + 1 of each group");
    let acts = m.input("acts", uint(8 * t * p.batch), "int8, vector 0 low");
    let bits = part_bits(t) * p.batch;
    let parts = m.output("parts", uint(bits), "vector 0 low, lowest weight low");

    let take: Vec<(Expr, Expr)> = (0..t)
        .map(|g| {
            let (high, low) = (codes.bit(2 * g + 1), codes.bit(2 * g));
            let plus = m.wire(&format!("plus{g}"), &high & !&low);
            let minus = m.wire(&format!("minus{g}"), !(&high | &low));
            (plus, minus)
        })
        .collect();
    let gate = and_or_invert()?;
    let mut all = Vec::new();
    for b in 0..p.batch {
        m.section(&format!("Vector {b}"));
        let mut columns: Vec<Column<Expr>> = vec![Vec::new(); width as usize];
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
                columns[i as usize].push(bit);
            }
            let none = m.wire(&format!("v{b}_one{g}"), !minus);
            columns[0].push(none);
        }
        let columns = compress(&mut m, &format!("v{b}"), columns, CUT)?;
        let bits: Vec<Expr> = columns.into_iter().flatten().collect();
        all.push(m.delay(&format!("v{b}_parts"), &clk, None, cat(bits.iter().rev())));
    }
    m.assign(&parts, cat(all.iter().rev()));
    m.finish()
}

/// Combinational accumulator. Ports: `old`, `keep`, `base`, `parts`; `total` = (keep ? old : base) + what the
/// complements of the parts add up to.
pub(super) fn accumulate(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let (a, t) = (c.params.acc_bits(), c.params.groups);
    let mut m = Module::new("tlmm_select_accumulate")
        .doc("Adds the bits of a row, which come as complements, to an accumulator.");
    let old = m.input("old", uint(a), "");
    let keep = m.input("keep", uint(1), "");
    let base = m.input(
        "base",
        uint(a),
        "what the first K tile begins with; 0 in the others",
    );
    let parts = m.input("parts", uint(part_bits(t)), "");
    let total = m.output("total", uint(a), "");
    let from = m.wire("from", !((repeat(a, &keep) & &old) | &base));
    let mut columns: Vec<Column<Expr>> = (0..a).map(|i| vec![from.bit(i)]).collect();
    let mut at = 0;
    for (column, height) in columns.iter_mut().zip(heights(t)) {
        for _ in 0..height {
            column.push(parts.bit(at));
            at += 1;
        }
    }
    let columns = compress(&mut m, "a", columns, 2)?;
    let number = |row: usize| {
        // An empty place is a zero, and its complement a one.
        let bits = columns
            .iter()
            .map(|c| c.get(row).map_or_else(one, Clone::clone));
        cat(bits.collect::<Vec<_>>().iter().rev())
    };
    let x = m.wire("x", number(0));
    let y = m.wire("y", number(1));
    m.assign(&total, !((x + y).plus(1)));
    m.finish()
}
