//! The instruction table.
//!
//! Opcode 0 is not an instruction, so that cleared memory is a fault and not a slide of no-operations. The high
//! nibble tells the target: 0 and 7 issue, 1 + unit index for queue units.

use super::unit::{Target, Unit};
use crate::pe::PeMode;

/// What an operand field means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldKind {
    /// Scratchpad word address.
    Scratch,
    /// Offset in DRAM from the window's base, in 4-byte units.
    Offset,
    /// Number of things.
    Count,
    /// Any 32-bit value.
    Value,
    /// Register that is written: the register number of the field; the immediate is not used.
    Register,
    /// All 32 bits of the field as they are.
    Literal,
    /// Program counter, in instructions.
    Branch,
}

impl FieldKind {
    pub const fn name(self) -> &'static str {
        match self {
            FieldKind::Scratch => "scratch",
            FieldKind::Offset => "offset",
            FieldKind::Count => "count",
            FieldKind::Value => "value",
            FieldKind::Register => "register",
            FieldKind::Literal => "literal",
            FieldKind::Branch => "branch",
        }
    }
}

/// One operand field of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Field number, 0..=6.
    pub index: u8,
    /// Name in assembler text.
    pub name: &'static str,
    pub kind: FieldKind,
}

/// How the bits of a flag read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagKind {
    /// One bit, written as its name.
    Bit,
    /// A choice, written `name=choice`; the index is the value.
    Choice(&'static [&'static str]),
    /// A number stored minus one, written `name=number`.
    MinusOne,
}

/// Bits of the flags byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flag {
    pub name: &'static str,
    /// Lowest bit.
    pub low: u8,
    /// Bits.
    pub width: u8,
    pub kind: FlagKind,
    pub doc: &'static str,
}

impl Flag {
    /// Bits of the flags byte that this flag covers.
    pub const fn mask(&self) -> u8 {
        ((1u16 << self.width) - 1) as u8 * (1 << self.low)
    }
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpDef {
    pub mnemonic: &'static str,
    pub opcode: u8,
    pub target: Target,
    pub fields: &'static [Field],
    pub flags: &'static [Flag],
    /// One line of semantics.
    pub doc: &'static str,
}

macro_rules! kind {
    ($kind:ident) => {
        FieldKind::$kind
    };
}

macro_rules! target {
    (Issue) => {
        Target::Issue
    };
    ($unit:ident) => {
        Target::Queue(Unit::$unit)
    };
}

macro_rules! instructions {
    ($($op:ident = $code:literal $text:literal $unit:ident
       ($($name:ident: $field:literal $kind:ident),*) $flags:ident $doc:literal;)*) => {
        /// Operations; the discriminant is the opcode.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $(#[doc = $doc] $op = $code,)*
        }

        impl Op {
            /// All operations in the order of the table.
            pub const ALL: &'static [Op] = &[$(Op::$op),*];

            /// The row of the table.
            pub const fn def(self) -> &'static OpDef {
                match self {
                    $(Op::$op => &OpDef {
                        mnemonic: $text,
                        opcode: $code,
                        target: target!($unit),
                        fields: &[$(Field {
                            index: $field,
                            name: stringify!($name),
                            kind: kind!($kind),
                        }),*],
                        flags: $flags,
                        doc: $doc,
                    },)*
                }
            }

            pub const fn from_opcode(opcode: u8) -> Option<Op> {
                match opcode {
                    $($code => Some(Op::$op),)*
                    _ => None,
                }
            }
        }
    };
}

const NONE: &[Flag] = &[];
const STATE: &[Flag] = &[Flag {
    name: "state",
    low: 3,
    width: 1,
    kind: FlagKind::Bit,
    doc: "address counts from STATE_BASE instead of IMAGE_BASE",
}];
const ROWS: &[Flag] = &[
    Flag {
        name: "rows",
        low: 0,
        width: 4,
        kind: FlagKind::MinusOne,
        doc: "active rows",
    },
    Flag {
        name: "mode",
        low: 4,
        width: 3,
        kind: FlagKind::Choice(&PeMode::WORDS),
        doc: "activations times elements of the packet; only int8 for peaxpy",
    },
];
const TILE: &[Flag] = &[Flag {
    name: "first",
    low: 0,
    width: 1,
    kind: FlagKind::Bit,
    doc: "first tile: forget what was kept",
}];
const VECTOR: &[Flag] = &[
    Flag {
        name: "int",
        low: 0,
        width: 1,
        kind: FlagKind::Bit,
        doc: "a is i32 and is converted first",
    },
    Flag {
        name: "out",
        low: 1,
        width: 2,
        kind: FlagKind::Choice(&["f32", "i8", "i32", "none"]),
        doc: "format of the result",
    },
    Flag {
        name: "max",
        low: 3,
        width: 1,
        kind: FlagKind::Bit,
        doc: "max of y as a scalar to red",
    },
    Flag {
        name: "absmax",
        low: 4,
        width: 1,
        kind: FlagKind::Bit,
        doc: "absmax of y as a scalar to red",
    },
];

instructions! {
    Nop = 0x01 "nop" Issue () NONE "no effect";
    Halt = 0x02 "halt" Issue () NONE "wait until every unit is idle, then status done and interrupt";
    Li = 0x03 "li" Issue (rd: 0 Register, value: 1 Literal) NONE "rd = value";
    Add = 0x04 "add" Issue (rd: 0 Register, a: 1 Value, b: 2 Value) NONE "rd = a + b";
    Sub = 0x05 "sub" Issue (rd: 0 Register, a: 1 Value, b: 2 Value) NONE "rd = a - b";
    Mul = 0x06 "mul" Issue (rd: 0 Register, a: 1 Value, b: 2 Value) NONE "rd = low 32 bits of a * b";
    Jmp = 0x07 "jmp" Issue (to: 2 Branch) NONE "pc = to";
    Beq = 0x08 "beq" Issue (a: 0 Value, b: 1 Value, to: 2 Branch) NONE "if a == b then pc = to";
    Bne = 0x09 "bne" Issue (a: 0 Value, b: 1 Value, to: 2 Branch) NONE "if a != b then pc = to";
    Blt = 0x0a "blt" Issue (a: 0 Value, b: 1 Value, to: 2 Branch) NONE "if a < b, unsigned, then pc = to";
    Bge = 0x0b "bge" Issue (a: 0 Value, b: 1 Value, to: 2 Branch) NONE "if a >= b, unsigned, then pc = to";
    Arg = 0x0c "arg" Issue (rd: 0 Register, k: 1 Value) NONE "rd = CSR ARG[k mod 8]";
    Rds = 0x0d "rds" Issue (rd: 0 Register, src: 1 Scratch) NONE "rd = lane 0 of scratchpad word src";
    Wrs = 0x0e "wrs" Issue (dst: 0 Scratch, value: 1 Value) NONE "scratchpad word dst = value in every lane";
    Emit = 0x0f "emit" Issue (value: 1 Value) NONE "CSR TOKEN = value, TOKEN_COUNT += 1, token interrupt";
    Sync = 0x70 "sync" Issue (units: 0 Value) NONE "wait until every unit of the mask has nothing queued or in flight";

    Ld = 0x10 "ld" Load (dst: 0 Scratch, offset: 1 Offset, n: 2 Count) STATE
        "ceil(n / L) scratchpad words from DRAM";
    Ld1 = 0x11 "ld1" Load (dst: 0 Scratch, offset: 1 Offset) STATE
        "one 4-byte word from DRAM, written as a scalar";
    Ldw = 0x12 "ldw" Load (offset: 1 Offset, n: 2 Count) STATE
        "ceil(4n / WB) beats into the weight buffer as one packet";
    Ldp = 0x13 "ldp" Load (offset: 1 Offset, n: 2 Count) STATE
        "ceil(4n / WB) beats into the stream buffer as one packet";

    St = 0x20 "st" Store (src: 0 Scratch, offset: 1 Offset, n: 2 Count) STATE
        "n 4-byte units from the scratchpad to DRAM";
    St1 = 0x21 "st1" Store (src: 0 Scratch, offset: 1 Offset) STATE
        "lane 0 of a scratchpad word to DRAM";

    Gemv = 0x30 "gemv" Tlmm (dst: 0 Scratch, src: 1 Scratch, k: 2 Count, nt: 3 Count, more: 4 Count,
        dst_stride: 5 Count, src_stride: 6 Count) NONE
        "i32[nt * Q] of each of 1 + more vectors = ternary weights of one packet times its i8[k]";

    Pedot = 0x40 "pedot" Pe (dst: 0 Scratch, src: 1 Scratch, n: 2 Count, len: 3 Count,
        dst_stride: 4 Count, src_stride: 5 Count) ROWS
        "of each row n dot products of the packet's n vectors with the row's: i32 of i8 codes, f32 of f32 in float modes";
    Peaxpy = 0x41 "peaxpy" Pe (dst: 0 Scratch, src: 1 Scratch, n: 2 Count, len: 3 Count,
        dst_stride: 4 Count, src_stride: 5 Count) ROWS
        "i32[len] of each row = sum of the packet's n vectors i8[len] scaled by i8[n] of the row";

    Vmul = 0x50 "vmul" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, red: 6 Scratch) VECTOR
        "y = x * b";
    Vscale = 0x51 "vscale" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s0: 4 Scratch, red: 6 Scratch) VECTOR
        "y = x * s0";
    Vadd = 0x52 "vadd" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, red: 6 Scratch) VECTOR
        "y = x + b";
    Vaxpy = 0x53 "vaxpy" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, s0: 4 Scratch,
        red: 6 Scratch) VECTOR
        "y = (x * s0) + b";
    Vsmul = 0x54 "vsmul" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, s0: 4 Scratch,
        red: 6 Scratch) VECTOR
        "y = (x * s0) * b";
    Vnorm = 0x55 "vnorm" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, red: 6 Scratch) VECTOR
        "y = x * b; sum of x * x as a scalar to red + 1";
    Vrope = 0x56 "vrope" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, red: 6 Scratch) VECTOR
        "pairs of x turned by the (cos, sin) pairs of b";
    Vexp = 0x57 "vexp" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, s0: 4 Scratch,
        s1: 5 Scratch, red: 6 Scratch) VECTOR
        "e = exp((x * s0) - s1), y = e * b; sum of e as a scalar to red + 1";
    Vrelu2 = 0x58 "vrelu2" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s0: 4 Scratch, red: 6 Scratch) VECTOR
        "u = relu(x * s0), y = u * u";
    Vexps = 0x59 "vexps" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s0: 4 Scratch, red: 6 Scratch) VECTOR
        "y = exp(x * s0)";
    Vrecip1 = 0x5a "vrecip1" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s1: 5 Scratch, red: 6 Scratch) VECTOR
        "y = recip(x + s1)";
    Vrsqrt = 0x5b "vrsqrt" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s0: 4 Scratch, s1: 5 Scratch,
        red: 6 Scratch) VECTOR
        "y = rsqrt((x * s0) + s1)";
    Vmax = 0x5c "vmax" Vec (dst: 0 Scratch, a: 1 Scratch, n: 3 Count, s0: 4 Scratch, s1: 5 Scratch,
        red: 6 Scratch) VECTOR
        "y = max(x * s0, s1)";
    Vrecip = 0x5d "vrecip" Vec (dst: 0 Scratch, a: 1 Scratch, b: 2 Scratch, n: 3 Count, s0: 4 Scratch,
        s1: 5 Scratch, red: 6 Scratch) VECTOR
        "y = recip(max(x * s0, s1)) * b";

    Topk = 0x60 "topk" Sample (dst: 0 Scratch, logits: 1 Scratch, n: 3 Count, k: 4 Count, base: 5 Value,
        indices: 6 Scratch) TILE
        "keep the k largest logits: f32[k] to dst, i32[k] to indices";
    Seed = 0x61 "seed" Sample (value: 1 Value) NONE "generator state = value, or 1 when 0";
    Draw = 0x62 "draw" Sample (dst: 0 Scratch, weights: 1 Scratch, indices: 2 Scratch, k: 4 Count) NONE
        "scalar at dst = an index drawn with i32[k] weights";
}

impl Op {
    pub const fn opcode(self) -> u8 {
        self as u8
    }

    pub const fn target(self) -> Target {
        self.def().target
    }

    pub fn from_mnemonic(mnemonic: &str) -> Option<Op> {
        Op::ALL
            .iter()
            .copied()
            .find(|op| op.def().mnemonic == mnemonic)
    }

    /// Number of the operand field of this name.
    pub fn field(self, name: &str) -> Option<usize> {
        let field = self.def().fields.iter().find(|f| f.name == name)?;
        Some(usize::from(field.index))
    }

    /// Whether the first field names a register that issue writes.
    pub fn writes_register(self) -> bool {
        self.def()
            .fields
            .iter()
            .any(|f| f.kind == FieldKind::Register)
    }
}
