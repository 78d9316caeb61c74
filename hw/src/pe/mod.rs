//! pe: multiply-accumulate array, M = W / 8 int8 lanes times R rows: attention over cached K and V, int8 heads.
//!
//! Contract of `pedot` and `peaxpy` (docs/machine.md, section 4)
//! * One packet of n vectors of len int8, len / M beats each; every beat serves all active rows, one beat a cycle.
//! * First the R activation vectors (pedot: len codes; peaxpy: n codes) are loaded, into one half of a memory while the
//!   instruction in front multiplies out of the other; but not before what they read is written.
//! * peaxpy is a dot product over tokens: `pe_front` turns blocks of M vectors, so that a beat holds the M tokens of one
//!   column. So every sum stays in the DSP48E2 of a chain, and the accumulators are one adder a row.
//! * Two rows share a multiplier: A = h0 + 2^19 h1, B = the streamed int8 ([`array`]).
//! * Shorter packet: STREAM_SHORT; longer: the rest is dropped. OPERAND, with the operand in the info register: more
//!   rows than R (info: flags), len 0, over its limit or no multiple of M (pe_max_len; peaxpy: `max_axpy`), n 0 or
//!   (peaxpy) over pe_max_count.
//! * Exact for all int8 of the packet; activations are codes, and -128, which is none, counts as -127.
//! * Cycles: n len / M, peaxpy ceil(n / M) len and len more for the first block to turn; loading, turning and writing overlap
//!   with the instructions before and after. Results: R words each L results; a stream of results that is denser waits.
//!
//! | module | what |
//! |---|---|
//! | `pe` | control: the instruction that loads and turns, the one that multiplies |
//! | `pe_load` | codes of the rows from the scratchpad |
//! | `pe_held` | memory of the codes of two rows |
//! | `pe_front` | packets to beats, blocks of vectors turned |
//! | `pe_walk` | which codes meet a beat, and what becomes of the sum |
//! | `pe_skew`, `pe_chain` | products and their sums |
//! | `pe_sum` | sums of a row over beats or blocks |
//! | `pe_results` | results to the scratchpad |
//!
//! `array` and `front` are blocks of their own with golden and tests. `float` has the units of block floats, `broadcast` an array of
//! them with weights that stay; neither is part of the unit yet.

pub mod array;
pub mod broadcast;
pub mod float;
pub mod front;
pub mod golden;
mod held;
mod load;
mod multiply;
mod results;
mod rtl;
mod sum;
#[cfg(test)]
mod tests;
mod walk;

pub use rtl::pe;

use crate::params::{MachineParams, Technology};
use crate::rtl::{bits_for, clog2};
use array::{ChainParams, MAX_LANES};
use front::FrontParams;

/// Longest vector of peaxpy: its sums are in distributed RAM, and V vectors are head-sized.
const MAX_AXPY: u32 = 256;

/// Parameters of the array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeParams {
    pub technology: Technology,
    /// Bits of a weight beat W; M = W / 8.
    pub bus_bits: u32,
    /// Lanes L of a scratchpad word.
    pub lanes: u32,
    /// Rows R.
    pub rows: u32,
    /// Longest vector of pedot.
    pub max_len: u32,
    /// Longest vector of peaxpy.
    pub max_axpy: u32,
    /// Most vectors of peaxpy.
    pub max_count: u32,
}

impl PeParams {
    pub fn new(p: &MachineParams) -> PeParams {
        PeParams {
            technology: p.technology,
            bus_bits: p.bus_bits,
            lanes: p.vec_lanes,
            rows: p.pe_rows,
            max_len: p.pe_max_len,
            max_axpy: p.pe_max_len.min(MAX_AXPY),
            max_count: p.pe_max_count,
        }
    }

    /// Multiplier lanes M of a row.
    pub const fn macs(&self) -> u32 {
        self.bus_bits / 8
    }

    /// DSP48E2, or what stands for them.
    pub const fn multipliers(&self) -> u32 {
        self.pairs() * self.macs()
    }

    /// Bits of a sum of pedot or peaxpy: the largest magnitude of a product, 2^14, times their number, with a sign.
    pub const fn sum_bits(&self) -> u32 {
        let most = if self.max_len > self.max_count {
            self.max_len
        } else {
            self.max_count
        };
        bits_for((1 << 14) * most as u64) + 1
    }

    /// Pairs of rows.
    const fn pairs(&self) -> u32 {
        self.rows.div_ceil(2)
    }

    /// Chains of a pair of rows.
    const fn chains(&self) -> u32 {
        self.macs().div_ceil(MAX_LANES)
    }

    const fn chain(&self) -> ChainParams {
        ChainParams {
            technology: self.technology,
            lanes: self.macs() / self.chains(),
            split: false,
        }
    }

    fn front(&self) -> FrontParams {
        FrontParams {
            bus_bits: self.bus_bits,
            max_beats: self.max_len / self.macs(),
            max_column_beats: self.max_axpy / self.macs(),
        }
    }

    /// Bits of the sum of a beat: 19 of a chain.
    const fn partial_bits(&self) -> u32 {
        18 + self.chains()
    }

    /// Beats of codes of one instruction.
    fn held_beats(&self) -> u32 {
        self.max_len.max(self.max_count).div_ceil(self.macs())
    }

    /// Bits of a beat's number among them.
    fn beat_addr_bits(&self) -> u32 {
        clog2(self.held_beats().into())
    }

    /// Beats in the memory: two halves.
    fn held_depth(&self) -> u32 {
        2 << self.beat_addr_bits()
    }

    fn held_addr_bits(&self) -> u32 {
        self.beat_addr_bits() + 1
    }

    /// Bits of a row's number.
    fn row_bits(&self) -> u32 {
        clog2(self.rows.into())
    }

    fn pair_bits(&self) -> u32 {
        clog2(self.pairs().into())
    }

    /// Bits of a lane of a scratchpad word.
    const fn lane_bits(&self) -> u32 {
        self.lanes.trailing_zeros()
    }

    /// Bits of the number of a beat in a vector or of a column in a block.
    fn inner_bits(&self) -> u32 {
        clog2((self.max_len / self.macs()).max(self.max_axpy).into())
    }
}
