//! `fp_from_i32` and `fp_to_int`: pipelined conversions. The functions are
//! [`super::golden::from_i32`], [`super::golden::to_i32`] and [`super::golden::to_i8`].

use std::sync::Arc;

use super::parts::{normalise, round_up, significand};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, RtlError, all, any, cat, lit, mux, repeat, sint, slit, uint};

/// Enabled cycles from integer to float.
pub const FROM_I32_LATENCY: u32 = 3;

/// Enabled cycles from float to integers.
pub const TO_INT_LATENCY: u32 = 3;

/// Ports: `clk`, `en`, `x`, `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn fp_from_i32() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("fp_from_i32").doc(
        "y = the finite fp32 number nearest to the integer x, ties to even.\n\
         Latency 3 enabled cycles, one conversion a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let x = m.input("x", sint(32), "integer");
    let y = m.output("y", uint(32), "fp32, x of 3 enabled cycles ago");

    m.section("Stage 1: magnitude");
    let negative = m.wire("negative", x.bit(31));
    let flipped = &x.unsigned() ^ &repeat(32, &negative);
    let [sign_1, magnitude_1] = p.stage(
        &mut m,
        [
            ("sign_1", &negative),
            ("magnitude_1", &(&flipped + &negative.extend(32))),
        ],
    );

    m.section("Stage 2: normalise");
    let (normal, count) = normalise(&mut m, "normal", &magnitude_1);
    m.comment("Bit 31 alone is 2^31, biased exponent 158.");
    let [sign_2, exponent_2, normal_2] = p.stage(
        &mut m,
        [
            ("sign_2", &sign_1),
            ("exponent_2", &(&lit(158, 8) - &count.extend(8))),
            ("normal_2", &normal),
        ],
    );

    m.section("Stage 3: round and pack");
    let sticky = normal_2.bits(6, 0).reduce_or();
    let up = m.wire("up", round_up(&normal_2.bit(8), &normal_2.bit(7), &sticky));
    m.comment("A carry out of the fraction leaves it zero and moves on into the exponent.");
    let rounded = m.wire(
        "rounded",
        &cat([&exponent_2, &normal_2.bits(30, 8)]) + &up.extend(31),
    );
    let number = cat([&sign_2, &rounded]);
    let [y_3] = p.stage(
        &mut m,
        [("y_3", &mux(normal_2.bit(31), number, lit(0, 32)))],
    );
    m.assign(&y, &y_3);
    m.finish()
}

/// Ports: `clk`, `en`, `x`, `y_i32`, `y_i8`.
///
/// # Errors
/// A fault of the description itself.
pub fn fp_to_int() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("fp_to_int").doc(
        "The integers nearest to the finite fp32 number x, ties to even: y_i32 saturates at the ends of\n\
         its range, y_i8 at -127 and 127. Latency 3 enabled cycles, one conversion a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let x = m.input("x", uint(32), "fp32");
    let y_i32 = m.output("y_i32", sint(32), "x of 3 enabled cycles ago as an integer");
    let y_i8 = m.output("y_i8", sint(8), "the same within -127..127");

    m.section("Stage 1: shift the binary point into place");
    m.comment(
        "31 integer bits and 31 fraction bits. Exponent 157 is the largest that fits, each less moves one\n\
         place right; from 2^31 on the result saturates, below 1/2 it is zero.",
    );
    let places = m.wire("places", &lit(157, 8) - &x.bits(30, 23));
    let saturate = m.wire("saturate", x.bits(30, 23).gt(lit(157, 8)));
    let field = cat([&significand(&x), &lit(0, 38)]);
    let moved = m.wire("moved", field.shr(places.bits(4, 0)));
    let near = m.wire("near", !places.bits(7, 5).reduce_or());
    let up = round_up(
        &moved.bit(31),
        &moved.bit(30),
        &moved.bits(29, 0).reduce_or(),
    );
    let [sign_1, integer_1, up_1, saturate_1] = p.stage(
        &mut m,
        [
            ("sign_1", &x.bit(31)),
            ("integer_1", &(&moved.bits(61, 31) & &repeat(31, &near))),
            ("up_1", &(&near & &up)),
            ("saturate_1", &saturate),
        ],
    );

    m.section("Stage 2: round and negate in one addition");
    m.comment("-(n + up) = ~n + 1 - up.");
    let flipped = &integer_1.extend(32) ^ &repeat(32, &sign_1);
    let sum = m.wire("sum", &flipped + &(&sign_1 ^ &up_1).extend(32));
    let least = m.wire("least", cat([&sign_1, &repeat(31, !&sign_1)]));
    let [integer_2] = p.stage(&mut m, [("integer_2", &mux(&saturate_1, &least, &sum))]);

    m.section("Stage 3: clamp to int8");
    let negative = m.wire("negative", integer_2.bit(31));
    let upper = integer_2.bits(30, 7);
    let outside = &upper ^ &repeat(24, &negative);
    let minimum: Expr = all([&negative, &!integer_2.bits(6, 0).reduce_or()]);
    let clamp = m.wire("clamp", any([&outside.reduce_or(), &minimum]));
    let limit = mux(&negative, slit(-127, 8), slit(127, 8));
    let byte = mux(&clamp, limit, integer_2.bits(7, 0).signed());
    let [y_i32_3, y_i8_3] = p.stage(
        &mut m,
        [("y_i32_3", &integer_2.signed()), ("y_i8_3", &byte)],
    );
    m.assign(&y_i32, &y_i32_3);
    m.assign(&y_i8, &y_i8_3);
    m.finish()
}
