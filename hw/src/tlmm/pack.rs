//! Ternary matrices in the order of the engine and the format of DRAM.

use thiserror::Error;

use super::golden::{codes, index_trits, place};
use super::{PACKET_ALIGN, TlmmParams};
use crate::params::{DramFormat, WeightFormat};

/// A weight matrix that cannot be packed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PackError {
    #[error("{got} weights for a matrix of {rows} x {cols}")]
    Shape {
        got: usize,
        rows: usize,
        cols: usize,
    },
    #[error("weight {value} in row {row}, column {col} is not -1, 0 or 1")]
    NotTernary { value: i8, row: usize, col: usize },
    /// Sherry: a group of four without exactly one zero.
    #[error(
        "weights {trits:?} of row {row} from column {col} have no code: sherry wants exactly one zero in four"
    )]
    NoCode {
        trits: Vec<i8>,
        row: usize,
        col: usize,
    },
}

/// A matrix in the order of the engine and the format of DRAM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// The packet; a multiple of 64 bytes.
    pub bytes: Vec<u8>,
    /// Row tiles NT.
    pub nt: u32,
    /// K tiles.
    pub k_tiles: u32,
    /// Indices, those of padding included.
    pub indices: usize,
    /// Weights of the matrix itself.
    pub weights: usize,
    /// Weight places that are padding of rows and columns to whole tiles.
    pub pad_weights: usize,
    /// Bytes at the end that only fill the packet to 64.
    pub pad_bytes: usize,
}

impl Packed {
    /// Bits of DRAM for each weight of the matrix, all padding included.
    pub fn bits_per_weight(&self) -> f64 {
        self.bytes.len() as f64 * 8.0 / self.weights as f64
    }
}

/// Bytes of the packet of a `rows` x `cols` matrix, without making it.
pub fn packet_bytes(p: &TlmmParams, rows: usize, cols: usize) -> usize {
    let (k_tiles, nt) = (
        cols.div_ceil(p.tile_k() as usize),
        rows.div_ceil(p.rows as usize),
    );
    used_bytes(p, k_tiles * nt * p.word_indices() as usize).next_multiple_of(PACKET_ALIGN)
}

/// Bytes of so many indices.
fn used_bytes(p: &TlmmParams, indices: usize) -> usize {
    match p.dram {
        DramFormat::Base3 => (indices * p.format.group() as usize).div_ceil(5),
        _ => (indices * p.format.index_bits() as usize).div_ceil(8),
    }
}

/// Indices by the weights of a group: a table over all groups of a format.
struct Coder {
    format: WeightFormat,
    table: Vec<Option<u8>>,
}

impl Coder {
    fn new(format: WeightFormat) -> Coder {
        let mut table = vec![None; 3usize.pow(format.group())];
        for i in 0..codes(format) {
            let at = Self::number(&index_trits(format, i));
            table[at].get_or_insert(i);
        }
        Coder { format, table }
    }

    /// Base-3 number of a group, digits weight + 1.
    fn number(trits: &[i8]) -> usize {
        trits.iter().fold(0, |n, &w| 3 * n + (w + 1) as usize)
    }

    /// Index of a group whose missing weights meet zero activations: zeros, or for sherry what makes a legal code.
    fn index(&self, known: &[Option<i8>]) -> Option<u8> {
        let all: Vec<i8> = known.iter().map(|w| w.unwrap_or(0)).collect();
        if self.format != WeightFormat::Sherry || known.iter().all(Option::is_some) {
            return self.table[Self::number(&all)];
        }
        (0..codes(self.format)).find(|&i| {
            let fits = |(w, k): (&i8, &Option<i8>)| k.is_none_or(|k| k == *w);
            index_trits(self.format, i).iter().zip(known).all(fits)
        })
    }
}

/// Packs a row-major matrix of -1, 0, 1 (`rows` outputs, `cols` inputs). Pad rows and what a K tile has past the last column
/// are zeros; sherry, which has no group of zeros, has legal codes there, whose weights meet no activation or give rows
/// that nobody reads.
///
/// # Errors
/// A wrong number of weights, a weight that is not ternary, a group without a code.
pub fn pack_matrix(
    p: &TlmmParams,
    trits: &[i8],
    rows: usize,
    cols: usize,
) -> Result<Packed, PackError> {
    if rows == 0 || cols == 0 || trits.len() != rows * cols {
        let got = trits.len();
        return Err(PackError::Shape { got, rows, cols });
    }
    if let Some(at) = trits.iter().position(|w| !(-1..=1).contains(w)) {
        let (row, col, value) = (at / cols, at % cols, trits[at]);
        return Err(PackError::NotTernary { value, row, col });
    }
    let (group, q) = (p.format.group(), p.rows as usize);
    let tile_k = p.tile_k() as usize;
    let k_tiles = cols.div_ceil(tile_k);
    let nt = rows.div_ceil(q);
    let coder = Coder::new(p.format);
    let mut indices = Vec::with_capacity(k_tiles * nt * p.word_indices() as usize);
    let mut known = vec![None; group as usize];
    for tile in 0..k_tiles {
        for row in 0..nt * q {
            for t in 0..p.groups {
                let col = |e: u32| tile * tile_k + place(p.format, p.groups, t, e) as usize;
                for (e, known) in (0..).zip(&mut known) {
                    let inside = row < rows && col(e) < cols;
                    *known = inside.then(|| trits[row * cols + col(e)]);
                }
                let index = coder.index(&known).ok_or_else(|| PackError::NoCode {
                    trits: known.iter().flatten().copied().collect(),
                    row,
                    col: col(0),
                })?;
                indices.push(index);
            }
        }
    }
    let used = used_bytes(p, indices.len());
    let mut bytes = match p.dram {
        DramFormat::Base3 => base3(p, &indices),
        _ => dense(&indices, p.format.index_bits() as usize),
    };
    // What fills the packet comes after all weight words, so its value does not matter.
    bytes.resize(used.next_multiple_of(PACKET_ALIGN), 0);
    Ok(Packed {
        nt: nt as u32,
        k_tiles: k_tiles as u32,
        indices: indices.len(),
        weights: trits.len(),
        pad_weights: indices.len() * group as usize - trits.len(),
        pad_bytes: bytes.len() - used,
        bytes,
    })
}

/// A dense stream of indices, low bits first.
fn dense(indices: &[u8], width: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; (indices.len() * width).div_ceil(8)];
    for (i, &index) in indices.iter().enumerate() {
        for b in 0..width {
            let at = i * width + b;
            bytes[at / 8] |= (index >> b & 1) << (at % 8);
        }
    }
    bytes
}

/// The weights of the indices in order, five a byte; the last byte is filled with zero weights.
fn base3(p: &TlmmParams, indices: &[u8]) -> Vec<u8> {
    let trits: Vec<i8> = indices
        .iter()
        .flat_map(|&i| index_trits(p.format, i))
        .collect();
    trits.chunks(5).map(base3_byte).collect()
}

/// Base-3 byte of up to five weights; missing ones are zero.
pub(super) fn base3_byte(trits: &[i8]) -> u8 {
    (0..5).rev().fold(0, |byte, j| {
        byte * 3 + (trits.get(j).unwrap_or(&0) + 1) as u8
    })
}
