//! `pe_normalise`: sum of a vector to finite fp32. The function is [`super::golden::normalise`].

use std::sync::Arc;

use super::{QUIET_NAN, SCALE_BITS};
use crate::glue::Pipeline;
use crate::rtl::{
    Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, repeat, sint, slit, uint,
};

/// Enabled cycles from sum to result.
pub const NORMALISE_LATENCY: u32 = 5;

/// Bits of a biased exponent before its range is checked.
const WIDE: u32 = 10;

/// Ports: `clk`, `en`, `sum` of `sum_bits` bits, `scale`, `poison`, `y`.
///
/// # Errors
/// `sum_bits` out of range.
pub fn normalise(sum_bits: u32) -> Result<Arc<Module>, RtlError> {
    let name = format!("pe_normalise_w{sum_bits}");
    if !(44..=64).contains(&sum_bits) {
        return Err(RtlError {
            module: name,
            faults: vec![format!("sum_bits = {sum_bits} is not in 44..=64")],
        });
    }
    let mut m = Module::new(name).doc(
        "y = sum * 2^(16 scale - 21) in finite fp32: round to nearest even, overflow saturates, below 2^-126 zero,\n\
         no negative zero; the quiet NaN for poison. Latency 5 enabled cycles, one a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let sum = m.input("sum", sint(sum_bits), "sum of a vector");
    let scale = m.input("scale", sint(SCALE_BITS), "steps of 2^16");
    let poison = m.input("poison", uint(1), "the result is not a number");
    let y = m.output("y", uint(32), "fp32, of 5 enabled cycles ago");

    m.section("Stage 1: magnitude");
    let negative = m.wire("negative", sum.bit(sum_bits - 1));
    let flipped = &sum.unsigned() ^ &repeat(sum_bits, &negative);
    let [magnitude, sign, scale_1, poison_1] = p.stage(
        &mut m,
        [
            ("magnitude_1", &(&flipped + &negative.extend(sum_bits))),
            ("sign_1", &negative),
            ("scale_1", &scale),
            ("poison_1", &poison),
        ],
    );

    m.section("Stage 2: leading one into the top 16 bits");
    let (moved, count) = normalise_by(&mut m, &magnitude, 16, "by16");
    m.comment("Those after the 40th bit can only make the rest of a rounding greater than zero.");
    let sticky = moved.bits(sum_bits - 41, 0).reduce_or();
    let steps = m.wire("steps", scale_1.extend(6) - count.extend(6).signed());
    let [moved, steps, sign, poison_2] = p.stage(
        &mut m,
        [
            (
                "moved_2",
                &cat([&moved.bits(sum_bits - 1, sum_bits - 40), &sticky]),
            ),
            ("steps_2", &steps),
            ("sign_2", &sign),
            ("poison_2", &poison_1),
        ],
    );

    m.section("Stage 3: leading one into the top bit");
    let (by4, fours) = normalise_by(&mut m, &moved, 4, "by4");
    let (by1, ones) = normalise_by(&mut m, &by4, 1, "by1");
    m.comment(&format!(
        "The top bit of the sum is worth 2^({} + 16 scale - 21); 127 is the bias.",
        sum_bits - 1
    ));
    let top = i64::from(sum_bits) - 1 - 21 + 127;
    let below = m.wire("below", cat([&fours, &ones]).extend(WIDE).signed());
    let base = m.wire("base", cat([&steps, &lit(0, 4)]).signed());
    let exponent = &(&base + &slit(top, WIDE)) - &below;
    let [normal, exponent, sign, poison_3] = p.stage(
        &mut m,
        [
            (
                "normal_3",
                &cat([&by1.bits(40, 16), &by1.bits(15, 0).reduce_or()]),
            ),
            ("exponent_3", &exponent),
            ("sign_3", &sign),
            ("poison_3", &poison_2),
        ],
    );

    m.section(
        "Stage 4: round; a carry out of the fraction leaves it zero and moves on into the exponent",
    );
    let up = m.wire(
        "up",
        all([&normal.bit(1), &any([&normal.bit(0), &normal.bit(2)])]),
    );
    let whole = cat([&exponent.unsigned(), &normal.bits(24, 2)]);
    let [rounded, zero, sign, poison_4] = p.stage(
        &mut m,
        [
            ("rounded_4", &(&whole + &up.extend(WIDE + 23))),
            ("zero_4", &!normal.bit(25)),
            ("sign_4", &sign),
            ("poison_4", &poison_3),
        ],
    );

    m.section("Stage 5: range");
    let field = m.wire("field", rounded.bits(32, 23));
    let below = any([&zero, &field.bit(9), &!field.bits(8, 0).reduce_or()]);
    let flush = m.wire("flush", all([&below, &!&poison_4]));
    let over = any([&field.bit(8), &field.bits(7, 0).reduce_and()]);
    let saturate = m.wire("saturate", any([&over, &poison_4]));
    m.comment("2139095039 = 0x7f7fffff: the largest finite number; 2143289344 = 0x7fc00000: not a number.");
    let end = mux(&poison_4, lit(QUIET_NAN.into(), 31), lit(0x7f7f_ffff, 31));
    let magnitude = mux(&saturate, end, rounded.bits(30, 0));
    let sign = all([&sign, &!&poison_4]);
    let result: Expr = mux(&flush, lit(0, 32), cat([&sign, &magnitude]));
    let [y_5] = p.stage(&mut m, [("y_5", &result)]);
    m.assign(&y, &y_5);
    m.finish()
}

/// `value` shifted left by 0, 1, 2 or 3 times `step`, by as many as its top bits leave room for, and that number.
#[track_caller]
fn normalise_by(m: &mut ModuleBuilder, value: &Expr, step: u32, name: &str) -> (Expr, Expr) {
    let width = value.width();
    let most = 3.min((width - 1) / step);
    let mut moved = value.clone();
    let mut count = lit(0, 2);
    // From the largest distance down, so that the smallest that finds a one comes out on top.
    for k in (0..most).rev() {
        let top = width - k * step;
        let found = m.wire(
            &format!("{name}_{k}"),
            value.bits(top - 1, top - step).reduce_or(),
        );
        let rest = |k: u32| match k {
            0 => value.clone(),
            _ => cat([&value.bits(width - 1 - k * step, 0), &lit(0, k * step)]),
        };
        if k + 1 == most {
            (moved, count) = (rest(most), lit(most.into(), 2));
        }
        moved = mux(&found, rest(k), moved);
        count = mux(&found, lit(k.into(), 2), count);
    }
    (
        m.wire(&format!("{name}_moved"), moved),
        m.wire(&format!("{name}_count"), count),
    )
}
