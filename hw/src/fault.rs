//! Faults that a compute unit raises by itself (docs/machine.md, section 6).

use thiserror::Error;

/// Why a compute unit refuses an instruction or stops within one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum OperandFault {
    /// An operand outside what the unit was built for; holds the operand's value.
    #[error("operand {0} is outside what the unit was built for")]
    Operand(u32),
    /// The packet of the stream buffer ended before the instruction had all it needs.
    #[error("the stream packet is too short")]
    StreamShort,
}

impl OperandFault {
    /// Cause number in the CSR.
    pub const fn cause(self) -> u8 {
        match self {
            OperandFault::Operand(_) => 2,
            OperandFault::StreamShort => 3,
        }
    }
}
