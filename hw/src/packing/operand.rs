//! Operands of packed products.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Widest operand: what the narrow port of a multiplier takes, less its sign.
pub const MAX_BITS: u32 = 17;

/// Which integers an operand of n bits takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `u`: 0 to 2^n - 1.
    Unsigned,
    /// `s`: -2^(n-1) to 2^(n-1) - 1.
    Signed,
    /// `y`: -(2^(n-1) - 1) to 2^(n-1) - 1, the codes of symmetric quantisers.
    Symmetric,
}

/// Width and kind of an operand; as text `11u`, `4s` or `8y`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Operand {
    pub bits: u32,
    pub kind: Kind,
}

impl Operand {
    pub const fn unsigned(bits: u32) -> Operand {
        Operand {
            bits,
            kind: Kind::Unsigned,
        }
    }

    pub const fn signed(bits: u32) -> Operand {
        Operand {
            bits,
            kind: Kind::Signed,
        }
    }

    pub const fn symmetric(bits: u32) -> Operand {
        Operand {
            bits,
            kind: Kind::Symmetric,
        }
    }

    /// Whether its codes are two's complement.
    pub const fn is_signed(self) -> bool {
        !matches!(self.kind, Kind::Unsigned)
    }

    pub const fn low(self) -> i64 {
        match self.kind {
            Kind::Unsigned => 0,
            Kind::Signed => -(1 << (self.bits - 1)),
            Kind::Symmetric => 1 - (1 << (self.bits - 1)),
        }
    }

    pub const fn high(self) -> i64 {
        match self.kind {
            Kind::Unsigned => (1 << self.bits) - 1,
            Kind::Signed | Kind::Symmetric => (1 << (self.bits - 1)) - 1,
        }
    }

    /// All values.
    pub const fn values(self) -> RangeInclusive<i64> {
        self.low()..=self.high()
    }

    /// Number of values.
    pub const fn count(self) -> u64 {
        (self.high() - self.low() + 1) as u64
    }

    /// Least and largest product with a value of `other`.
    pub fn product(self, other: Operand) -> RangeInclusive<i64> {
        let ends = [
            self.low() * other.low(),
            self.low() * other.high(),
            self.high() * other.low(),
            self.high() * other.high(),
        ];
        let least = ends.iter().copied().min().unwrap_or(0);
        least..=ends.iter().copied().max().unwrap_or(0)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            Kind::Unsigned => 'u',
            Kind::Signed => 's',
            Kind::Symmetric => 'y',
        };
        write!(f, "{}{letter}", self.bits)
    }
}

impl FromStr for Operand {
    type Err = String;

    fn from_str(text: &str) -> Result<Operand, String> {
        let wrong = || {
            format!(
                "`{text}` is no operand: write bits and kind, 2 to {MAX_BITS} bits, u (unsigned), s (signed) or y \
                 (signed and symmetric), such as 11u, 4s or 8y"
            )
        };
        let (digits, kind) = match text.char_indices().next_back() {
            Some((at, 'u')) => (&text[..at], Kind::Unsigned),
            Some((at, 's')) => (&text[..at], Kind::Signed),
            Some((at, 'y')) => (&text[..at], Kind::Symmetric),
            _ => return Err(wrong()),
        };
        match digits.parse() {
            Ok(bits) if (2..=MAX_BITS).contains(&bits) => Ok(Operand { bits, kind }),
            _ => Err(wrong()),
        }
    }
}

impl From<Operand> for String {
    fn from(operand: Operand) -> String {
        operand.to_string()
    }
}

impl TryFrom<String> for Operand {
    type Error = String;

    fn try_from(text: String) -> Result<Operand, String> {
        text.parse()
    }
}
