//! DRAM to scratchpad, weight buffer and stream buffer: `ld`, `ld1`, `ldw`, `ldp` (`docs/machine.md` section 4).
//!
//! Ports: sink `op`, `done`, `fault_valid/_cause/_info/_pc`; `image_base`, `state_base`; source `mem_req` (a request of
//! the guard), sink `mem_rsp` with last; sources `wgt` and `str` with last (packets for tlmm and pe); scratchpad write
//! port `wr_valid/_ready/_addr/_data`.
//!
//! Requests go out in order, one instruction in 3 cycles, with up to [`IN_FLIGHT`] instructions waiting for their data, so
//! memory latency is paid once. Data moves one beat a cycle; after an `ld` the beats of the next instruction wait until
//! its last word is written (3 cycles). `done` pulses in order, one cycle after the last write or beat was accepted.
//! n = 0 moves nothing and is done. At most 2^24 - 1 beats and 65535 words, else fault OPERAND; an offset of ld, ldw,
//! ldp that does not begin a beat: fault ALIGN. After a fault no instruction is taken until reset.

mod golden;
mod rtl;
#[cfg(test)]
mod tests;

pub use golden::{ld, ld1, packet};
pub use rtl::load;

/// Instructions whose requests may be out.
pub const IN_FLIGHT: u64 = 4;
