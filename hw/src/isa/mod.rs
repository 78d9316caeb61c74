//! Instruction set and CSR map as data: one truth from which encoder, decoder, assembler, RTL decoders, headers,
//! manuals and the ABI hash derive.
//!
//! | file | what |
//! |---|---|
//! | `unit` | queue units and where an instruction runs |
//! | `instr` | the instruction table and [`Op`] |
//! | `word` | [`Instr`] and [`Operand`]: encode, decode |
//! | `asm` | assembler text: print and parse |
//! | `csr` | the CSR table |
//! | `cause` | fault causes and fault units |
//! | `export` | canonical text, C header, Markdown, SystemRDL |
//!
//! Meaning of the instructions: `docs/machine.md`.

mod asm;
pub mod cause;
pub mod csr;
mod export;
mod instr;
#[cfg(test)]
mod tests;
mod unit;
mod word;

pub use asm::{AsmError, assemble, assemble_line, disassemble, disassemble_program};
pub use cause::{Cause, FaultUnit};
pub use export::{csr_h, isa_markdown, isa_text, systemrdl};
pub use instr::{Field, FieldKind, Flag, FlagKind, Op, OpDef};
pub use unit::{Target, Unit};
pub use word::{DecodeError, Instr, Operand};

/// Version of instruction set and CSR map: major in the high half, minor in the low half; CSR VERSION.
pub const VERSION: u32 = 0x0001_0000;
/// CSR ID: "TRTF", first character in the low byte.
pub const ID: u32 = 0x4654_5254;
/// First word of a program.
pub const PROGRAM_MAGIC: u32 = 0x5054_3146;
/// First word of an image.
pub const IMAGE_MAGIC: u32 = 0x4954_3146;
/// Second word of program and image.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes of the header of program and image.
pub const HEADER_BYTES: u32 = 64;
/// Bytes of an instruction.
pub const INSTR_BYTES: u32 = 32;
/// Operand fields of an instruction.
pub const FIELDS: usize = 7;
/// Scalar registers; register 0 is always 0.
pub const REGISTERS: usize = 16;
/// Host arguments.
pub const ARGS: usize = 8;
