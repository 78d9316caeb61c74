//! The output head in the image: rows of the vocabulary as a mode of the attention array takes them, and their scales.

use hw::num::F32;
use hw::params::MachineParams;
use hw::pe::float::golden::convert;
use hw::pe::{PeMode, PeParams};

use super::layout::Offset;
use crate::model::Model;

/// The output head and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// What its rows hold, and what they are multiplied with.
    pub mode: PeMode,
    /// Rows, without gaps.
    pub rows: Offset,
    /// f32 scale of each row; floats need none.
    pub scales: Option<Offset>,
}

impl Default for Head {
    fn default() -> Head {
        Head {
            mode: PeMode::Int8,
            rows: 0,
            scales: None,
        }
    }
}

/// Bytes of a head of `vocab` rows of `hidden` elements: rows and scales.
pub fn head_bytes(mode: PeMode, vocab: u64, hidden: u64) -> u64 {
    let scale = if scaled(mode) { 4 } else { 0 };
    vocab * (hidden * u64::from(mode.stream().bits()) / 8 + scale)
}

/// Whether rows are integers, so that each has a scale.
fn scaled(mode: PeMode) -> bool {
    mode.stream().float().is_none()
}

/// Bytes of all rows, and the scale of each if they are integers.
pub(super) fn head_rows(
    model: &Model,
    p: &MachineParams,
    mode: PeMode,
) -> (Vec<u8>, Option<Vec<f32>>) {
    let rows = model.head().chunks(model.config.hidden);
    if let Some(format) = mode.stream().float() {
        let bytes = |&v: &f32| convert(format, F32::from_f32(v)).to_le_bytes();
        return (rows.flatten().flat_map(bytes).collect(), None);
    }
    let largest = if mode.nibbles() { 7.0 } else { 127.0 };
    // Of int8 activations the scale has their 1/127 too.
    let activation = if mode.format().is_none() { 127.0 } else { 1.0 };
    let beat = PeParams::new(p).beat_elements(mode) as usize;
    let (mut bytes, mut scales) = (Vec::new(), Vec::new());
    for row in rows {
        let (codes, absmax) = quantise(row, largest);
        // In f64, rounded once.
        scales.push((absmax / (largest * activation)) as f32);
        if mode.nibbles() {
            bytes.extend(codes.chunks(beat).flat_map(nibbles));
        } else {
            bytes.extend(codes.iter().map(|code| code.cast_unsigned()));
        }
    }
    (bytes, Some(scales))
}

/// Codes in -`largest`..=`largest` and the magnitude that the largest one stands for.
fn quantise(row: &[f32], largest: f64) -> (Vec<i8>, f64) {
    let absmax = f64::from(row.iter().fold(0.0f32, |m, v| m.max(v.abs())));
    let inverse = if absmax > 0.0 { largest / absmax } else { 0.0 };
    let code = |&v: &f32| (f64::from(v) * inverse).round_ties_even() as i8;
    (row.iter().map(code).collect(), absmax)
}

/// A beat of nibbles: the first half of its elements are the lower ones of its bytes.
fn nibbles(beat: &[i8]) -> Vec<u8> {
    let (low, high) = beat.split_at(beat.len() / 2);
    let pairs = low.iter().zip(high);
    pairs
        .map(|(&l, &h)| l.cast_unsigned() & 15 | h.cast_unsigned() << 4)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout of docs/machine.md, section 4: element k of a beat in the lower nibble of byte k, element M + k in the upper.
    #[test]
    fn nibbles_are_where_the_array_reads_them() {
        let beat = [1, -1, 7, -7, 2, 3, -2, 0];
        assert_eq!(nibbles(&beat), [0x21, 0x3f, 0xe7, 0x09]);
    }

    #[test]
    fn codes_are_symmetric_and_a_row_of_zeros_stays_zero() {
        // 3.5 goes to the even code.
        let (codes, absmax) = quantise(&[0.5, -1.0, 0.25, 1.0], 7.0);
        assert_eq!((codes, absmax), (vec![4, -7, 2, 7], 1.0));
        assert_eq!(quantise(&[0.0; 3], 127.0), (vec![0; 3], 0.0));
    }

    #[test]
    fn bytes_are_those_of_elements_and_scales() {
        let bytes = PeMode::ALL.map(|mode| head_bytes(mode, 10, 64));
        assert_eq!(bytes, [680, 360, 360, 360, 680, 680, 1280, 1280]);
    }
}
