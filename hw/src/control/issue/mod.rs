//! Issue: executes scalar instructions and dispatches the others, in program order.
//!
//! # `issue_n<program words>_s<scratchpad word bits>`
//! The instruction memory is inside, written through `imem_we`, `imem_addr`, `imem_data`. `run` (pulse) with `count` starts at pc 0 with
//! all registers 0 (16 cycles of clearing). Three cycles an instruction (read, operands, execute); `mul` and `wrs` one more; `rds`
//! two more when granted at once; `sync`, `halt`, `wrs` and dispatch wait as long as they must.
//!
//! Dispatch: `dispatch_valid` has one bit a unit, at most one set; `dispatch_ready` one bit a unit; `dispatch_data`
//! ([`super::DISPATCH_BITS`]) is shared. `idle`: one bit a unit from the queues. `rd_*`, `wr_*`: scratchpad ports with
//! 32-bit word addresses; the scratchpad checks their range. `args`: ARG0 in the low bits. `token_valid` is a pulse with
//! `token_data`; `halted` a pulse. `pc`: current instruction.
//! `fault_valid` (held until reset) is always ILLEGAL; `fault_info` is the opcode, or 0 when `pc` is past the program.
//! `arg` takes its operand modulo 8; bits of a `sync` mask past the units are ignored, as are masks of scalar instructions.

mod rtl;

pub use rtl::issue;
