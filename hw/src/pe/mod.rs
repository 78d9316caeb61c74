//! pe: int8 multiply-accumulate array, M = W / 8 lanes times R rows: attention over cached K and V, int8 heads.
//!
//! Contract of `pedot` and `peaxpy` (docs/machine.md, section 4)
//! * One packet of n vectors of len int8, len / M beats each; every beat serves all active rows, one beat a cycle.
//! * First the R activation vectors (pedot: len codes; peaxpy: n codes) are loaded into local memory.
//! * Shorter packet: STREAM_SHORT; longer: the rest is dropped. OPERAND, with the operand in the info register: more
//!   rows than R (info: flags), len 0, over its limit or no multiple of M (pe_max_len; peaxpy: `max_axpy`), n 0 or
//!   (peaxpy) over pe_max_count.
//! * Exact for all int8, -128 included.
//! * Cycles: loading rows * (words of a vector + 4); then n * len / M beats; pedot writes R words each L vectors
//!   while it goes on, peaxpy drains rows * len / min(L, M) cycles at the end; plus about 20.

//!
//! | module | what |
//! |---|---|
//! | `pe` | control: loading, rows, results |
//! | `pe_load` | activation vectors from the scratchpad as beats |
//! | `pe_walk` | walk over the packet's beats and vectors |
//! | `pe_row` | one row: operands, multipliers, dot product, accumulators |
//! | `pe_dots` | dot products of a row, gathered to words |
//! | `pe_results` | results of both operations to the scratchpad, row by row |

pub mod array;
pub mod broadcast;
mod dots;
pub mod float;
pub mod golden;
mod parts;
mod row;
mod rtl;
#[cfg(test)]
mod tests;
mod walk;

pub use rtl::pe;

use crate::params::MachineParams;

/// Longest vector of peaxpy: its accumulators are registers or distributed RAM, and V vectors are head-sized.
const MAX_AXPY: u32 = 128;

/// Parameters of the array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeParams {
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

    /// Bits of a dot product: max_len times the largest magnitude, 2^14, with a sign.
    pub const fn dot_bits(&self) -> u32 {
        crate::rtl::bits_for((1 << 14) * self.max_len as u64) + 1
    }

    /// Bits of an accumulator of peaxpy.
    pub const fn axpy_bits(&self) -> u32 {
        crate::rtl::bits_for((1 << 14) * self.max_count as u64) + 1
    }
}
