//! Scratchpad to DRAM: `st`, `st1` (`docs/machine.md` section 4).
//!
//! Ports: sink `op`, `done`, `fault_valid/_cause/_info/_pc`; `image_base`, `state_base`; source `mem_req` (a request of
//! the guard), source `mem_wr` (strobes above data), `mem_rsp_valid`; scratchpad read port `req_valid/_ready/_addr`,
//! `rsp_valid/_data`.
//!
//! One instruction at a time; within it one beat a cycle. `done` comes after the guard's response, that is when memory
//! has answered every burst. n = 0 moves nothing and is done. More than 65535 words: fault OPERAND; an offset or n of `st`
//! that does not fill beats: fault ALIGN. After a fault no instruction is taken until reset.

mod golden;
mod rtl;
#[cfg(test)]
mod tests;

pub use golden::{st, st1};
pub use rtl::store;
