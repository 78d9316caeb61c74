//! Golden model of the ternary engine and of its weight formats: from the definition, without tables of sums.

use super::TlmmParams;
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

/// The weight of a two-bit index: index - 1; 3 is read as zero.
pub fn two_bit_trit(index: u8) -> i8 {
    [-1, 0, 1, 0][usize::from(index & 3)]
}

/// The weights of an index.
pub fn index_trits(format: WeightFormat, index: u8) -> Vec<i8> {
    match format {
        WeightFormat::G3 => g3_trits(index).to_vec(),
        WeightFormat::Sherry => sherry_trits(index).to_vec(),
        WeightFormat::TwoBit => vec![two_bit_trit(index)],
    }
}

/// Indices that a packer may use: 0 up to this.
pub const fn codes(format: WeightFormat) -> u8 {
    match format {
        WeightFormat::G3 => 27,
        WeightFormat::Sherry => 32,
        WeightFormat::TwoBit => 3,
    }
}

/// Index of a group of weights; none when it has no code (sherry: not exactly one zero). Of a shorter slice: the lowest
/// index that begins with it.
pub fn trits_index(format: WeightFormat, trits: &[i8]) -> Option<u8> {
    (0..codes(format)).find(|&i| index_trits(format, i).starts_with(trits))
}

/// Place in a K tile of element `e` of group `t` of T. Only sherry's groups are neighbours, because their zero was
/// chosen so; for g3 the elements of neighbouring groups are neighbours, which is how tables are made of them.
pub const fn place(format: WeightFormat, groups: u32, t: u32, e: u32) -> u32 {
    match format {
        WeightFormat::G3 | WeightFormat::TwoBit => e * groups + t,
        WeightFormat::Sherry => 4 * t + e,
    }
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

/// Dense indices of a packet, low bits first; a partial one at the end is filled with zeros.
fn indices(packet: &[u8], bits: usize) -> impl Iterator<Item = u8> {
    let bit = |at: usize| packet.get(at / 8).map_or(0, |b| b >> (at % 8) & 1);
    (0..(packet.len() * 8).div_ceil(bits))
        .map(move |i| (0..bits).fold(0, |v, b| v | bit(i * bits + b) << b))
}

/// The weights of a packet in the order of the engine. The packet is cut into whole weight words; a partial final word is
/// filled with zero weights, sherry's with index 0 (base3: before that with zero bytes to whole groups of bytes, as the
/// unpacker takes them).
pub fn unpack(p: &TlmmParams, packet: &[u8]) -> Vec<i8> {
    let mut trits: Vec<i8> = match p.dram {
        DramFormat::Base3 => {
            let step = p.base3_bytes() as usize;
            let missing = packet.len().next_multiple_of(step) - packet.len();
            let bytes = packet
                .iter()
                .copied()
                .chain(std::iter::repeat_n(0, missing));
            bytes.flat_map(base3_trits).collect()
        }
        DramFormat::G3 => indices(packet, 5).flat_map(g3_trits).collect(),
        DramFormat::Sherry => indices(packet, 5).flat_map(sherry_trits).collect(),
        DramFormat::TwoBit => indices(packet, 2).map(two_bit_trit).collect(),
    };
    let word = (p.word_indices() * p.format.group()) as usize;
    let pad = match p.format {
        WeightFormat::Sherry => index_trits(p.format, 0),
        _ => vec![0],
    };
    let missing = trits.len().next_multiple_of(word) - trits.len();
    trits.extend(pad.iter().cycle().take(missing));
    trits
}

/// What the unit refuses before it reads anything.
///
/// # Errors
/// K, NT or the number of further vectors outside the limits.
pub fn check(p: &TlmmParams, k: u32, nt: u32, more: u32) -> Result<(), OperandFault> {
    let within = |v: u32, high: u32| (1..=high).contains(&v);
    if !within(k, p.max_k) {
        return Err(OperandFault::Operand(k));
    }
    if !within(nt, p.max_row_tiles) {
        return Err(OperandFault::Operand(nt));
    }
    if more >= p.batch {
        return Err(OperandFault::Operand(more));
    }
    Ok(())
}

/// `gemv`: one packet times vectors of activations (the first `k` of each count), `nt` row tiles; `nt * Q` results of each.
///
/// # Errors
/// As the unit: operands outside its limits, or a packet with too few weight words.
pub fn gemv(
    p: &TlmmParams,
    packet: &[u8],
    vectors: &[Vec<i8>],
    k: u32,
    nt: u32,
) -> Result<Vec<Vec<i32>>, OperandFault> {
    check(p, k, nt, vectors.len().saturating_sub(1) as u32)?;
    let (groups, group) = (p.groups, p.format.group());
    let tile_k = p.tile_k() as usize;
    let tiles = (k as usize).div_ceil(tile_k);
    let weights = unpack(p, packet);
    let rows = (nt * p.rows) as usize;
    if weights.len() < tiles * rows * tile_k {
        return Err(OperandFault::StreamShort);
    }
    // Of each weight of a row in a weight word, its place in the K tile.
    let places: Vec<usize> = (0..groups)
        .flat_map(|t| (0..group).map(move |e| place(p.format, groups, t, e) as usize))
        .collect();
    let product = |acts: &Vec<i8>| {
        let mut x: Vec<i8> = acts.iter().copied().take(k as usize).collect();
        x.resize(tiles * tile_k, 0);
        let mut y = vec![0i32; rows];
        for (tile, words) in weights.chunks(rows * tile_k).take(tiles).enumerate() {
            let x = &x[tile * tile_k..][..tile_k];
            let x: Vec<i32> = places.iter().map(|&at| x[at].into()).collect();
            for (y, w) in y.iter_mut().zip(words.chunks(tile_k)) {
                *y += w
                    .iter()
                    .zip(&x)
                    .map(|(&w, x)| i32::from(w) * x)
                    .sum::<i32>();
            }
        }
        y
    };
    Ok(vectors.iter().map(product).collect())
}

#[cfg(test)]
mod tests;
