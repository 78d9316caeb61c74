//! The CSR table: 32-bit registers on AXI4-Lite, byte offsets.
//!
//! Pairs `_LO`, `_HI` are 64-bit values. Windows are bytes `BASE <= address < LIMIT`. Counters are cleared by an
//! accepted start and count until the machine is idle again; while it runs, read HI, LO, HI.

/// What the host may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Read; a write is answered with SLVERR.
    ReadOnly,
    ReadWrite,
    /// Read and write; writes are ignored while LOCK is set.
    Locked,
    /// Read; a one written clears the bit.
    WriteOneClear,
    /// Read; a one written sets the bit until reset.
    WriteOneSet,
    /// A one written is a command; reads as 0.
    Command,
}

impl Access {
    /// As in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Access::ReadOnly => "ro",
            Access::ReadWrite => "rw",
            Access::Locked => "rwl",
            Access::WriteOneClear => "w1c",
            Access::WriteOneSet => "w1s",
            Access::Command => "cmd",
        }
    }

    pub const fn writable(self) -> bool {
        !matches!(self, Access::ReadOnly)
    }
}

/// Bits of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CsrField {
    pub name: &'static str,
    pub low: u8,
    pub width: u8,
    pub doc: &'static str,
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Csr {
    pub name: &'static str,
    /// Byte offset, a multiple of 4 below [`SPACE`].
    pub offset: u32,
    pub access: Access,
    /// Value after reset.
    pub reset: u32,
    /// Empty: one value of 32 bits.
    pub fields: &'static [CsrField],
    pub doc: &'static str,
}

impl Csr {
    /// Bits that hold something.
    pub fn mask(&self) -> u32 {
        match self.fields {
            [] => u32::MAX,
            fields => fields
                .iter()
                .fold(0, |acc, f| acc | ((1u32 << f.width) - 1) << f.low),
        }
    }
}

/// Bytes of the CSR space.
pub const SPACE: u32 = 0x1000;

macro_rules! field {
    ($name:ident $low:literal $doc:literal) => {
        CsrField {
            name: stringify!($name),
            low: $low,
            width: 1,
            doc: $doc,
        }
    };
}

macro_rules! csrs {
    ($($name:ident = $offset:literal $access:ident $reset:expr, { $($field:ident $low:literal $fdoc:literal),* } $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: u32 = $offset;)*

        /// The table, in order of offsets.
        pub const TABLE: &[Csr] = &[$(Csr {
            name: stringify!($name),
            offset: $offset,
            access: Access::$access,
            reset: $reset,
            fields: &[$(field!($field $low $fdoc)),*],
            doc: $doc,
        }),*];
    };
}

csrs! {
    ID = 0x000 ReadOnly super::ID, {} "\"TRTF\"";
    VERSION = 0x004 ReadOnly super::VERSION, {} "version of instruction set and CSR map: major, minor in 16 bits each";
    ABI_LO = 0x008 ReadOnly 0, {} "ABI hash of this machine, low half";
    ABI_HI = 0x00c ReadOnly 0, {} "ABI hash of this machine, high half";
    CTRL = 0x010 Command 0, {
        start 0 "run the program; ignored unless idle and the port is not stuck",
        clear 1 "abort what runs; forget done, fault, tokens and interrupts",
        port_reset 2 "forget what memory still owes: only after the interconnect has been reset"
    } "commands";
    STATUS = 0x014 ReadOnly 1, {
        idle 0 "nothing runs; start is accepted unless the port is stuck",
        busy 1 "a program runs or an abort drains",
        done 2 "the last program halted",
        fault 3 "the last program ended in a fault",
        port_stuck 4 "memory never answered; needs port_reset"
    } "state of the machine";
    IRQ_STATUS = 0x018 WriteOneClear 0, {
        done 0 "a program halted",
        token 1 "a token was emitted",
        fault 2 "a program ended in a fault"
    } "interrupt causes";
    IRQ_ENABLE = 0x01c ReadWrite 0, {
        done 0 "on done",
        token 1 "on token",
        fault 2 "on fault"
    } "which causes raise the interrupt line";
    FAULT_CAUSE = 0x020 ReadOnly 0, {} "cause of the first fault since start; 0 none";
    FAULT_UNIT = 0x024 ReadOnly 0, {} "unit of the first fault";
    FAULT_INFO_LO = 0x028 ReadOnly 0, {} "address or other information of the first fault, low half";
    FAULT_INFO_HI = 0x02c ReadOnly 0, {} "the same, high half";
    FAULT_PC = 0x030 ReadOnly 0, {} "instruction of the first fault";
    LOCK = 0x034 WriteOneSet 0, { lock 0 "windows keep their values until reset" } "lock of the windows";
    PROG_BASE_LO = 0x040 Locked 0, {} "program window, first byte, low half";
    PROG_BASE_HI = 0x044 Locked 0, {} "program window, first byte, high half";
    PROG_LIMIT_LO = 0x048 Locked 0, {} "program window, first byte past it, low half";
    PROG_LIMIT_HI = 0x04c Locked 0, {} "program window, first byte past it, high half";
    IMAGE_BASE_LO = 0x050 Locked 0, {} "image window, first byte, low half";
    IMAGE_BASE_HI = 0x054 Locked 0, {} "image window, first byte, high half";
    IMAGE_LIMIT_LO = 0x058 Locked 0, {} "image window, first byte past it, low half";
    IMAGE_LIMIT_HI = 0x05c Locked 0, {} "image window, first byte past it, high half";
    STATE_BASE_LO = 0x060 Locked 0, {} "state window, first byte, low half";
    STATE_BASE_HI = 0x064 Locked 0, {} "state window, first byte, high half";
    STATE_LIMIT_LO = 0x068 Locked 0, {} "state window, first byte past it, low half";
    STATE_LIMIT_HI = 0x06c Locked 0, {} "state window, first byte past it, high half";
    ARG0 = 0x080 ReadWrite 0, {} "argument 0 of the program";
    ARG1 = 0x084 ReadWrite 0, {} "argument 1 of the program";
    ARG2 = 0x088 ReadWrite 0, {} "argument 2 of the program";
    ARG3 = 0x08c ReadWrite 0, {} "argument 3 of the program";
    ARG4 = 0x090 ReadWrite 0, {} "argument 4 of the program";
    ARG5 = 0x094 ReadWrite 0, {} "argument 5 of the program";
    ARG6 = 0x098 ReadWrite 0, {} "argument 6 of the program";
    ARG7 = 0x09c ReadWrite 0, {} "argument 7 of the program";
    TOKEN = 0x0a0 ReadOnly 0, {} "last emitted value";
    TOKEN_COUNT = 0x0a4 ReadOnly 0, {} "values emitted since start";
    PC = 0x0a8 ReadOnly 0, {} "instruction that issue works on";
    RETIRED = 0x0ac ReadOnly 0, {} "instructions of the queue units retired since start";
    CYCLES_LO = 0x100 ReadOnly 0, {} "cycles busy, low half";
    CYCLES_HI = 0x104 ReadOnly 0, {} "cycles busy, high half";
    BUSY_LOAD_LO = 0x108 ReadOnly 0, {} "cycles with load instructions in flight, low half";
    BUSY_LOAD_HI = 0x10c ReadOnly 0, {} "cycles with load instructions in flight, high half";
    BUSY_STORE_LO = 0x110 ReadOnly 0, {} "cycles with store instructions in flight, low half";
    BUSY_STORE_HI = 0x114 ReadOnly 0, {} "cycles with store instructions in flight, high half";
    BUSY_TLMM_LO = 0x118 ReadOnly 0, {} "cycles with tlmm instructions in flight, low half";
    BUSY_TLMM_HI = 0x11c ReadOnly 0, {} "cycles with tlmm instructions in flight, high half";
    BUSY_PE_LO = 0x120 ReadOnly 0, {} "cycles with pe instructions in flight, low half";
    BUSY_PE_HI = 0x124 ReadOnly 0, {} "cycles with pe instructions in flight, high half";
    BUSY_VEC_LO = 0x128 ReadOnly 0, {} "cycles with vec instructions in flight, low half";
    BUSY_VEC_HI = 0x12c ReadOnly 0, {} "cycles with vec instructions in flight, high half";
    BUSY_SAMPLE_LO = 0x130 ReadOnly 0, {} "cycles with sample instructions in flight, low half";
    BUSY_SAMPLE_HI = 0x134 ReadOnly 0, {} "cycles with sample instructions in flight, high half";
    STALLED_LOAD_LO = 0x138 ReadOnly 0, {} "cycles in which the next load instruction waits for a token, low half";
    STALLED_LOAD_HI = 0x13c ReadOnly 0, {} "cycles in which the next load instruction waits for a token, high half";
    STALLED_STORE_LO = 0x140 ReadOnly 0, {} "cycles in which the next store instruction waits for a token, low half";
    STALLED_STORE_HI = 0x144 ReadOnly 0, {} "cycles in which the next store instruction waits for a token, high half";
    STALLED_TLMM_LO = 0x148 ReadOnly 0, {} "cycles in which the next tlmm instruction waits for a token, low half";
    STALLED_TLMM_HI = 0x14c ReadOnly 0, {} "cycles in which the next tlmm instruction waits for a token, high half";
    STALLED_PE_LO = 0x150 ReadOnly 0, {} "cycles in which the next pe instruction waits for a token, low half";
    STALLED_PE_HI = 0x154 ReadOnly 0, {} "cycles in which the next pe instruction waits for a token, high half";
    STALLED_VEC_LO = 0x158 ReadOnly 0, {} "cycles in which the next vec instruction waits for a token, low half";
    STALLED_VEC_HI = 0x15c ReadOnly 0, {} "cycles in which the next vec instruction waits for a token, high half";
    STALLED_SAMPLE_LO = 0x160 ReadOnly 0, {} "cycles in which the next sample instruction waits for a token, low half";
    STALLED_SAMPLE_HI = 0x164 ReadOnly 0, {} "cycles in which the next sample instruction waits for a token, high half";
    READ_BEATS_LO = 0x168 ReadOnly 0, {} "beats read from memory, low half";
    READ_BEATS_HI = 0x16c ReadOnly 0, {} "beats read from memory, high half";
    WRITE_BEATS_LO = 0x170 ReadOnly 0, {} "beats written to memory, low half";
    WRITE_BEATS_HI = 0x174 ReadOnly 0, {} "beats written to memory, high half";
    READ_IDLE_LO = 0x178 ReadOnly 0, {} "cycles without a read beat while busy, low half";
    READ_IDLE_HI = 0x17c ReadOnly 0, {} "cycles without a read beat while busy, high half";
    READ_STALL_LO = 0x180 ReadOnly 0, {} "cycles in which memory offers a read beat and the machine does not take it, low half";
    READ_STALL_HI = 0x184 ReadOnly 0, {} "cycles in which memory offers a read beat and the machine does not take it, high half";
}

/// Bits of CTRL.
pub const CTRL_START: u32 = 1;
pub const CTRL_CLEAR: u32 = 2;
pub const CTRL_PORT_RESET: u32 = 4;
/// Bits of STATUS.
pub const STATUS_IDLE: u32 = 1;
pub const STATUS_BUSY: u32 = 2;
pub const STATUS_DONE: u32 = 4;
pub const STATUS_FAULT: u32 = 8;
pub const STATUS_PORT_STUCK: u32 = 16;
/// Bits of IRQ_STATUS and IRQ_ENABLE.
pub const IRQ_DONE: u32 = 1;
pub const IRQ_TOKEN: u32 = 2;
pub const IRQ_FAULT: u32 = 4;

/// The row at a byte offset.
pub fn at(offset: u32) -> Option<&'static Csr> {
    TABLE.iter().find(|csr| csr.offset == offset)
}

/// The row of a name.
pub fn named(name: &str) -> Option<&'static Csr> {
    TABLE.iter().find(|csr| csr.name == name)
}
