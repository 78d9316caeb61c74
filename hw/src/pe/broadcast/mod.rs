//! broadcast: K activations of 16 bits a cycle times R rows of held INT4 weights, for products of matrices whose weights stay while
//! many vectors pass (W4A16).
//!
//! Contract
//! * **Operation.** Row r of a vector of n beats is the sum over its beats, and over the K lanes of each, of
//!   activation * weight of (tile, lane, row). Activations are fp16 or bf16 as [`super::float`] reads them, weights two's
//!   complement, -8 to 7; scales of rows are another unit's. Rows leave as finite fp32, rounded once, or as the quiet NaN
//!   where an activation of the vector is infinite or not a number.
//! * **Weights** are held as *tiles* of K x R, 2 * `max_beats` of them; each beat names its tile. `write` fills lanes 2 i and
//!   2 i + 1 of a tile, all rows at once: 4 bits for each, row r of lane l of the two at bit 4 (R l + r). Beats of later cycles
//!   see them, earlier ones of the same tile as much as [`BroadcastParams::hold`] cycles back see either. Vectors that read one
//!   half of the tiles leave the other to be written.
//! * **Beats.** One a cycle at most, without handshake: `valid` with `x`, `tile`, `first` and `last` of a vector; gaps
//!   are free. A vector has at most `max_beats` beats, and from `last` to the next `last` it is at least R cycles (asserted).
//! * **Results.** R cycles in a row, row 0 first: `y_valid` with `y`; row r leaves [`BroadcastParams::latency`] + r cycles
//!   behind the vector's last beat. Nothing can hold them up.
//! * **Throughput.** K R products a cycle as long as vectors have R beats or more, K R n / R of shorter ones.
//! * **Error.** Activations are aligned once a beat to its largest exponent E, to F bits, [`BroadcastParams::magnitude_bits`]; what
//!   follows is exact, but for sums that move when exponents of beats differ by much. With U = 2^(16 s - 21), s the
//!   largest floor((E - F + 18) / 16) of the vector,
//!   `|result - exact| <= sum over beats [2^(E-F) sum over lanes |weight| + (2 + n/64) U] + half an ulp of the result`.
//!   Lanes within F - 11 (fp16) or F - 8 (bf16) binades of E count nothing in the first term, and vectors whose E have one
//!   s nothing in the second. The mean relative error of products of 64 and 128 is tested to stay below 0.12 %.
//!
//! How. A DSP48E2 multiplies two rows at once: A = w0 + 2^22 w1 fits 27 bits for all INT4 (at 2^23, -8 above a negative code would
//! not), B is the aligned activation. In a chain of n <= 16 lanes the lower row's sum must stay in the 22 bits below the upper one:
//! 8 n (2^F - 1) < 2^21 gives **F = 18 - log2 n**, 14 bits for chains of 16. RND adds 2^21, so that it never borrows; inverting one bit
//! takes that off. Chains of up to 64 lanes meet in fabric, where each row has adders of its own. Tiles are distributed RAM, read
//! with the skewed address of the chain's lanes; their words have the borrow of A in place, so that nothing is between RAM
//! and multiplier.
//!
//! | module | what |
//! |---|---|
//! | `pe_broadcast` | all of it |
//! | `pe_broadcast_store` | weights as words of the tiles |
//! | `pe_broadcast_beat` | what rides along with a beat |
//! | `pe_broadcast_weights` | tiles of a slice of lanes |
//! | `pe_broadcast_skew` | a beat's lanes and tile at the cycles when chains want them |
//! | `pe_broadcast_column` | two rows of a slice: a chain, and its two sums |
//! | `pe_broadcast_slice` | the lanes of one chain, all rows |
//! | `pe_broadcast_pair` | two rows: slices joined, beats summed, sums held for the drain |
//! | `pe_broadcast_rows` | all pairs |
//! | `pe_broadcast_drain` | held sums to results, a row a cycle |

pub mod golden;
mod rows;
mod rtl;
mod slice;
mod store;
#[cfg(test)]
mod tests;

pub use rtl::pe_broadcast;

use super::array::{ChainParams, MAX_LANES};
use super::float::{AccumulateParams, AlignParams, Formats};
use crate::params::Technology;
use crate::rtl::{RtlError, bits_for};

/// Bits of a weight.
pub const WEIGHT_BITS: u32 = 4;
/// Weight of the upper row in a sum: 2^22; bits of each row's sum of one chain.
pub const LANE_BITS: u32 = 22;
/// Makes the lower row's sum non-negative.
const BIAS: u64 = 1 << (LANE_BITS - 1);
/// Places by which a beat's sum is moved up for [`super::float::accumulate`]: 24 bits and these are its 48. With 20 or more it
/// places every beat exactly.
const LIFT: u32 = 24;

/// Parameters of the array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BroadcastParams {
    pub technology: Technology,
    /// Lanes K: a multiple of 4 up to 16, or of 16 up to 64.
    pub lanes: u32,
    /// Rows R, even, up to 32.
    pub rows: u32,
    pub formats: Formats,
    /// Most beats of a vector, 2 to 64; twice as many tiles are held.
    pub max_beats: u32,
}

impl BroadcastParams {
    /// Lanes n of a chain.
    pub const fn chain_lanes(&self) -> u32 {
        if self.lanes < MAX_LANES {
            self.lanes
        } else {
            MAX_LANES
        }
    }

    /// Chains that a row's lanes are spread over.
    pub const fn slices(&self) -> u32 {
        self.lanes / self.chain_lanes()
    }

    /// Magnitude bits F of an aligned activation: of a chain of n lanes `8 n (2^F - 1) < 2^21`.
    pub const fn magnitude_bits(&self) -> u32 {
        LANE_BITS - WEIGHT_BITS - self.chain_lanes().next_power_of_two().ilog2()
    }

    /// Products a cycle.
    pub const fn products(&self) -> u32 {
        self.lanes * self.rows
    }

    /// Bits of the name of a tile.
    pub const fn tile_bits(&self) -> u32 {
        bits_for(2 * self.max_beats as u64 - 1)
    }

    /// Cycles behind a beat in which its tile is still read.
    pub const fn hold(&self) -> u32 {
        self.align().latency() + self.chain().skew(self.chain_lanes() - 1)
    }

    /// Cycles from a vector's last beat to the result of row 0.
    pub const fn latency(&self) -> u32 {
        self.sum_latency() + rows::LATENCY
    }

    /// Cycles from a beat to its sums in the rows' accumulators.
    const fn sum_latency(&self) -> u32 {
        self.align().latency() + self.chain().latency() + self.join_stages()
    }

    /// Adders in a row that join a row's chains.
    const fn join_stages(&self) -> u32 {
        self.slices().next_power_of_two().ilog2()
    }

    const fn align(&self) -> AlignParams {
        AlignParams {
            lanes: self.lanes,
            magnitude_bits: self.magnitude_bits(),
            formats: self.formats,
        }
    }

    const fn chain(&self) -> ChainParams {
        ChainParams {
            technology: self.technology,
            lanes: self.chain_lanes(),
            split: false,
        }
    }

    const fn accumulate(&self) -> AccumulateParams {
        AccumulateParams {
            max_beats: self.max_beats,
        }
    }

    /// What a beat's exponent is more than its block's: its sum counts units of 2^(E - F + 1), lifted, and
    /// [`super::float::accumulate`] takes it for units of 2^(exponent - 41).
    const fn exponent_offset(&self) -> i32 {
        41 - LIFT as i32 - (self.magnitude_bits() as i32 - 1)
    }

    fn name(&self) -> String {
        let (k, r, n) = (self.lanes, self.rows, self.max_beats);
        format!("pe_broadcast_k{k}_r{r}_n{n}_{}", self.formats.word())
    }

    /// Rules of the parameters, those that are broken in words.
    fn check(&self) -> Result<(), RtlError> {
        let mut faults = Vec::new();
        let k = self.lanes;
        let step = if k < MAX_LANES { 4 } else { MAX_LANES };
        if !(4..=64).contains(&k) || !k.is_multiple_of(step) {
            let nearest = k.next_multiple_of(step).clamp(4, 64);
            faults.push(format!(
                "lanes = {k} is not a multiple of 4 up to 16 or of 16 up to 64, nearest {nearest}"
            ));
        }
        let r = self.rows;
        if !(2..=32).contains(&r) || !r.is_multiple_of(2) {
            let nearest = r.next_multiple_of(2).clamp(2, 32);
            faults.push(format!(
                "rows = {r} is not even or not in 2..=32, nearest {nearest}"
            ));
        }
        let n = self.max_beats;
        if !(2..=64).contains(&n) {
            let nearest = n.clamp(2, 64);
            faults.push(format!(
                "max_beats = {n} is not in 2..=64, nearest {nearest}"
            ));
        }
        if faults.is_empty() {
            return Ok(());
        }
        let module = self.name();
        Err(RtlError { module, faults })
    }
}
