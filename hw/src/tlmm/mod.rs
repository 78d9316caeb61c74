//! tlmm: the ternary matrix engine. A group of G activations becomes a small table of its signed sums; a weight is
//! an index of 5 bits into it, so that G multiplications are one lookup (TeLLMe, papers.md 1.3; Sherry, papers.md 5.2).
//!
//! Contract of `gemv` (docs/machine.md, section 4)
//! * Weights arrive as one packet in the order: K tile, row tile, q in 0..Q, t in 0..T. A *weight word* is the T Q
//!   indices of one row tile in one K tile; the engine takes one a cycle.
//! * A packet is a whole number of weight words, a partial final one being filled with zero bits (base3: zero bytes up
//!   to whole groups of 3 m bytes, m = ceil(W / 24)). Fewer words than ceil(K / TG) NT: STREAM_SHORT. More: dropped.
//! * K = 0, K > max_k, NT = 0 or NT > max_row_tiles: OPERAND, with the operand in the info register.
//! * Exact for all int8 activations, -128 included: table entries and sums are wide enough for the longest K.
//! * Cycles of an instruction: ceil(K / TG) NT + about 20 when weights and activations are there in time and Q <= L.
//!   Activations of the next K tile are fetched, and its tables made, while this one is used; results leave during the
//!   pass over the last K tile (Q > L stretches that pass by Q / L).

//!
//! | module | what |
//! |---|---|
//! | `tlmm` | control: walks over K tiles and weight words |
//! | `tlmm_acts` | activations from the scratchpad, tail masked, as K tiles |
//! | `tlmm_array` | tables, lookups and accumulators |
//! | `tlmm_results` | results to the scratchpad |
//! | `unpack_base3`, `unpack_g3`, `unpack_sherry` | beats of DRAM to weight words of engine codes |
//! | `tlmm_table_g3`, `tlmm_table_sherry` | half table of one group |
//! | `tlmm_row` | lookups and adder tree of one output row |

pub mod core;
pub mod golden;
mod lookup;
mod parts;
mod rtl;
#[cfg(test)]
mod tests;
mod unpack;

pub use rtl::tlmm;
pub use unpack::unpack;

use crate::params::{DramFormat, MachineParams, WeightFormat};

/// Bits of an index.
pub const INDEX_BITS: u32 = 5;

/// Bytes to which packets are padded.
pub const PACKET_ALIGN: usize = 64;

/// Parameters of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlmmParams {
    pub format: WeightFormat,
    pub dram: DramFormat,
    /// Groups in parallel T.
    pub groups: u32,
    /// Output rows in parallel Q.
    pub rows: u32,
    /// Bits of a weight beat W.
    pub bus_bits: u32,
    /// Lanes L of a scratchpad word.
    pub lanes: u32,
    /// Row tiles that the accumulators hold.
    pub max_row_tiles: u32,
    /// Longest K.
    pub max_k: u32,
}

impl TlmmParams {
    pub fn new(p: &MachineParams) -> TlmmParams {
        TlmmParams {
            format: p.weight_format,
            dram: p.dram_format,
            groups: p.groups,
            rows: p.rows,
            bus_bits: p.bus_bits,
            lanes: p.vec_lanes,
            max_row_tiles: p.max_row_tiles,
            max_k: p.max_k,
        }
    }

    /// Activations of a K tile, T G.
    pub const fn tile_k(&self) -> u32 {
        self.groups * self.format.group()
    }

    /// Indices of a weight word, T Q.
    pub const fn word_indices(&self) -> u32 {
        self.groups * self.rows
    }

    /// Bits of a weight word.
    pub const fn word_bits(&self) -> u32 {
        INDEX_BITS * self.word_indices()
    }

    /// Triples of bytes that the base-3 decoder takes at a time: at least a beat.
    pub const fn base3_triples(&self) -> u32 {
        self.bus_bits.div_ceil(24)
    }

    /// Bits of an accumulator: holds max_k times the largest magnitude, 128, with a sign.
    pub const fn acc_bits(&self) -> u32 {
        crate::rtl::bits_for(128 * self.max_k as u64) + 1
    }
}
