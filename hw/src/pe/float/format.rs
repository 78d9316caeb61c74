//! Formats of the operands.

use serde::{Deserialize, Serialize};

/// A 16-bit float format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloatFormat {
    /// IEEE 754 binary16: 5 exponent bits, 10 fraction bits.
    Fp16,
    /// The upper half of binary32: 8 exponent bits, 7 fraction bits.
    Bf16,
}

impl FloatFormat {
    pub const ALL: [FloatFormat; 2] = [FloatFormat::Fp16, FloatFormat::Bf16];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            FloatFormat::Fp16 => "fp16",
            FloatFormat::Bf16 => "bf16",
        }
    }

    /// Bits of the exponent field.
    pub const fn exponent_bits(self) -> u32 {
        match self {
            FloatFormat::Fp16 => 5,
            FloatFormat::Bf16 => 8,
        }
    }

    /// Bits of the fraction field.
    pub const fn fraction_bits(self) -> u32 {
        15 - self.exponent_bits()
    }

    /// What the exponent field exceeds the exponent by.
    pub const fn bias(self) -> u32 {
        (1 << (self.exponent_bits() - 1)) - 1
    }
}

/// Float formats that a module takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formats {
    Fp16,
    Bf16,
    /// Either, as an input says: 0 for fp16, 1 for bf16.
    Both,
}

impl Formats {
    pub const ALL: [Formats; 3] = [Formats::Fp16, Formats::Bf16, Formats::Both];

    /// Its name in names of modules and in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Formats::Fp16 => "fp16",
            Formats::Bf16 => "bf16",
            Formats::Both => "both",
        }
    }

    /// What it takes.
    pub const fn list(self) -> &'static [FloatFormat] {
        match self {
            Formats::Fp16 => &[FloatFormat::Fp16],
            Formats::Bf16 => &[FloatFormat::Bf16],
            Formats::Both => &FloatFormat::ALL,
        }
    }
}

/// What a beat of the stream holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    Fp16,
    Bf16,
    /// Integers i of 8 bits as `i * 2^9`, like floats of exponent 7.
    Int8,
    /// Integers of 8 bits as they are, for multipliers that take two rows at once.
    Int8Pair,
    /// Integers i of 4 bits as `i * 2^12`, like floats of exponent 4: so the products of a beat of 256 bits fit 48 bits.
    Int4,
    /// Integers of 4 bits as they are.
    Int4Pair,
}

impl StreamKind {
    pub const ALL: [StreamKind; 6] = [
        StreamKind::Fp16,
        StreamKind::Bf16,
        StreamKind::Int8,
        StreamKind::Int8Pair,
        StreamKind::Int4,
        StreamKind::Int4Pair,
    ];

    /// Its name in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            StreamKind::Fp16 => "fp16",
            StreamKind::Bf16 => "bf16",
            StreamKind::Int8 => "int8",
            StreamKind::Int8Pair => "int8_pair",
            StreamKind::Int4 => "int4",
            StreamKind::Int4Pair => "int4_pair",
        }
    }

    /// Its value at the input `kind`.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Bits of an element.
    pub const fn bits(self) -> u32 {
        match self {
            StreamKind::Fp16 | StreamKind::Bf16 => 16,
            StreamKind::Int8 | StreamKind::Int8Pair => 8,
            StreamKind::Int4 | StreamKind::Int4Pair => 4,
        }
    }

    /// The format, if it is one of floats.
    pub const fn float(self) -> Option<FloatFormat> {
        match self {
            StreamKind::Fp16 => Some(FloatFormat::Fp16),
            StreamKind::Bf16 => Some(FloatFormat::Bf16),
            _ => None,
        }
    }

    /// Places that an integer is moved left in the operand: 0 for floats, which have none of their own.
    pub const fn shift(self) -> u32 {
        match self {
            StreamKind::Int8 => 9,
            StreamKind::Int4 => 12,
            StreamKind::Fp16 | StreamKind::Bf16 | StreamKind::Int8Pair | StreamKind::Int4Pair => 0,
        }
    }

    /// Products with held floats that a signed sum of 48 bits holds: a held integer is below 2^26, a float of the stream
    /// at most 2^17, an integer of it half of that, a nibble a quarter.
    pub const fn most_lanes(self) -> u32 {
        match self.bits() {
            16 => 16,
            8 => 32,
            _ => 64,
        }
    }

    /// The block exponent of integers: an operand's value is `operand * 2^(E - 16)` for them too.
    pub const fn block_exponent(self) -> Option<i32> {
        match self.float() {
            Some(_) => None,
            None => Some(16 - self.shift() as i32),
        }
    }
}
