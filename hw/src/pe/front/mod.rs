//! What stands before the array of multipliers: a packet's vectors become beats that it takes dot products of.
//!
//! Contract
//! * `start`, with `axpy`, `n` (vectors, 1 or more) and `beats` (of a vector, 1 to its maximum), which stay until `taken`,
//!   begins a packet on `w`: at the earliest in the cycle when `taken` rises. No beat is taken before.
//! * Without `axpy` the n * beats beats leave on `out` as they came.
//! * With `axpy` vectors are taken in blocks of M = W / 8. For each beat b of a vector and lane l, in this order, one
//!   *column* leaves: byte t of it is byte l of beat b of the block's vector t, and 0 past vector n. A sum of vectors
//!   times codes is so a dot product of each column with the block's codes.
//! * One beat a cycle in and, in any mixture of packets, one out; a beat accepted in cycle t is offered at the earliest
//!   in t + `latency`, and so is a block's first column if the block's last beat was accepted in t; `out_ready` is not
//!   waited for. Two blocks are held, so that the columns of one leave while the next comes, of the next packet too. No
//!   combinational path from `out_ready` to `w_ready`.
//! * `taken` rises in the cycle after the packet's last beat, and stays until the next `start`. Beats beyond the needed
//!   ones are dropped.
//! * A packet that ends early raises `short` instead, with the number of the vector that was cut; both stay, as the
//!   operands must, until reset or the next `start`. What leaves of such a packet is undefined.
//!
//! How. Byte l of vector t lies in memory l xor t at address t, so that the bytes of a vector's beat and those of a column
//! both come from all M memories. Exchange of bytes whose numbers differ in one bit, a level for each bit of t or l, puts
//! them there and back. Against a rotation this saves an adder a memory: all memories share the bits of their read
//! addresses and the inverses. A beat without `axpy` is a block of its own, written and read with nothing exchanged.
//!
//! Blocks are handed over without a pause: the pipeline before the memories is as long for addresses of reads as for
//! beats, so that a read behind a write in time stays behind it, and the other way round.
//!
//! | module | what |
//! |---|---|
//! | `pe_front` | the parts joined, beats held for a sink that stalls |
//! | `pe_front_walk` | walk over the packet: places of beats, ends of blocks |
//! | `pe_front_columns` | which column is read |
//! | `pe_front_transposer` | memories with an exchange before and behind |
//! | `pe_front_exchange` | byte k to byte k xor s |
//! | `pe_front_banks8` | eight of the memories; with their number in the name more, in halves |

mod columns;
pub mod golden;
mod rtl;
#[cfg(test)]
mod tests;
mod transposer;
mod walk;

pub use rtl::pe_front;

use crate::rtl::{RtlError, bits_for, clog2};

/// Levels of an exchange between registers: two look-up tables of six inputs.
const STAGE_LEVELS: u32 = 4;

/// Parameters of [`pe_front`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrontParams {
    /// Bits of a beat W: 32, 64, 128 or 256.
    pub bus_bits: u32,
    /// Longest vector without `axpy`, beats.
    pub max_beats: u32,
    /// Longest vector with `axpy`, beats.
    pub max_column_beats: u32,
}

impl FrontParams {
    /// Bytes M of a beat, and vectors of a block.
    pub const fn lanes(&self) -> u32 {
        self.bus_bits / 8
    }

    /// Bits of port `beats`.
    pub const fn beats_bits(&self) -> u32 {
        let (plain, axpy) = (self.max_beats, self.max_column_beats);
        bits_for(if plain > axpy { plain } else { axpy } as u64)
    }

    /// Cycles from a beat on `w` to `out`.
    pub const fn latency(&self) -> u32 {
        // The walk's record of the block; exchange, memory, exchange; the FIFO behind.
        1 + 2 * self.stages() + 1 + 1
    }

    /// Bits of a lane's or a block's vector's number; levels of an exchange.
    const fn lane_bits(&self) -> u32 {
        self.lanes().trailing_zeros()
    }

    /// Bits of a beat's number within a vector of a block.
    const fn place_bits(&self) -> u32 {
        clog2(self.max_column_beats as u64)
    }

    /// Registers of an exchange.
    const fn stages(&self) -> u32 {
        self.lane_bits().div_ceil(STAGE_LEVELS)
    }

    /// Rules of the parameters, those that are broken in words.
    fn check(&self) -> Result<(), RtlError> {
        let mut faults = Vec::new();
        let w = self.bus_bits;
        if ![32, 64, 128, 256].contains(&w) {
            let nearest = w.clamp(32, 256).next_power_of_two();
            faults.push(format!(
                "bus_bits = {w} is not 32, 64, 128 or 256, nearest {nearest}"
            ));
        }
        for (name, beats) in [
            ("max_beats", self.max_beats),
            ("max_column_beats", self.max_column_beats),
        ] {
            if !(1..=1 << 16).contains(&beats) {
                let nearest = beats.clamp(1, 1 << 16);
                faults.push(format!(
                    "{name} = {beats} is not in 1..=65536, nearest {nearest}"
                ));
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        let module = "pe_front".into();
        Err(RtlError { module, faults })
    }
}
