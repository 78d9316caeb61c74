//! Quantisation as the model families define it: activations, master weights, packed weights.

/// Absmax quantisation of one vector to int8: s = 127 / max(max|x|, 1e-5), q = clamp(rne(x s), -128, 127).
///
/// Returns the codes and s. Source: transformers, integrations/bitnet.py, `ActQuant`; torch divides a number by
/// a tensor as reciprocal times number, two roundings, and so does this function.
pub fn quantise_activations(x: &[f32]) -> (Vec<i8>, f32) {
    let largest = x
        .iter()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = 1.0 / largest.max(1e-5) * 127.0;
    let codes = x
        .iter()
        .map(|v| (v * scale).round_ties_even().clamp(-128.0, 127.0) as i8);
    (codes.collect(), scale)
}

/// Ternarises master weights: s = 1 / max(mean|w|, 1e-5), t = clamp(rne(w s), -1, 1).
///
/// Returns the trits and the multiplier 1 / s. The mean is summed in f64: it differs from an f32 sum in the
/// last bit only, while a mean in bf16 would flip trits (measured: 0.14 % of them).
/// Source: transformers, integrations/bitnet.py, `WeightQuant`.
pub fn ternarise(weights: &[f32]) -> (Vec<i8>, f32) {
    let sum: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
    let mean = (sum / weights.len().max(1) as f64) as f32;
    let scale = 1.0 / mean.max(1e-5);
    let trits = weights
        .iter()
        .map(|w| (w * scale).round_ties_even().clamp(-1.0, 1.0) as i8);
    (trits.collect(), 1.0 / scale)
}

/// A packed byte holds code 3 at this row and column of the unpacked matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds code 3 at row {row}, column {column}; legal codes are 0 (-1), 1 (0) and 2 (+1)")]
pub struct NotTernary {
    /// Row of the unpacked matrix.
    pub row: usize,
    /// Its column.
    pub column: usize,
}

/// Unpacks Hugging Face's four-in-a-byte layout to `4 * packed rows` x `cols` trits, row-major.
///
/// Byte [r, c] holds rows r, R + r, 2R + r and 3R + r of column c from its low bits up, where R is the number
/// of packed rows; code = trit + 1. Source: transformers, integrations/bitnet.py, `unpack_weights`.
///
/// # Errors
/// The first code 3, in row order.
pub fn unpack(bytes: &[u8], cols: usize) -> Result<Vec<i8>, NotTernary> {
    let mut trits = Vec::with_capacity(bytes.len() * 4);
    for shift in [0, 2, 4, 6] {
        for byte in bytes {
            let code = (byte >> shift) & 3;
            if code == 3 {
                let at = trits.len();
                return Err(NotTernary {
                    row: at / cols.max(1),
                    column: at % cols.max(1),
                });
            }
            trits.push(code as i8 - 1);
        }
    }
    Ok(trits)
}

/// Packs trits as [`unpack`] reads them; `trits.len()` must be a multiple of four rows.
pub fn pack(trits: &[i8]) -> Vec<u8> {
    let block = trits.len() / 4;
    (0..block)
        .map(|at| {
            (0..4).fold(0, |byte, part| {
                byte | ((trits[part * block + at] + 1) as u8) << (2 * part)
            })
        })
        .collect()
}
