//! Banked on-chip memory between the units, and the two movers that are the only way to it.
//!
//! | module | what |
//! |---|---|
//! | `scratchpad` | the banks, their arbiters, the range check |
//! | `scratchpad_bank` | one bank: one read and one write port, fixed priority |
//! | `vector_reader_w<bits>` | command (base, count of words) to a stream of words with last |
//! | `vector_writer_w<bits>` | command (base, count of words) and a stream of words to writes, then `done` |
//! | `vector_ranges_m<bits>` | words that an instruction reads and writes, for units that overlap instructions |
//!
//! # Ports of the scratchpad
//! Addresses count words and have [`ADDR_BITS`] bits everywhere, so that an operand of 32 bits past the end is caught
//! with its true address. Read port `p`: `p_req_valid/_ready/_addr`, then exactly two cycles after the grant
//! `p_rsp_valid` with `p_rsp_data`; there is no back-pressure on responses. Write port `p`: `p_valid/_ready`,
//! `p_addr`, `p_data`. Grants are combinational; in each bank the earlier port of the list wins. A write is visible to
//! reads granted in later cycles; a read granted with it gets the old word.
//!
//! An access at or past the end is granted at once, reads 0, writes nothing and sets `fault_valid` (held until reset),
//! `fault_port` (number in the list of read ports, then write ports) and `fault_info` (the address); the first fault is
//! kept, of several in one cycle the one of the lowest number.
//!
//! # Commands of the movers
//! `cmd_data`: base in bits 31:0, count of words in bits 47:32 ([`CMD_BITS`]). Count 0 yields no word (reader) or just
//! `done` (writer). Both take one word a cycle when granted, and lose one cycle between commands. The reader takes the
//! next command while words of earlier ones still wait in its FIFO. The writer's `done` is high for one cycle, the cycle
//! after the last write was accepted: the write is then visible. Words past the count are not taken.

mod golden;
mod movers;
mod ports;
mod ranges;
mod rtl;
#[cfg(test)]
mod tests;

pub use golden::{RangeFault, Scratchpad};
pub use movers::{vector_reader, vector_writer};
pub use ports::{ReaderPort, WriterPort};
pub use ranges::{RANGE_BITS, overlap, vector_ranges};
pub use rtl::scratchpad;

use crate::params::MachineParams;
use crate::rtl::{Expr, cat};

/// Bits of a word address on every port.
pub const ADDR_BITS: u32 = 32;
/// Bits of the word count of a command.
pub const COUNT_BITS: u32 = 16;
/// Bits of a command of a mover.
pub const CMD_BITS: u32 = ADDR_BITS + COUNT_BITS;

/// Read ports of the machine's scratchpad, first wins.
pub const READ_PORTS: [&str; 7] = ["vec_a", "vec_b", "tlmm", "pe", "store", "sample", "issue"];
/// Write ports of the machine's scratchpad, first wins.
pub const WRITE_PORTS: [&str; 6] = ["vec", "tlmm", "pe", "load", "sample", "issue"];

/// Command of a mover: `base` of [`ADDR_BITS`], `count` of [`COUNT_BITS`] bits.
#[track_caller]
pub fn command(base: &Expr, count: &Expr) -> Expr {
    cat([count, base])
}

/// Parameters of [`scratchpad`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScratchpadParams {
    /// Bits of a word.
    pub word_bits: u32,
    /// Words; a power of two, at least two a bank.
    pub words: u32,
    /// Banks, interleaved by the low address bits; a power of two.
    pub banks: u32,
    /// Names of the read ports in order of priority.
    pub reads: Vec<String>,
    /// Names of the write ports in order of priority.
    pub writes: Vec<String>,
}

impl From<&MachineParams> for ScratchpadParams {
    fn from(p: &MachineParams) -> ScratchpadParams {
        ScratchpadParams {
            word_bits: p.word_bits(),
            words: p.scratchpad_words,
            banks: p.scratchpad_banks,
            reads: READ_PORTS.map(String::from).to_vec(),
            writes: WRITE_PORTS.map(String::from).to_vec(),
        }
    }
}
