//! pe: multiply-accumulate array, M = W / 8 lanes times R rows: attention over cached K and V, output heads, layers whose
//! weights are not ternary.
//!
//! Contract of `pedot` and `peaxpy` (docs/machine.md, section 4)
//! * The mode ([`PeMode`]) says what is multiplied: int8 codes or fp32 activations rounded to fp16 or bf16, with int8, int4
//!   or 16-bit floats of the packet. An array has int8 and those that its parameters list; peaxpy has int8 alone.
//!
//!   | mode | elements a beat | most rows | result |
//!   |---|---|---|---|
//!   | int8 | M | R | i32, exact |
//!   | int8_int4 | 2 M | 2 floor(R' / 2), R' = ceil(R / 2) pairs | i32, exact |
//!   | fp16_int4, bf16_int4 | 2 M | floor(R' / 2) | fp32 |
//!   | fp16_int8, bf16_int8 | M | R' | fp32 |
//!   | fp16, bf16 | M / 2 | R | fp32 |
//!
//! * One packet of n vectors of len elements in whole beats; every beat serves all active rows, one beat a cycle. Of int4 the
//!   lower nibbles of a beat's bytes come before the upper ones.
//! * First the R activation vectors (pedot: len elements; peaxpy: n codes) are loaded, into one half of a memory while the
//!   instruction in front multiplies out of the other; but not before what they read is written. Floats are read twice:
//!   for the largest exponent of the vector, and to align them to it.
//! * peaxpy is a dot product over tokens: `pe_front` turns blocks of M vectors, so that a beat holds the M tokens of one
//!   column. So every sum stays in the DSP48E2 of a chain, and the accumulators are one adder a row.
//! * Two rows of codes share a multiplier: A = h0 + 2^19 h1, B = the streamed integer ([`array`]); without DSP48E2 and float
//!   modes they have one of 8 x 8 bits each. Of floats a multiplier takes one row: A its aligned integer of 27 bits, B one
//!   of 18; with floats in the packet the two rows of a pair take half of the lanes each.
//! * Exact for all integers of the packet; codes of -128, which are none, count as -127. Floats: sums, rounding, special
//!   values and the error bound are those of [`float`], where the held block is a row's vector and a beat the elements
//!   above.
//! * Faults. MODE (info: the mode): one that the array lacks. OPERAND, with the operand in the info register: more rows
//!   than the mode has (info: flags), len 0, over its limit or not whole beats (pe_max_len; peaxpy: `max_axpy`), n 0 or
//!   (peaxpy) over pe_max_count. Shorter packet: STREAM_SHORT; longer: the rest is dropped.
//! * Cycles: beats of the packet, peaxpy ceil(n / M) len and len more for the first block to turn; loading, turning and
//!   writing overlap with the instructions before and after. Results: R words each L results; a stream of results that is
//!   denser waits.
//!
//! | module | what |
//! |---|---|
//! | `pe` | control: the instruction that loads and turns, the one that multiplies |
//! | `pe_decode` | limits and counts of an instruction |
//! | `pe_load`, `pe_load_codes`, `pe_load_floats` | activations of the rows from the scratchpad |
//! | `pe_front` | packets to beats, blocks of vectors turned |
//! | `pe_walk` | which operands meet a beat, and what becomes of the sum |
//! | `pe_multiply` | everything between a beat and a result of each row: |
//! | `pe_held` | memory of the operands of two rows |
//! | `pe_stream_align` | beats to operands, where there is more than int8 |
//! | `pe_skew`, `pe_chain`, or `pe_tree` | products and their sums |
//! | `pe_sum` | sums of codes of a row over beats or blocks |
//! | `pe_float` | sums of floats of a row, and results |
//! | `pe_results` | results to the scratchpad |
//!
//! `array`, `float` and `front` are blocks of their own with golden and tests. `broadcast` is another array of the float
//! units, with weights that stay; it is a core of its own.

pub mod array;
pub mod broadcast;
mod decode;
pub mod float;
pub mod front;
pub mod golden;
mod load;
mod mode;
mod multiply;
mod results;
mod rtl;
#[cfg(test)]
mod tests;
mod walk;

pub use mode::{PeMode, PeModes};
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
    pub modes: PeModes,
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
            modes: p.pe_modes,
        }
    }

    /// Multiplier lanes M of a row.
    pub const fn macs(&self) -> u32 {
        self.bus_bits / 8
    }

    /// DSP48E2, or the multipliers that stand for them: one for two rows of a lane, or two.
    pub fn multipliers(&self) -> u32 {
        let each = if self.shared_multipliers() { 1 } else { 2 };
        each * self.pairs() * self.macs()
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

    /// Whether two rows of codes share a multiplier of 27 x 18 bits: where there are such, and where floats need them.
    pub(in crate::pe) fn shared_multipliers(&self) -> bool {
        self.technology == Technology::XilinxUscale || self.modes.floats()
    }

    /// Chains of a pair of rows.
    const fn chains(&self) -> u32 {
        self.macs().div_ceil(MAX_LANES)
    }

    /// With floats times floats its halves are summed apart; of two chains each is one.
    fn chain(&self) -> ChainParams {
        ChainParams {
            technology: self.technology,
            lanes: self.macs() / self.chains(),
            split: self.modes.halves() && self.chains() == 1,
        }
    }

    fn front(&self) -> FrontParams {
        FrontParams {
            bus_bits: self.bus_bits,
            max_beats: self.max_len / self.least_beat_elements(),
            max_column_beats: self.max_axpy / self.macs(),
        }
    }

    /// Bits of the sum of a beat: 19 of a chain; of nibbles two pairs are added.
    fn partial_bits(&self) -> u32 {
        18 + self.chains() + u32::from(self.modes.has(PeMode::Int8Int4))
    }

    /// Beats of operands of one instruction.
    fn held_beats(&self) -> u32 {
        let dots = self.max_len / self.least_beat_elements();
        dots.max(self.max_count.div_ceil(self.macs()))
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
        clog2(
            (self.max_len / self.least_beat_elements())
                .max(self.max_axpy)
                .into(),
        )
    }
}
