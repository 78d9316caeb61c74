//! Instruction queues and the tokens between them.
//!
//! # `token_queue_d<depth>`: the queue of one unit
//! Sink `in` ([`super::DISPATCH_BITS`]), source `op` ([`super::OP_BITS`]), input `done` (one pulse a finished instruction, in
//! order). The head is offered when its tokens are there and fewer than [`IN_FLIGHT`] instructions are in flight; it
//! reaches `op` in the cycle after it entered an empty queue, one instruction a cycle. Toward `tokens`: `wait_mask`,
//! `tokens_ready`, `take`; `release_mask`, `tokens_space`, `give`. An instruction retires in the cycle of its `done`, or later when a
//! counter that it releases is full (`retire`, `retire_pc`). `idle`: nothing queued or in flight. `busy`: something in
//! flight. `stalled`: the head waits for tokens. `pc`: oldest instruction in flight, else the head (0 when idle);
//! `pc_newest`: the one started last.
//!
//! # `tokens`: counters between every ordered pair of units
//! 6 x 6 counters of 0..=[`PLACES`]; port names carry the unit. The masks may change at any time; `<u>_take` and `<u>_give`
//! act at the clock edge and only while `<u>_ready`, `<u>_space` are high. A token given in one cycle can be taken in the next.
//!
//! # `watchdog_<cycles>`
//! Raises `fault_valid` (held until reset) after `cycles` cycles with `running` and no `progress`, with the lowest busy unit and its
//! pc; when none is busy, the lowest unit that is not idle; else issue.

mod rtl;
mod watchdog;

pub use rtl::{token_queue, tokens};
pub use watchdog::watchdog;

/// Instructions of one unit in flight.
pub const IN_FLIGHT: u64 = 8;
/// Tokens a counter holds.
pub const PLACES: u64 = 16;
