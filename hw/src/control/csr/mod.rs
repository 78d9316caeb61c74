//! Host interface: CSRs on AXI4-Lite, start and abort, first fault, interrupt, counters.
//!
//! # `csr_a<address bits>`
//! The registers of [`crate::isa::csr::TABLE`]. Not reset by `abort_units`. A run: `start` accepted (idle, port not stuck) -> `abort_units` for at least
//! [`ABORT_CYCLES`] cycles and until `drained` -> `start` pulse, `running` high -> `halted` (done) or `fault_valid` (fault). A fault is stored, `abort_units` rises
//! in the next cycle and stays until `drained` or `port_stuck`, then the machine is idle. CTRL.clear does the same without a fault and forgets
//! done, fault, tokens and interrupts. CTRL.port_reset is the pulse `port_reset`. `args`, windows: register values (windows are cut to the address bits).
//! `irq` is a level.
//!
//! # `axil_port`
//! AXI4-Lite slave of 32 data and 12 address bits to single-cycle register accesses: `write_valid`, `write_addr`, `write_data`, `write_mask` (strobes as
//! bits), answered in the same cycle by `write_error`; `read_addr`, answered in the same cycle by `read_data`, `read_error`. AW and W in any order; one access of each
//! kind at a time; the low two address bits are ignored. Errors are SLVERR.
//!
//! # `perf_counters`
//! 64-bit counters, cleared by `clear`, counting while `running`; `read_addr` to `read_data` (0 at other addresses) combinationally.
//!
//! # `faults_a<address bits>`
//! The first fault since its reset (the machine's `abort_units` or reset), of several in one cycle by the order guard, units, scratchpad, issue,
//! fetch, watchdog; one cycle after the source. A scratchpad fault is charged to the unit of its port. Units' faults carry the pc input of the
//! unit: connect `pc` of its queue.

mod axil;
mod counters;
mod faults;
mod rtl;

pub use axil::axil_port;
pub use counters::perf_counters;
pub use faults::faults;
pub use rtl::csr;

/// Least cycles of `abort_units`.
pub const ABORT_CYCLES: u64 = 4;
