//! Coefficients of the piecewise quadratics behind exp, reciprocal and reciprocal square root.
//!
//! Each function is cut into [`SEGMENTS`] equal pieces (reciprocal square root: 64 on `[1, 2)` and 64
//! on `[2, 4)`). Within a piece `t` runs over `[-1, 1)` and
//!
//! ```text
//! y(t) = (c0 + c1 t + c2 t^2) / 2^28
//! ```
//!
//! where all three functions are scaled to `y` in `[1/2, 1]`. The quadratic interpolates the function
//! at the three Chebyshev nodes of an interval stretched to the left until its first node is the left
//! end of the piece. The error stays within 24 % of the minimax quadratic's, and `1` is hit exactly.
//! The third derivative has the sign that makes neighbouring pieces step in the direction of the
//! function, so that the whole stays monotonic.
//!
//! Only +, -, *, / and square root of f64 are used, which IEEE 754 defines to the bit: the table has
//! the same bytes on every platform. Golden model and RTL both read it from here.

use std::sync::OnceLock;

/// Pieces per function: the table index has 7 bits.
pub const SEGMENTS: usize = 128;
/// Fraction bits of the coefficients: 24 of the result and 4 of guard.
pub const FRACTION_BITS: u32 = 28;
/// Width of the unsigned `c0`.
pub const C0_BITS: u32 = 28;
/// Width of the signed `c1`.
pub const C1_BITS: u32 = 21;
/// Width of the unsigned `c2` (all three functions are convex).
pub const C2_BITS: u32 = 13;

/// `log2(e) * 2^32`, rounded: 33 bits.
pub const LOG2_E: u64 = 0x1_7154_7653;

/// What the function unit computes. The discriminant is the value of its select input, and the upper
/// two bits of the table address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Func {
    /// `e^x`.
    Exp = 0,
    /// `1 / x`.
    Recip = 1,
    /// `1 / sqrt(x)`.
    Rsqrt = 2,
    /// `x` itself.
    Pass = 3,
}

impl Func {
    /// The functions that have a table, in table order.
    pub const TABLED: [Func; 3] = [Func::Exp, Func::Recip, Func::Rsqrt];
    /// All selections, in order of the select input.
    pub const ALL: [Func; 4] = [Func::Exp, Func::Recip, Func::Rsqrt, Func::Pass];
}

/// Coefficients of one piece, in units of `2^-28`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coefficients {
    /// Value in the middle plus `2^-25`, half a unit of the 24-bit result: truncation then rounds.
    pub c0: u32,
    /// Slope per half piece.
    pub c1: i32,
    /// Curvature per half piece squared.
    pub c2: u32,
}

/// The whole table; the address is `function * 128 + index`.
#[must_use]
pub fn table() -> &'static [Coefficients] {
    static TABLE: OnceLock<Vec<Coefficients>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let pieces = Func::TABLED
            .into_iter()
            .flat_map(|f| (0..SEGMENTS).map(move |i| (f, i)));
        pieces
            .map(|(function, index)| fit(function, index))
            .collect()
    })
}

/// Interpolates one piece and rounds the coefficients.
fn fit(function: Func, index: usize) -> Coefficients {
    // Chebyshev nodes 0 and +-cos(30 deg) on [-1 - margin, 1], the leftmost one being -1.
    let cos30 = 3f64.sqrt() / 2.0;
    let half_width = 2.0 / (1.0 + cos30);
    let nodes = [
        -1.0,
        1.0 - half_width,
        1.0 - half_width + half_width * cos30,
    ];
    let [y0, y1, y2] = nodes.map(|t| scaled(function, index, t));
    // Newton's divided differences, expanded to powers of t.
    let d01 = (y1 - y0) / (nodes[1] - nodes[0]);
    let d12 = (y2 - y1) / (nodes[2] - nodes[1]);
    let d012 = (d12 - d01) / (nodes[2] - nodes[0]);
    let unit = (1u32 << FRACTION_BITS) as f64;
    let to_units = |x: f64| (x * unit).round();
    Coefficients {
        c0: to_units(y0 - d01 * nodes[0] + d012 * nodes[0] * nodes[1]) as u32 + 8,
        c1: to_units(d01 - d012 * (nodes[0] + nodes[1])) as i32,
        c2: to_units(d012) as u32,
    }
}

/// The function scaled to `[1/2, 1]`, at position `t` in `[-1, 1]` of piece `index`.
fn scaled(function: Func, index: usize, t: f64) -> f64 {
    let position = index as f64 + (t + 1.0) / 2.0;
    let unit = position / SEGMENTS as f64;
    match function {
        Func::Exp => exp2_unit(unit) / 2.0,
        Func::Recip => 1.0 / (1.0 + unit),
        Func::Rsqrt if index < SEGMENTS / 2 => 1.0 / (1.0 + 2.0 * unit).sqrt(),
        // The upper half holds [2, 4) in pieces of twice the width.
        Func::Rsqrt => 1.0 / (4.0 * unit).sqrt(),
        Func::Pass => 1.0,
    }
}

/// `2^x` for x in `[0, 1]`: 22 terms of the Taylor series leave less than 1e-18.
fn exp2_unit(x: f64) -> f64 {
    let z = x * std::f64::consts::LN_2;
    (1..=22)
        .rev()
        .fold(1.0, |sum, k| 1.0 + sum * z / f64::from(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_fit_their_widths() {
        for (address, c) in table().iter().enumerate() {
            assert!(c.c0 < 1 << C0_BITS, "c0 at {address}: {c:?}");
            assert!(c.c2 < 1 << C2_BITS, "c2 at {address}: {c:?}");
            // The slope at either end, c1 +- c2, is the wider multiplier operand.
            let limit = 1 << (C1_BITS - 1);
            assert!(c.c1.abs() + (c.c2 as i32) < limit, "c1 at {address}: {c:?}");
        }
        assert_eq!(table().len(), 3 * SEGMENTS);
    }

    #[test]
    fn log2_e_is_rounded() {
        let exact = std::f64::consts::LOG2_E * 2f64.powi(32);
        assert_eq!(LOG2_E, exact.round() as u64);
    }

    /// The bytes are part of the machine's contract: equal on every platform and compiler.
    #[test]
    fn table_bytes_are_pinned() {
        let words = table().iter().flat_map(|c| [c.c0, c.c1 as u32, c.c2]);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        assert_eq!(crc32fast::hash(&bytes), 0x21c5_9450);
    }
}
