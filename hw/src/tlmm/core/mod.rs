//! tlmm_core: the arithmetic of the ternary engine without its way to memory. Several architectures keep one contract, so
//! that each technology gets the one that is smallest there and everything around it stays the same.
//!
//! Contract
//! * A product is `k_tiles` x `row_tiles` *weight words*, K tile outermost. A weight word holds the codes of Q rows and T
//!   groups: code of group t of row q at bits `C (q T + t)`, C = [`CoreParams::code_bits`]. One word a cycle is taken.
//! * Activations: B vectors of int8, written in any order before the word that needs them (`act_ready` tells how far
//!   they are). Word `tile G + j` of the activation memory holds element j of every group of a K tile: that of group t and
//!   vector b at bits `8 (b T + t)`. Both halves of the memory (`act_half`) can be written; a product reads one of them.
//! * Sums: Q B values of A bits, that of row q and vector b at `A (b Q + q)`, one row tile after the other while the words of the
//!   last K tile pass. They come without back-pressure: the consumer raises `hold` in time, and keeps room for
//!   [`CoreParams::latency`] row tiles after it has.
//! * Exact: every int8 activation, -128 included; sums are of the whole K, A = [`CoreParams::acc_bits`] bits.
//!
//! Ports (all widths in bits)
//!
//! | port | | |
//! |---|---|---|
//! | `clk`, `rst` | in | |
//! | `act_we`, `act_addr`, `act_data` | in | write of the activation memory, address [`CoreParams::act_addr_bits`], data 8 T B |
//! | `start` | in | pulse while `idle`: a product begins; the next five are stable until it ends |
//! | `act_half` | in | half of the activation memory that is read (top bit of the address) |
//! | `act_words` | in | words of that half that are written; grows while the product runs |
//! | `k_tiles`, `row_tiles` | in | sizes minus one |
//! | `idle` | out | no product is under way; sums of the last one have left |
//! | `w_valid`, `w_ready`, `w_data` | sink | weight words |
//! | `hold` | in | take no word of the last K tile |
//! | `sum_valid`, `sum_data`, `sum_last` | out | finished row tiles; `sum_last` with the final one |

mod select;

pub use select::{
    CARRY_CELL_LINT, CARRY_CELL_MODEL, RAM_MODELS, SelectCore, Technology, golden as select_golden,
};

use crate::rtl::{bits_for, clog2};

/// What a code of C bits stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// 3 dense ternary weights, index 0..=26 in 5 bits (papers.md 1.3, 27..=31 read as zeros).
    G3,
    /// 4 weights with exactly one zero, 5 bits (Sherry, papers.md 5.2).
    Sherry,
    /// One ternary weight in 2 bits: weight + 1 (3 reads as zero).
    TwoBit,
}

/// Parameters of a core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoreParams {
    pub code: Code,
    /// Groups in parallel T.
    pub groups: u32,
    /// Output rows in parallel Q.
    pub rows: u32,
    /// Activation vectors that one weight word serves, B.
    pub batch: u32,
    /// Longest K in K tiles.
    pub max_k_tiles: u32,
    /// Row tiles that the accumulators hold; a power of two.
    pub max_row_tiles: u32,
}

impl CoreParams {
    /// Weights of a group, G.
    pub const fn group(&self) -> u32 {
        match self.code {
            Code::G3 => 3,
            Code::Sherry => 4,
            Code::TwoBit => 1,
        }
    }

    /// Bits of a code, C.
    pub const fn code_bits(&self) -> u32 {
        match self.code {
            Code::G3 | Code::Sherry => 5,
            Code::TwoBit => 2,
        }
    }

    /// Activations of a K tile, T G.
    pub const fn tile_k(&self) -> u32 {
        self.groups * self.group()
    }

    /// Bits of a weight word.
    pub const fn word_bits(&self) -> u32 {
        self.code_bits() * self.groups * self.rows
    }

    /// Bits of a sum, A: the longest K times the largest magnitude, 128, with a sign.
    pub const fn acc_bits(&self) -> u32 {
        bits_for(128 * self.max_k_tiles as u64 * self.tile_k() as u64) + 1
    }

    /// Words of one half of the activation memory; a power of two.
    pub const fn act_words(&self) -> u32 {
        1 << clog2((self.max_k_tiles * self.group()) as u64)
    }

    /// Bits of an address of the activation memory: the half on top.
    pub const fn act_addr_bits(&self) -> u32 {
        clog2(self.act_words() as u64) + 1
    }

    /// Ternary products a cycle: T Q B G.
    pub const fn macs(&self) -> u32 {
        self.tile_k() * self.rows * self.batch
    }
}
