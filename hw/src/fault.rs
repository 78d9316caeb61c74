//! Faults that a compute unit raises by itself (docs/machine.md, section 6).

use thiserror::Error;

use crate::isa::Cause;

/// Why a compute unit refuses an instruction or stops within one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum OperandFault {
    /// An operand outside what the unit was built for; holds the operand's value.
    #[error("operand {0} is outside what the unit was built for")]
    Operand(u32),
    /// The packet of the stream buffer ended before the instruction had all it needs.
    #[error("the stream packet is too short")]
    StreamShort,
    /// A mode that the array lacks; holds its number.
    #[error("the array has no mode {0} for this instruction")]
    Mode(u32),
}

impl OperandFault {
    /// Its cause in the CSR.
    pub const fn cause(self) -> Cause {
        match self {
            OperandFault::Operand(_) => Cause::Operand,
            OperandFault::StreamShort => Cause::StreamShort,
            OperandFault::Mode(_) => Cause::Mode,
        }
    }
}
