//! Fault causes and the units that raise them (`docs/machine.md` section 6).

use super::unit::Unit;

macro_rules! causes {
    ($($id:ident = $code:literal $name:literal $doc:literal;)*) => {
        /// Why the machine stopped; the discriminant is CSR FAULT_CAUSE.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Cause {
            $(#[doc = $doc] $id = $code,)*
        }

        impl Cause {
            pub const ALL: &'static [Cause] = &[$(Cause::$id),*];

            /// Upper-case name, as in headers and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Cause::$id => $name,)* }
            }

            /// One line for manuals.
            pub const fn doc(self) -> &'static str {
                match self { $(Cause::$id => $doc,)* }
            }

            pub const fn from_code(code: u8) -> Option<Cause> {
                match code {
                    $($code => Some(Cause::$id),)*
                    _ => None,
                }
            }
        }
    };
}

causes! {
    Illegal = 1 "ILLEGAL" "unknown opcode, or pc past the program";
    Operand = 2 "OPERAND" "operand outside what the unit was built for";
    StreamShort = 3 "STREAM_SHORT" "weight or vector packet ended early";
    ScratchRange = 4 "SCRATCH_RANGE" "scratchpad address past the end";
    Align = 5 "ALIGN" "DRAM address or size not aligned to the bus";
    Window = 6 "WINDOW" "DRAM address outside its window";
    AxiRead = 7 "AXI_READ" "error response to a read";
    AxiWrite = 8 "AXI_WRITE" "error response to a write";
    Timeout = 9 "TIMEOUT" "memory silent for too long";
    AbiProgram = 10 "ABI_PROGRAM" "program header: wrong magic, format or ABI hash";
    AbiImage = 11 "ABI_IMAGE" "image header: wrong magic, format or ABI hash";
    Deadlock = 12 "DEADLOCK" "no unit made progress";
    ProgramSize = 13 "PROGRAM_SIZE" "no instructions, or more than the instruction memory holds";
    Mode = 14 "MODE" "a mode of the array that the machine lacks";
}

impl Cause {
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Who raised a fault; the code is CSR FAULT_UNIT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FaultUnit {
    Queue(Unit),
    Issue,
    Fetch,
    Host,
}

impl FaultUnit {
    pub const ALL: [FaultUnit; 9] = [
        FaultUnit::Queue(Unit::Load),
        FaultUnit::Queue(Unit::Store),
        FaultUnit::Queue(Unit::Tlmm),
        FaultUnit::Queue(Unit::Pe),
        FaultUnit::Queue(Unit::Vec),
        FaultUnit::Queue(Unit::Sample),
        FaultUnit::Issue,
        FaultUnit::Fetch,
        FaultUnit::Host,
    ];

    pub const fn code(self) -> u8 {
        match self {
            FaultUnit::Queue(unit) => unit as u8,
            FaultUnit::Issue => 6,
            FaultUnit::Fetch => 7,
            FaultUnit::Host => 8,
        }
    }

    pub const fn from_code(code: u8) -> Option<FaultUnit> {
        if (code as usize) < FaultUnit::ALL.len() {
            Some(FaultUnit::ALL[code as usize])
        } else {
            None
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            FaultUnit::Queue(unit) => unit.name(),
            FaultUnit::Issue => "issue",
            FaultUnit::Fetch => "fetch",
            FaultUnit::Host => "host",
        }
    }
}
