//! One row: look-ups, and the tree that sums them.
//!
//! A negated entry is its complement plus one. The ones go in as carries of the tree's adders, one each, and that of the last
//! look-up to the accumulator, so that no look-up has an adder of its own. They are those of the weights alone: all
//! vectors share them.

use std::sync::Arc;

use super::super::{Code, CoreParams, select::levels};
use super::table::{ENTRY_BITS, entries};
use crate::rtl::{
    Clock, Expr, Module, ModuleBuilder, RtlError, cat, lit, mux, one, repeat, sint, uint,
};

/// Bits of the sum of a row's look-ups without the ones.
pub(super) const fn sum_bits(groups: u32) -> u32 {
    ENTRY_BITS + levels(groups)
}

/// One row for B vectors. Ports: `clk`, `codes` (5 T bits), `tables` (T B tables, vector 0 low), `sums` (B sums), `plus`.
pub(super) fn row(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let (count, _) = entries(p.code);
    let (t, width) = (p.groups, sum_bits(p.groups));
    let mut m = Module::new("tlmm_register_row").doc(format!(
        "Sum of {t} look-ups for one row and {} vectors, {} cycles behind the codes; the tables change one cycle\n\
         after the codes.",
        p.batch,
        2 + levels(t)
    ));
    let clk = m.clock("clk");
    let codes = m.input("codes", uint(5 * t), "code of each group");
    let table_bits = count * ENTRY_BITS;
    let tables = m.input(
        "tables",
        uint(p.batch * t * table_bits),
        "half tables, vector 0 low",
    );
    let sums = m.output("sums", uint(width * p.batch), "sums, vector 0 low");
    let plus = m.output("plus", uint(1), "1 that is still to be added to each");

    m.section("Codes as sign and slot of the half table");
    let decode = decoder(p.code)?;
    let slots: Vec<Expr> = (0..t)
        .map(|g| {
            let code = codes.element(g, 5);
            m.instance(&format!("u_slot{g}"), &decode, &clk, &[("code", &code)])
                .get("slot")
        })
        .collect();
    let slots = m.delay("slots", &clk, None, cat(slots.iter().rev()));
    let signs: Vec<Expr> = (0..t).map(|g| slots.bit(5 * g + 4)).collect();
    let ones = carries(&mut m, &clk, &signs);

    let lookup = lookup(p.code)?;
    let all: Vec<Expr> = (0..p.batch)
        .map(|v| {
            m.section(&format!("Vector {v}"));
            let terms: Vec<Expr> = (0..t)
                .map(|g| {
                    let (table, slot) =
                        (tables.element(v * t + g, table_bits), slots.element(g, 5));
                    let inputs = [("entries", &table), ("slot", &slot)];
                    let u = m.instance(&format!("u_v{v}_look{g}"), &lookup, &clk, &inputs);
                    let term = u.get("term");
                    m.delay(&format!("v{v}_term{g}"), &clk, None, term.signed())
                })
                .collect();
            tree(&mut m, &clk, v, terms, &ones).unsigned()
        })
        .collect();
    m.assign(&sums, cat(all.iter().rev()));
    m.assign(&plus, &ones[ones.len() - 1][0]);
    m.finish()
}

/// The one of each term at each level of the tree: an adder takes that of its left term and hands on that of its right.
fn carries(m: &mut ModuleBuilder, clk: &Clock, signs: &[Expr]) -> Vec<Vec<Expr>> {
    let mut now = signs.to_vec();
    let mut all = Vec::new();
    loop {
        let level = all.len();
        now = (now.iter().enumerate())
            .map(|(i, one)| m.delay(&format!("one{level}_{i}"), clk, None, one))
            .collect();
        all.push(now.clone());
        if now.len() == 1 {
            return all;
        }
        let right = now.chunks(2).map(|pair| pair[pair.len() - 1].clone());
        now = right.collect();
    }
}

fn tree(
    m: &mut ModuleBuilder,
    clk: &Clock,
    vector: u32,
    mut terms: Vec<Expr>,
    ones: &[Vec<Expr>],
) -> Expr {
    let mut level = 0;
    while terms.len() > 1 {
        let bits = ENTRY_BITS + level as u32 + 1;
        terms = (terms.chunks(2).enumerate())
            .map(|(i, pair)| {
                let name = format!("v{vector}_sum{}_{i}", level + 1);
                let sum = match pair {
                    // One bit below the sum makes the carry: 1 + one.
                    [a, b] => {
                        let a = cat([&a.extend(bits).unsigned(), &one()]);
                        let b = cat([&b.extend(bits).unsigned(), &ones[level][2 * i]]);
                        let all = m.wire(&format!("{name}_all"), a + b);
                        m.unused(all.bit(0));
                        all.bits(bits, 1).signed()
                    }
                    other => other[0].extend(bits),
                };
                m.delay(&name, clk, None, sum)
            })
            .collect();
        level += 1;
    }
    terms.swap_remove(0)
}

/// Sign and slot of a code. Ports: `code`, `slot` (negate, slot).
fn decoder(code: Code) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_register_slot").doc(match code {
        Code::Sherry => "A sherry code is sign and slot as it stands.",
        _ => "Of a g3 index: 14 to 26 negate 1 to 13, 27 to 31 are zeros.",
    });
    let index = m.input("code", uint(5), "");
    let slot = m.output("slot", uint(5), "negate, slot");
    let value = match code {
        Code::Sherry => index.clone(),
        _ => {
            let arms = (1..27u64).map(|i| (i, lit(if i < 14 { i } else { i - 13 + 16 }, 5)));
            m.case("value", &index, arms, lit(0, 5))
        }
    };
    m.assign(&slot, &value);
    m.finish()
}

/// One look-up, combinational. Ports: `entries`, `slot` (complement, slot), `term`: the entry or its complement.
fn lookup(code: Code) -> Result<Arc<Module>, RtlError> {
    let (count, first) = entries(code);
    let mut m = Module::new("tlmm_register_look").doc("Entry of a half table, or its complement.");
    let table = m.input(
        "entries",
        uint(count * ENTRY_BITS),
        "half table, first entry low",
    );
    let slot = m.input("slot", uint(5), "complement, slot");
    let term = m.output("term", uint(ENTRY_BITS), "");
    let arms = (0..count).map(|e| (u64::from(first + e), table.element(e, ENTRY_BITS)));
    let at = slot.bits(3, 0);
    let entry = m.case("entry", &at, arms, lit(0, ENTRY_BITS));
    m.assign(&term, &entry ^ repeat(ENTRY_BITS, slot.bit(4)));
    m.finish()
}

/// Combinational accumulator. Ports: `old`, `keep`, `sum`, `plus`, `total` = (keep ? old : 0) + sum + plus.
pub(super) fn accumulate(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let a = p.acc_bits();
    let mut m = Module::new("tlmm_register_accumulate")
        .doc("Adds a sum to an accumulator, which begins from 0 without `keep`.");
    let old = m.input("old", uint(a), "");
    let keep = m.input("keep", uint(1), "");
    let sum = m.input("sum", sint(sum_bits(p.groups)), "");
    let plus = m.input("plus", uint(1), "");
    let total = m.output("total", uint(a), "");
    let base = mux(&keep, &old, lit(0, a));
    let base = cat([&base, &one()]);
    let more = cat([&sum.resize(a).unsigned(), &plus]);
    let all = m.wire("all", base + more);
    m.unused(all.bit(0));
    m.assign(&total, all.bits(a, 1));
    m.finish()
}
