//! Bit-exact golden function of the array, in plain integers: the specification of the hardware.

use super::{BroadcastParams, LIFT};
use crate::pe::float::FloatFormat;
use crate::pe::float::golden::{Accumulator, Beat, align, normalise};

/// One row's product with a vector: K weights and K activations a beat.
///
/// # Panics
/// Vectors of different lengths, or a length that K does not divide.
#[must_use]
pub fn dot(p: &BroadcastParams, format: FloatFormat, weights: &[i8], activations: &[u16]) -> u32 {
    assert_eq!(weights.len(), activations.len());
    let k = p.lanes as usize;
    assert!(weights.len().is_multiple_of(k), "whole beats");
    let mut total = Accumulator::default();
    for (w, x) in weights.chunks(k).zip(activations.chunks(k)) {
        let block = align(format, p.magnitude_bits(), x);
        let products = w.iter().zip(&block.integers);
        let sum: i64 = products.map(|(&w, &x)| i64::from(w) * x).sum();
        total = total.plus(Beat {
            sum: sum << LIFT,
            exponent: i32::from(block.exponent) + p.exponent_offset(),
            zero: block.zero,
            poison: block.poison,
        });
    }
    normalise(total.sum, total.scale, total.poison)
}
