//! Half table of one group: the other half is its negation.

use std::sync::Arc;

use super::super::Code;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, cat, uint};
use crate::tlmm::golden::{G3_PATTERNS, sherry_trits};

/// Bits of an entry: three int8 activations with signs, at most 384 in magnitude.
pub(super) const ENTRY_BITS: u32 = 10;
const ENTRY_MAX: i128 = 3 * 128;

/// Signs of each entry that is stored: g3 leaves out entry 0, which is zero.
fn patterns(code: Code) -> Vec<Vec<i8>> {
    match code {
        Code::Sherry => (0..16).map(|i| sherry_trits(i).to_vec()).collect(),
        _ => G3_PATTERNS[1..].iter().map(|p| p.to_vec()).collect(),
    }
}

/// Entries stored for a group, and the slot of the first one.
pub(super) fn entries(code: Code) -> (u32, u32) {
    (patterns(code).len() as u32, u32::from(code != Code::Sherry))
}

/// The table, combinational. Ports: `acts` (8 G bits), `entries` ([`ENTRY_BITS`] each, first low).
pub(super) fn table(code: Code) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_register_table").doc(match code {
        Code::Sherry => {
            "Half table of the signed sums of 4 activations, each without one of them. Pair sums are shared."
        }
        _ => "Half table of the signed sums of 3 activations; entry 0, zero, is not stored. Pair sums are shared.",
    });
    let patterns = patterns(code);
    let group = patterns[0].len() as u32;
    let acts = m.input("acts", uint(8 * group), "int8 activations, first low");
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
