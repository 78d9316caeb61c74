//! Golden model of the ternary engine and of its weight formats: from the definition, without tables of sums.

use thiserror::Error;

use super::{INDEX_BITS, PACKET_ALIGN, TlmmParams};
use crate::fault::OperandFault;
use crate::params::{DramFormat, WeightFormat};

/// First half of the g3 code: signs of (a1, a2, a3) of indices 0..=13; 14..=26 negate 1..=13 (papers.md 1.3).
pub const G3_PATTERNS: [[i8; 3]; 14] = [
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 1, 0],
    [1, -1, 0],
    [1, 0, 1],
    [1, 0, -1],
    [0, 1, 1],
    [0, 1, -1],
    [1, 1, 1],
    [1, 1, -1],
    [1, -1, 1],
    [-1, 1, 1],
];

/// The weights of a g3 index; 27..=31 are read as zeros.
pub fn g3_trits(index: u8) -> [i8; 3] {
    match index {
        0..=13 => G3_PATTERNS[usize::from(index)],
        14..=26 => G3_PATTERNS[usize::from(index) - 13].map(|w| -w),
        _ => [0; 3],
    }
}

/// The weights of a sherry index: sign << 4 | slot, slot[3:2] the zero lane (papers.md 5.2).
pub fn sherry_trits(index: u8) -> [i8; 4] {
    let zero = usize::from(index >> 2 & 3);
    let bit = |k: u8| if index >> k & 1 == 1 { -1 } else { 1 };
    let first: i8 = bit(4);
    let mut signs = [first, first * bit(0), first * bit(1)].into_iter();
    std::array::from_fn(|lane| {
        if lane == zero {
            0
        } else {
            signs.next().unwrap_or(0)
        }
    })
}

/// The weights of an index.
pub fn index_trits(format: WeightFormat, index: u8) -> Vec<i8> {
    match format {
        WeightFormat::G3 => g3_trits(index).to_vec(),
        WeightFormat::Sherry => sherry_trits(index).to_vec(),
    }
}

/// The weights of every index that a packer may use, in order.
fn code_book(format: WeightFormat) -> Vec<Vec<i8>> {
    let codes = match format {
        WeightFormat::G3 => 27,
        WeightFormat::Sherry => 32,
    };
    (0..codes).map(|i| index_trits(format, i)).collect()
}

/// Index of a group of 3 or 4 weights; none when it has no code (sherry: not exactly one zero). Of a shorter slice:
/// the lowest index that begins with it.
pub fn trits_index(format: WeightFormat, trits: &[i8]) -> Option<u8> {
    find(&code_book(format), trits)
}

fn find(book: &[Vec<i8>], trits: &[i8]) -> Option<u8> {
    let at = book.iter().position(|code| code.starts_with(trits))?;
    Some(at as u8)
}

/// The weights of a base-3 byte, first weight first: byte = sum (w + 1) 3^j; 243..=255 are five zeros.
pub fn base3_trits(byte: u8) -> [i8; 5] {
    let mut rest = if byte < 243 { byte } else { 121 };
    std::array::from_fn(|_| {
        let digit = (rest % 3) as i8;
        rest /= 3;
        digit - 1
    })
}

/// Base-3 byte of up to five weights; missing ones are zero.
fn base3_byte(trits: &[i8]) -> u8 {
    (0..5).rev().fold(0, |byte, j| {
        byte * 3 + (trits.get(j).unwrap_or(&0) + 1) as u8
    })
}

fn pad(mut bytes: Vec<u8>, fill: u8) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(PACKET_ALIGN), fill);
    bytes
}

/// `g3` and `sherry` packets: a dense stream of 5-bit indices, low bits first, padded to 64 bytes with zeros.
pub fn pack_indices(indices: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0u8; (indices.len() * INDEX_BITS as usize).div_ceil(8)];
    for (i, &index) in indices.iter().enumerate() {
        for b in 0..INDEX_BITS as usize {
            let at = i * INDEX_BITS as usize + b;
            bytes[at / 8] |= (index >> b & 1) << (at % 8);
        }
    }
    pad(bytes, 0)
}

/// `base3` packet of g3 indices: their weights in order, five a byte, padded to 64 bytes with 121 (five zeros).
pub fn pack_base3(indices: &[u8]) -> Vec<u8> {
    let trits: Vec<i8> = indices.iter().flat_map(|&i| g3_trits(i)).collect();
    pad(trits.chunks(5).map(base3_byte).collect(), 121)
}

/// Dense 5-bit indices of a packet, low bits first; a partial one at the end is filled with zeros.
fn indices(packet: &[u8]) -> impl Iterator<Item = u8> {
    let bits = INDEX_BITS as usize;
    let bit = |at: usize| packet.get(at / 8).map_or(0, |b| b >> (at % 8) & 1);
    (0..(packet.len() * 8).div_ceil(bits))
        .map(move |i| (0..bits).fold(0, |v, b| v | bit(i * bits + b) << b))
}

/// The weights of a packet in the order of the engine. The packet is cut into whole weight words, a partial final
/// word filled with index 0 (base3: first with zero bytes to whole groups of bytes, as the unpacker takes them).
pub fn unpack(p: &TlmmParams, packet: &[u8]) -> Vec<i8> {
    let mut trits: Vec<i8> = match p.dram {
        DramFormat::Base3 => {
            let step = 3 * p.base3_triples() as usize;
            let missing = packet.len().next_multiple_of(step) - packet.len();
            let bytes = packet
                .iter()
                .copied()
                .chain(std::iter::repeat_n(0, missing));
            bytes.flat_map(base3_trits).collect()
        }
        DramFormat::G3 => indices(packet).flat_map(g3_trits).collect(),
        DramFormat::Sherry => indices(packet).flat_map(sherry_trits).collect(),
    };
    let word = (p.word_indices() * p.format.group()) as usize;
    let pad = index_trits(p.format, 0);
    let missing = trits.len().next_multiple_of(word) - trits.len();
    trits.extend(pad.iter().cycle().take(missing));
    trits
}

/// `gemv`: one packet times `acts` (the first `k` count), `nt` row tiles; `nt * Q` results.
///
/// # Errors
/// As the unit: operands outside its limits, or a packet with too few weight words.
pub fn gemv(
    p: &TlmmParams,
    packet: &[u8],
    acts: &[i8],
    k: u32,
    nt: u32,
) -> Result<Vec<i32>, OperandFault> {
    if k == 0 || k > p.max_k {
        return Err(OperandFault::Operand(k));
    }
    if nt == 0 || nt > p.max_row_tiles {
        return Err(OperandFault::Operand(nt));
    }
    let tile_k = p.tile_k() as usize;
    let tiles = (k as usize).div_ceil(tile_k);
    let weights = unpack(p, packet);
    let mut y = vec![0i32; (nt * p.rows) as usize];
    if weights.len() < tiles * y.len() * tile_k {
        return Err(OperandFault::StreamShort);
    }
    let mut x: Vec<i8> = acts.iter().copied().take(k as usize).collect();
    x.resize(tiles * tile_k, 0);
    for (tile, rows) in weights.chunks(y.len() * tile_k).take(tiles).enumerate() {
        let x = &x[tile * tile_k..][..tile_k];
        for (y, w) in y.iter_mut().zip(rows.chunks(tile_k)) {
            let terms = w.iter().zip(x);
            *y += terms
                .map(|(&w, &x)| i32::from(w) * i32::from(x))
                .sum::<i32>();
        }
    }
    Ok(y)
}

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

/// Packs a row-major matrix of -1, 0, 1 (`rows` outputs, `cols` inputs). Pad rows and whole pad groups are index 0;
/// a group that straddles the last column is completed to a legal code (its extra weights meet zero activations).
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
    let (group, q) = (p.format.group() as usize, p.rows as usize);
    let k_tiles = cols.div_ceil(p.tile_k() as usize);
    let nt = rows.div_ceil(q);
    let book = code_book(p.format);
    let mut indices = Vec::with_capacity(k_tiles * nt * p.word_indices() as usize);
    for tile in 0..k_tiles {
        for row in 0..nt * q {
            for t in 0..p.groups as usize {
                let col = tile * p.tile_k() as usize + t * group;
                if row >= rows || col >= cols {
                    indices.push(0);
                    continue;
                }
                let end = (col + group).min(cols);
                let known = &trits[row * cols + col..row * cols + end];
                let index = find(&book, known).ok_or_else(|| PackError::NoCode {
                    trits: known.to_vec(),
                    row,
                    col,
                })?;
                indices.push(index);
            }
        }
    }
    let (bytes, used) = match p.dram {
        DramFormat::Base3 => (pack_base3(&indices), (indices.len() * 3).div_ceil(5)),
        DramFormat::G3 | DramFormat::Sherry => (
            pack_indices(&indices),
            (indices.len() * INDEX_BITS as usize).div_ceil(8),
        ),
    };
    Ok(Packed {
        nt: nt as u32,
        k_tiles: k_tiles as u32,
        indices: indices.len(),
        weights: trits.len(),
        pad_weights: indices.len() * group - trits.len(),
        pad_bytes: bytes.len() - used,
        bytes,
    })
}

#[cfg(test)]
mod tests;
