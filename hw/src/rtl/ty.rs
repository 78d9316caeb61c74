//! Types of nets: a width in bits and a sign.

use std::fmt;

/// Type of a net or expression: `width` bits, two's complement when `signed`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ty {
    pub width: u32,
    pub signed: bool,
}

/// Unsigned type of `width` bits.
pub const fn uint(width: u32) -> Ty {
    Ty {
        width,
        signed: false,
    }
}

/// Two's complement type of `width` bits.
pub const fn sint(width: u32) -> Ty {
    Ty {
        width,
        signed: true,
    }
}

/// One unsigned bit.
pub const fn bool_ty() -> Ty {
    uint(1)
}

/// Bits that address `n` places: ceil(log2(n)), at least 1 so that the address can be a net.
pub const fn clog2(n: u64) -> u32 {
    if n <= 2 {
        1
    } else {
        64 - (n - 1).leading_zeros()
    }
}

/// Bits that hold the number `n` itself: floor(log2(n)) + 1, at least 1.
pub const fn bits_for(n: u64) -> u32 {
    if n == 0 { 1 } else { 64 - n.leading_zeros() }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.signed { "s" } else { "u" }, self.width)
    }
}

impl fmt::Debug for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
