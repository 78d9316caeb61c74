//! The integer core of the array: sums of products sum_k A_k * B_k, A of 27 bits and B of 18, both signed, in chains of at
//! most 16 multipliers that stay where they are summed (DSP48E2: multiplier, adder and cascade).
//!
//! Contract
//! * One beat a cycle, without handshake and without reset; what comes out before the first beat means nothing.
//! * Sums are exact modulo 2^48, and as signed numbers too unless every one of 16 lanes multiplies the two most negative
//!   operands.
//! * A chain takes each lane `skew(lane)` cycles behind the beat. [`pe_skew`] makes that of beats whose lanes come together,
//!   once for all chains that they go to; operands out of memories are read with skewed addresses instead.
//! * Two halves: lanes 0.. `lower_lanes` and the rest. With `halves` the chain of the upper one leaves the lower one's sum
//!   out, so that a chain serves two short vectors; both sums leave in the same cycle, `latency` behind the beat.
//! * `bias`: 262144 is added to each sum that leaves, so that the lanes of two int8 rows in one A come apart ([`pair`]); of
//!   [`pe_chain_biased`] another constant.
//!
//! How. A lane's product passes the adder one cycle behind the lane below it, so that lanes of a plain cascade of 16 would
//! be up to 15 cycles late, at 18 flip-flops a cycle. Three things of the DSP48E2 lessen that. Odd lanes have one register
//! more on A and B, so that lanes 2 i and 2 i + 1 come together (and share a read address). The lower half's sum joins at
//! the upper half's last lane through C: both halves run at the same time, and the sum of the lower half, which
//! `halves` wants, is at hand 2 cycles early instead of 8. The bias is RND of a half's first lane, where nothing is to be
//! added. No look-up table is left in a chain.
//!
//! | module | what |
//! |---|---|
//! | `pe_skew` | lanes and controls of a beat at the cycles when chains want them |
//! | `pe_chain` | one chain |
//! | `pe_product` | one lane of it: multiplier and adder |
//! | `pe_tree` | for codes alone without a DSP48E2: 8 x 8 products of each row, a tree of adders |

mod chain;
mod golden;
mod product;
mod skew;
#[cfg(test)]
mod tests;
mod tree;

pub use chain::{pe_chain, pe_chain_biased};
pub use golden::{BIAS, chain, held_pair, pair};
pub use skew::pe_skew;
pub use tree::pe_tree;

use crate::params::Technology;
use crate::rtl::RtlError;

/// Bits of A, of B, and of a sum.
pub const A_BITS: u32 = 27;
pub const B_BITS: u32 = 18;
pub const SUM_BITS: u32 = 48;

/// Most lanes of a chain: of these, int8 pairs come apart whatever the codes are.
pub const MAX_LANES: u32 = 16;

/// Parameters of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainParams {
    pub technology: Technology,
    /// Lanes, 1 to 16; even when split.
    pub lanes: u32,
    /// Whether its halves can be summed apart.
    pub split: bool,
}

impl ChainParams {
    /// Lanes of the lower half; 0 only of a chain of one lane.
    pub const fn lower_lanes(&self) -> u32 {
        self.lanes / 2
    }

    /// How many cycles behind the beat a lane is taken.
    pub const fn skew(&self, lane: u32) -> u32 {
        let (first, i) = if lane < self.lower_lanes() {
            (0, lane)
        } else {
            (self.upper_start(), lane - self.lower_lanes())
        };
        first + i / 2 * 2
    }

    /// Cycles from a beat (its lane 0) to its sums: those of the last lane.
    pub const fn latency(&self) -> u32 {
        let last = self.lanes - 1;
        // Its registers on A and B, that of the product, that of the sum.
        self.skew(last) + self.registers(last) + 2
    }

    /// Registers of a lane on A and B.
    const fn registers(&self, lane: u32) -> u32 {
        let i = if lane < self.lower_lanes() {
            lane
        } else {
            lane - self.lower_lanes()
        };
        1 + i % 2
    }

    /// Skew of the upper half's first lane: its last lane adds two cycles behind the lower half's, once for the register
    /// of that sum and once for C.
    const fn upper_start(&self) -> u32 {
        let lower = self.lower_lanes();
        if lower == 0 {
            0
        } else {
            2 + lower - (self.lanes - lower)
        }
    }

    /// How many cycles behind the beat a lane's control (bias, whole) is taken.
    const fn control_skew(&self, lane: u32) -> u32 {
        self.skew(lane) + self.registers(lane)
    }

    /// Rules of the parameters, those that are broken in words.
    fn check(&self, module: &str) -> Result<(), RtlError> {
        let n = self.lanes;
        let mut faults = Vec::new();
        if !(1..=MAX_LANES).contains(&n) {
            let nearest = n.clamp(1, MAX_LANES);
            faults.push(format!("lanes = {n} is not in 1..=16, nearest {nearest}"));
        }
        if self.split && !n.is_multiple_of(2) {
            faults.push(format!(
                "lanes = {n} is odd and cannot be split, nearest {}",
                (n + 1).min(MAX_LANES)
            ));
        }
        if faults.is_empty() {
            return Ok(());
        }
        let module = module.into();
        Err(RtlError { module, faults })
    }
}
