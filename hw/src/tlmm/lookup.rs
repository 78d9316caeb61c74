//! The arithmetic of the engine: half tables of signed sums, lookups, adder tree.

use std::sync::Arc;

use super::golden::{G3_PATTERNS, sherry_trits};
use super::{INDEX_BITS, TlmmParams};
use crate::params::WeightFormat;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, cat, clog2, mux, sint, slit, uint};

/// Bits of a table entry: three int8 activations with signs, at most 384 in magnitude.
pub(super) const ENTRY_BITS: u32 = 10;
const ENTRY_MAX: i128 = 3 * 128;

/// Signs of each entry that is stored: g3 leaves out entry 0, which is zero.
fn patterns(format: WeightFormat) -> Vec<Vec<i8>> {
    match format {
        WeightFormat::G3 => G3_PATTERNS[1..].iter().map(|p| p.to_vec()).collect(),
        WeightFormat::Sherry => (0..16).map(|i| sherry_trits(i).to_vec()).collect(),
    }
}

/// Entries stored for a group.
pub(super) fn entries(format: WeightFormat) -> u32 {
    patterns(format).len() as u32
}

/// Cycles from code to sum of a row.
pub(super) fn row_latency(groups: u32) -> u32 {
    1 + if groups > 1 { clog2(groups.into()) } else { 0 }
}

/// Bits of the sum of a row's lookups.
pub(super) fn sum_bits(groups: u32) -> u32 {
    ENTRY_BITS + row_latency(groups) - 1
}

/// Half table of one group, combinational. Ports: `acts` (8 G bits), `entries` (10 bits each, first low).
pub(super) fn table(format: WeightFormat) -> Result<Arc<Module>, RtlError> {
    let (name, what) = match format {
        WeightFormat::G3 => (
            "tlmm_table_g3",
            "3 activations; entry 0, zero, is not stored",
        ),
        WeightFormat::Sherry => (
            "tlmm_table_sherry",
            "4 activations, each without one of them",
        ),
    };
    let mut m = Module::new(name).doc(format!(
        "Half table of the signed sums of {what}. Pair sums are shared."
    ));
    let group = format.group();
    let acts = m.input("acts", uint(8 * group), "int8 activations, first low");
    let patterns = patterns(format);
    let bits = ENTRY_BITS * patterns.len() as u32;
    let out = m.output("entries", uint(bits), "entries of 10 bits, first low");
    let act: Vec<Expr> = (0..group)
        .map(|i| m.wire(&format!("a{}", i + 1), acts.element(i, 8).signed()))
        .collect();
    let mut pairs = Vec::new();
    let entries: Vec<Expr> = patterns
        .iter()
        .enumerate()
        .map(|(k, signs)| entry(&mut m, k, signs, &act, &mut pairs))
        .collect();
    m.assign(&out, cat(entries.iter().rev()));
    m.finish()
}

/// Sum of one pattern: a pair led by a positive term, plus or minus the third.
fn entry(
    m: &mut ModuleBuilder,
    k: usize,
    signs: &[i8],
    act: &[Expr],
    pairs: &mut Vec<((usize, usize, i8), Expr)>,
) -> Expr {
    let mut lanes: Vec<usize> = (0..signs.len()).filter(|&i| signs[i] != 0).collect();
    let lead = lanes.iter().position(|&i| signs[i] > 0).unwrap_or(0);
    let first = lanes.remove(lead);
    // Of the two pairs that can begin a sum of three, one that is there already.
    let known = |lane: usize| pairs.iter().any(|p| p.0 == (first, lane, signs[lane]));
    if lanes.len() == 2 && !known(lanes[0]) && known(lanes[1]) {
        lanes.reverse();
    }
    let mut value = act[first].extend(ENTRY_BITS);
    if let Some(&lane) = lanes.first() {
        let key = (first, lane, signs[lane]);
        let shared = pairs.iter().find(|p| p.0 == key).map(|p| p.1.clone());
        value = shared.unwrap_or_else(|| {
            let sum = combine(value, &act[lane], signs[lane]);
            let pair = m.wire(&format!("pair{}", pairs.len()), sum);
            m.range(&pair, -256, 255);
            pairs.push((key, pair.clone()));
            pair
        });
    }
    if let Some(&lane) = lanes.get(1) {
        value = combine(value, &act[lane], signs[lane]);
    }
    let e = m.wire(&format!("entry{k}"), value);
    m.range(&e, -ENTRY_MAX, ENTRY_MAX);
    e
}

fn combine(sum: Expr, act: &Expr, sign: i8) -> Expr {
    let term = act.extend(ENTRY_BITS);
    if sign > 0 { sum + term } else { sum - term }
}

/// One output row: T lookups and their sum. Ports: `clk`, `codes` (5 T bits), `tables` (T tables), `sum`.
pub(super) fn row(p: &TlmmParams) -> Result<Arc<Module>, RtlError> {
    let entries = entries(p.format);
    let mut m = Module::new("tlmm_row").doc(format!(
        "Sum of {} table lookups for one output row, {} cycles behind the codes, one a cycle.",
        p.groups,
        row_latency(p.groups)
    ));
    let clk = m.clock("clk");
    let codes = m.input(
        "codes",
        uint(INDEX_BITS * p.groups),
        "negate, entry of each group",
    );
    let tables = m.input(
        "tables",
        uint(p.groups * entries * ENTRY_BITS),
        "half tables, group 0 low",
    );
    let out = m.output(
        "sum",
        sint(sum_bits(p.groups)),
        "sum of the group's signed sums",
    );

    m.section("Lookup and sign");
    let first = u64::from(format_first(p.format));
    let mut terms: Vec<Expr> = (0..p.groups)
        .map(|t| {
            let slot = codes.bits(t * INDEX_BITS + 3, t * INDEX_BITS);
            let arms = (0..entries).map(|e| {
                let at = t * entries + e;
                (
                    first + u64::from(e),
                    tables.element(at, ENTRY_BITS).signed(),
                )
            });
            let zero = slit(0, ENTRY_BITS);
            let entry = m.case(&format!("entry{t}"), &slot, arms, zero);
            let negate = codes.bit(t * INDEX_BITS + 4);
            m.delay(
                &format!("term{t}"),
                &clk,
                None,
                mux(&negate, -&entry, &entry),
            )
        })
        .collect();

    let mut level = 0;
    while terms.len() > 1 {
        level += 1;
        m.section(&format!("Adder tree, level {level}"));
        let bits = ENTRY_BITS + level;
        let full = 1i128 << (bits - 1);
        terms = terms
            .chunks(2)
            .enumerate()
            .map(|(i, pair)| {
                let sum = match pair {
                    [a, b] => a.extend(bits) + b.extend(bits),
                    other => other[0].extend(bits),
                };
                let reg = m.delay(&format!("sum{level}_{i}"), &clk, None, sum);
                m.range(&reg, -full, full - 1);
                reg
            })
            .collect();
    }
    m.assign(&out, &terms[0]);
    m.finish()
}

/// Slot of the first stored entry.
fn format_first(format: WeightFormat) -> u32 {
    match format {
        WeightFormat::G3 => 1,
        WeightFormat::Sherry => 0,
    }
}
