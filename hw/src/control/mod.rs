//! What makes the units one machine: program fetch, issue, queues with tokens, CSRs.
//!
//! | folder | modules |
//! |---|---|
//! | `fetch` | `fetch`: headers, ABI check, program into the instruction memory |
//! | `issue` | `issue`: scalar instructions, operands, dispatch |
//! | `queue` | `token_queue`, `tokens`, `watchdog` |
//! | `csr` | `csr`, `axil_port`, `perf_counters`, `faults` |
//!
//! Order of a run: `csr` holds `abort_units` until the guard has drained, then pulses `start`; `fetch` checks, copies and
//! pulses `run`; `issue` executes until `halted`. `abort_units` resets every module but `csr` and the guard.

pub mod csr;
pub mod fetch;
pub mod issue;
pub mod queue;
#[cfg(test)]
mod tests;

/// Bits of an instruction's number in queues and units.
pub const PC_BITS: u32 = 16;
/// Bits of an operation offered to a unit.
pub const OP_BITS: u32 = 256;
/// Bits of what issue dispatches: operation in [255:0], wait mask in [261:256], release mask in [267:262].
pub const DISPATCH_BITS: u32 = OP_BITS + 12;
