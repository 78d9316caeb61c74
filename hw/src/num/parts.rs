//! Pieces of RTL that the float units share: unpacking, normalising, packing.

use crate::rtl::{Expr, ModuleBuilder, all, any, cat, lit, mux, repeat, sint};

/// Width of an exponent between unpacking and packing: two's complement, biased by 127.
pub(super) const EXPONENT_BITS: u32 = 10;

/// Significand of the number on net `x`: 24 bits with the leading one, zero for an exponent of zero.
#[track_caller]
pub(super) fn significand(x: &Expr) -> Expr {
    let normal = x.bits(30, 23).reduce_or();
    cat([&normal, &(&x.bits(22, 0) & &repeat(23, &normal))])
}

/// An 8-bit exponent field in the width of exponent arithmetic.
#[track_caller]
pub(super) fn wide_exponent(field: &Expr) -> Expr {
    field.extend(EXPONENT_BITS).signed()
}

/// `value` shifted left until its top bit is one, and the 5-bit distance; all zero stays zero.
///
/// The wires are called `<stem>_by16` down to `<stem>_by1`, after the distance each may add.
#[track_caller]
pub(super) fn normalise(m: &mut ModuleBuilder, stem: &str, value: &Expr) -> (Expr, Expr) {
    let width = value.width();
    let mut value = value.clone();
    let mut count = Vec::new();
    for step in [16, 8, 4, 2, 1] {
        let empty = m.wire(
            &format!("{stem}_skip{step}"),
            !value.bits(width - 1, width - step).reduce_or(),
        );
        let moved = cat([&value.bits(width - 1 - step, 0), &lit(0, step)]);
        value = m.wire(&format!("{stem}_by{step}"), mux(&empty, moved, &value));
        count.push(empty);
    }
    (value, cat(&count))
}

/// Adds the rounding bit `up` to the 23-bit `fraction` (the carry goes on into the exponent) and packs the
/// result with flush to zero and saturation; `zero` forces zero.
#[track_caller]
pub(super) fn round_and_pack(
    m: &mut ModuleBuilder,
    sign: &Expr,
    exponent: &Expr,
    fraction: &Expr,
    up: &Expr,
    zero: &Expr,
) -> Expr {
    m.comment("A carry out of the fraction leaves it zero and moves on into the exponent.");
    let whole = cat([&exponent.unsigned(), fraction]);
    let rounded = m.wire("rounded", &whole + &up.extend(whole.width()));
    let exponent = m.wire("exponent", rounded.bits(32, 23).signed());
    pack(m, sign, &exponent, &rounded.bits(22, 0), Some(zero))
}

/// Packs an already rounded number: exponent of 0 or less gives +0, as does `zero` where the number may be
/// zero; 255 or more gives the largest finite number.
#[track_caller]
pub(super) fn pack(
    m: &mut ModuleBuilder,
    sign: &Expr,
    exponent: &Expr,
    fraction: &Expr,
    zero: Option<&Expr>,
) -> Expr {
    let negative = exponent.bit(EXPONENT_BITS - 1);
    let none = !exponent.bits(8, 0).reduce_or();
    let underflow = any([&negative, &none].into_iter().chain(zero));
    let overflow = any([&exponent.bit(8), &exponent.bits(7, 0).reduce_and()]);
    let flush = m.wire("flush", underflow);
    let saturate = m.wire("saturate", overflow);
    m.comment("2139095039 = 0x7f7fffff: the largest finite number.");
    let largest = lit(0x7f7f_ffff, 31);
    let number = cat([&exponent.bits(7, 0), fraction]);
    let magnitude = m.wire("magnitude", mux(&saturate, &largest, &number));
    mux(&flush, lit(0, 32), cat([sign, &magnitude]))
}

/// The value on net `x` as a result: zero for exponent 0, the largest finite number for exponent 255.
#[track_caller]
pub(super) fn pass(x: &Expr) -> Expr {
    let largest = cat([&x.bit(31), &lit(0x7f7f_ffff, 31)]);
    let zero = !x.bits(30, 23).reduce_or();
    let saturate = x.bits(30, 23).reduce_and();
    mux(zero, lit(0, 32), mux(saturate, largest, x))
}

/// Whether round to nearest even goes up, from the lowest kept bit, the first lost bit and whether any
/// further lost bit is one.
#[track_caller]
pub(super) fn round_up(lowest: &Expr, guard: &Expr, sticky: &Expr) -> Expr {
    all([guard, &(lowest | sticky)])
}

/// Signed constant in the width of exponent arithmetic.
#[track_caller]
pub(super) fn exponent_lit(value: i64) -> Expr {
    Expr::constant(value.into(), sint(EXPONENT_BITS))
}
