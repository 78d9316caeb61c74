//! Rules of parameters that several cores share: none, or what is wrong in words, with the nearest legal value.

use super::CoreParams;
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
