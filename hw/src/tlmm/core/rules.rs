//! Rules of parameters that several cores share: none, or what is wrong in words, with the nearest legal value.

use super::{Code, CoreParams, Reduction};
use crate::rtl::RtlError;

/// The error that says all of `faults`, unless there is none.
pub(super) fn check(module: &str, faults: Vec<String>) -> Result<(), RtlError> {
    if faults.is_empty() {
        return Ok(());
    }
    let module = module.into();
    Err(RtlError { module, faults })
}

/// `value` is from 1 to `high`.
pub(super) fn up_to(name: &str, value: u32, high: u32) -> Option<String> {
    let nearest = value.clamp(1, high);
    (value != nearest)
        .then(|| format!("{name} = {value} is not in 1..={high}; the nearest is {nearest}"))
}

/// Activations are written in blocks.
pub(super) fn blocks(p: &CoreParams) -> Option<String> {
    let (a, t) = (p.act_lanes, p.groups);
    if a > 0 && t.is_multiple_of(a) {
        return None;
    }
    let nearest = (1..=a.min(t)).rev().find(|a| t.is_multiple_of(*a));
    Some(format!(
        "A = {a}: whole blocks of activations are written, so A divides T = {t}; nearest {}",
        nearest.unwrap_or(1)
    ))
}

/// Row tiles are an address.
pub(super) fn row_tiles(p: &CoreParams) -> Option<String> {
    const MOST: u32 = 1 << 14;
    let n = p.max_row_tiles;
    if n.is_power_of_two() && n <= MOST {
        return None;
    }
    let low = if n == 0 { 1 } else { 1 << n.ilog2() };
    let nearest = match low {
        low if low < MOST => format!("the nearest are {low} and {}", 2 * low),
        _ => format!("the nearest is {MOST}"),
    };
    Some(format!(
        "max_row_tiles = {n} is not a power of two up to {MOST}; {nearest}"
    ))
}

/// Tables in distributed RAM.
pub(super) fn distributed(p: &CoreParams, reduction: Reduction) -> Vec<String> {
    let most = reduction.most_groups();
    let why = match reduction {
        Reduction::Dsp => "a DSP48E2 takes 4 rows, so Q is a multiple of 4",
        Reduction::Fabric => {
            "rows share the eight readers of a table, so Q is 1, 2 or a multiple of 4"
        }
    };
    let mut faults = Vec::new();
    let mut rule = |ok: bool, text: String| {
        if !ok {
            faults.push(text);
        }
    };
    let (t, a, q, b) = (p.groups, p.act_lanes, p.rows, p.batch);
    rule(
        p.code != Code::TwoBit,
        "tables hold groups of weights: the code is g3 or sherry, not two_bit".into(),
    );
    rule(
        reduction.takes_groups(t),
        format!(
            "T = {t}: tables are read and summed eight groups at a time, so T is a multiple of 8 up to {most}; nearest {}",
            t.next_multiple_of(8).clamp(8, most)
        ),
    );
    rule(
        a > 0 && a.is_multiple_of(8) && t.is_multiple_of(a),
        format!(
            "A = {a}: activations are written to whole stages of eight groups, so A is a multiple of 8 that divides T; nearest 8"
        ),
    );
    let nearest = (q.clamp(1, 32)..=32)
        .find(|&q| reduction.takes_rows(q))
        .unwrap_or(32);
    rule(
        q <= 32 && reduction.takes_rows(q),
        format!("Q = {q}: {why} up to 32; nearest {nearest}"),
    );
    rule(
        (1..=16).contains(&b),
        format!("B = {b} is not in 1..=16; nearest {}", b.clamp(1, 16)),
    );
    let n = p.max_row_tiles;
    rule(
        n.is_power_of_two() && n >= 2,
        format!(
            "max_row_tiles = {n} is not a power of two from 2 on; nearest {}",
            n.next_power_of_two().max(2)
        ),
    );
    rule(
        p.max_k_tiles > 0 && p.acc_bits() <= 24,
        format!(
            "max_k_tiles = {}: sums have 24 bits, so K = {} max_k_tiles is at most 65535; at most {}",
            p.max_k_tiles,
            p.tile_k(),
            65535 / p.tile_k().max(1)
        ),
    );
    faults
}
