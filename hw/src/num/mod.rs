//! Finite fp32: the one floating-point format of the machine.
//!
//! Storage is IEEE 754 binary32 (sign, 8 exponent bits, 23 fraction bits). Arithmetic differs from
//! IEEE 754 in exactly these points, so that no unit needs a slow path and nothing ever becomes
//! NaN or infinity:
//!
//! * **Inputs**: a biased exponent of 0 reads as zero whatever its fraction and sign
//!   (denormals are zero). A biased exponent of 255 reads as the ordinary number `1.f * 2^128`.
//! * **Rounding**: to nearest, ties to even, to 24 significant bits with an unbounded exponent.
//! * **Underflow**: a rounded magnitude below `2^-126` becomes zero (flush to zero).
//! * **Overflow**: a rounded magnitude of `2^128` or more becomes the largest finite number of that
//!   sign, `0x7f7fffff` or `0xff7fffff`.
//! * **Zero**: every zero result is `+0`.
//!
//! Every operation is "read, compute exactly, round as above", also `max`, `abs`, `neg`, `relu` and
//! the pass-through: a denormal operand leaves them as zero, an exponent of 255 as the largest finite
//! number. `exp`, `recip` and `rsqrt` are not correctly rounded; [`golden_func`] gives their exact
//! integer algorithm and their measured error.
//!
//! | file | content |
//! |---|---|
//! | [`golden`] | bit-exact add, multiply, comparison and conversion |
//! | [`golden_func`] | bit-exact exp, reciprocal and reciprocal square root |
//! | [`table`] | coefficients of the three functions, read by golden and hardware alike |
//! | `add`, `mul`, `convert`, `func` | the RTL of the same units |
//! | `parts` | RTL that the units share |
//! | `corners` | patterns at the borders of the format, for tests |
//!
//! # Hardware
//! Every unit is a pipeline without reset and without handshake. While `en` is high all stages advance; while it
//! is low all keep their values, so that a stalled stream freezes the unit with it. Operands of an enabled
//! cycle give their result on the output after the unit's latency in enabled cycles, one result a cycle.
//! The user carries its valid bits beside the pipeline.
//!
//! | module | ports besides `clk`, `en` | latency |
//! |---|---|---|
//! | [`fp_add`] | `a`, `b`, `y` | [`ADD_LATENCY`] |
//! | [`fp_mul`] | `a`, `b`, `y` | [`MUL_LATENCY`] |
//! | [`fp_from_i32`] | `x`, `y` | [`FROM_I32_LATENCY`] |
//! | [`fp_to_int`] | `x`, `y_i32`, `y_i8` | [`TO_INT_LATENCY`] |
//! | [`fp_func`] | `func`, `x`, `y` | [`FUNC_LATENCY`] |

mod add;
mod convert;
mod corners;
mod func;
pub mod golden;
pub mod golden_func;
mod mul;
mod parts;
pub mod table;
#[cfg(test)]
mod tests;

pub use add::{ADD_LATENCY, fp_add};
pub use convert::{FROM_I32_LATENCY, TO_INT_LATENCY, fp_from_i32, fp_to_int};
pub use corners::CORNERS;
pub use func::{FUNC_BITS, FUNC_LATENCY, fp_func};
pub use mul::{MUL_LATENCY, fp_mul};

/// A finite fp32 bit pattern. Equality is equality of bits, not of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct F32(pub u32);

impl F32 {
    /// `+0`, the only zero that operations return.
    pub const ZERO: F32 = F32(0);
    /// One.
    pub const ONE: F32 = F32(0x3f80_0000);
    /// The largest finite number, `2^128 - 2^104`: what overflow returns.
    pub const MAX: F32 = F32(0x7f7f_ffff);
    /// The smallest positive result, `2^-126`.
    pub const MIN_POSITIVE: F32 = F32(0x0080_0000);

    /// The bits of a host float, unchanged.
    #[must_use]
    pub fn from_f32(value: f32) -> F32 {
        F32(value.to_bits())
    }

    /// The host float with these bits. For results of operations this is the value itself; patterns
    /// with exponent 0 or 255 mean something else to the host (denormal, infinity, NaN).
    #[must_use]
    pub fn to_f32(self) -> f32 {
        f32::from_bits(self.0)
    }

    /// The number that the machine reads from these bits, exact in an f64.
    #[must_use]
    pub fn value(self) -> f64 {
        let magnitude = match self.exponent() {
            0 => return 0.0,
            // An exponent of 255 goes one binade beyond the host's largest f32.
            255 => 2.0 * f64::from(f32::from_bits((self.0 & 0x7fff_ffff) - (1 << 23))),
            _ => f64::from(f32::from_bits(self.0 & 0x7fff_ffff)),
        };
        if self.sign() { -magnitude } else { magnitude }
    }

    /// Sign bit.
    #[must_use]
    pub fn sign(self) -> bool {
        self.0 >> 31 == 1
    }

    /// Biased exponent, 0 to 255.
    #[must_use]
    pub fn exponent(self) -> u32 {
        (self.0 >> 23) & 0xff
    }

    /// Whether the machine reads zero: any pattern with exponent 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.exponent() == 0
    }

    /// Significand with its leading one, `2^23..2^24`, or 0 when the machine reads zero. The value is
    /// `significand * 2^(exponent - 150)`.
    #[must_use]
    pub fn significand(self) -> u32 {
        if self.is_zero() {
            0
        } else {
            (self.0 & 0x007f_ffff) | 0x0080_0000
        }
    }
}
