//! The machine: all units, joined as the block diagram of `docs/machine.md` shows.
//!
//! # Contract
//! One clock `aclk`, reset `aresetn` (active low, sampled). Host: AXI4-Lite slave `s_axil` (registers: `hw::isa::csr`) and `irq`. Memory:
//! AXI4 master `m_axi_0`. With `trace`, for each queue unit `trace_<unit>_valid/_pc/_sig`: one pulse a retired instruction
//! (`docs/machine.md`, section 7).
//!
//! Between load and the engines stand the weight buffer (tlmm) and the stream buffer (pe): block-RAM FIFOs of bus beats, so that
//! memory is read while the engines wait for their operands.
//!
//! | file | part of the diagram |
//! |---|---|
//! | `rtl` | all instances, reset |
//! | `control` | csr, fetch, issue, queues, tokens, watchdog, faults |
//! | `memory` | guard, load with its buffers, store, scratchpad |
//! | `compute` | tlmm, pe, vec, sample |
//! | `trace`, `monitor` | retired-instruction trace |
//! | `board` | what connects instances by name |

mod board;
mod compute;
mod control;
mod memory;
mod monitor;
mod rtl;
#[cfg(test)]
mod tests;
mod trace;

pub use monitor::trace_monitor;
pub use rtl::top;

/// Name of the top module.
pub const TOP: &str = "tritforge";
