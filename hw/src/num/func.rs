//! `fp_func`: pipelined exp, reciprocal, reciprocal square root and pass-through of finite fp32. The
//! function is [`super::golden_func::func`], where the integer algorithm and its widths are written out.

use std::sync::Arc;

use num_bigint::BigUint;

use super::parts::{exponent_lit, pack, pass, significand, wide_exponent};
use super::table::{C0_BITS, C1_BITS, C2_BITS, Func, LOG2_E, table};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, RtlError, all, any, cat, lit, mux, repeat, uint};

/// Enabled cycles from argument to result.
pub const FUNC_LATENCY: u32 = 8;

/// Width of the select input `func`.
pub const FUNC_BITS: u32 = 2;

/// One word of the coefficient memory: c0, c1, c2 from the top down.
fn word(c: &super::table::Coefficients) -> BigUint {
    let c1 = c.c1 as u32 & ((1 << C1_BITS) - 1);
    (BigUint::from(c.c0) << (C1_BITS + C2_BITS)) + (BigUint::from(c1) << C2_BITS) + c.c2
}

/// Ports: `clk`, `en`, `func` ([`Func`]), `x`, `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn fp_func() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("fp_func").doc(
        "y = exp(x), 1/x, 1/sqrt(x) or x in finite fp32, by a table of 128 quadratics a function.\n\
         Largest error 0.94, 0.84 and 1.30 units in the last place; exact for a result of 1.\n\
         1/0, 1/sqrt(0) and 1/sqrt(negative) are the largest finite number.\n\
         Latency 8 enabled cycles, one result a cycle; func may change every cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let func = m.input(
        "func",
        uint(FUNC_BITS),
        "0 exp, 1 reciprocal, 2 reciprocal square root, 3 x itself",
    );
    let x = m.input("x", uint(32), "fp32");
    let y = m.output("y", uint(32), "fp32, result of 8 enabled cycles ago");

    m.section("Stages 1 and 2: x * log2(e) in two multipliers, the constant cut at 17 bits");
    let arg = m.wire("arg", significand(&x));
    let low = m.wire("low", &arg * &lit(LOG2_E & 0x1_ffff, 17));
    m.unused(low.bits(16, 0));
    let [func_1, x_1, low_1, high_1] = p.stage(
        &mut m,
        [
            ("func_1", &func),
            ("x_1", &x),
            ("low_1", &low.bits(40, 17)),
            ("high_1", &(&arg * &lit(LOG2_E >> 17, 16))),
        ],
    );
    let product = m.wire("product", &high_1 + &low_1.extend(40));
    m.unused(product.bits(6, 0));
    let [func_2, x_2, product_2] = p.stage(
        &mut m,
        [
            ("func_2", &func_1),
            ("x_2", &x_1),
            ("product_2", &product.bits(39, 7)),
        ],
    );

    m.section("Stage 3: 25 fraction bits");
    m.comment("Exponents above 133, |x| >= 128, are answered without the table.");
    let places = m.wire("places", &lit(133, 8) - &x_2.bits(30, 23));
    let far = m.wire("far", places.bits(7, 6).reduce_or());
    let moved = product_2.shr(places.bits(5, 0));
    let [func_3, x_3, scaled_3] = p.stage(
        &mut m,
        [
            ("func_3", &func_2),
            ("x_3", &x_2),
            ("scaled_3", &mux(&far, lit(0, 33), moved)),
        ],
    );

    m.section("Stage 4: table index, offset and exponent of the result");
    m.comment(
        "Round to 24 fraction bits and negate in one addition: -((s + 1) >> 1) = ~((s - 1) >> 1).",
    );
    let negative = m.wire("negative", x_3.bit(31));
    let nudge = cat([&repeat(33, &negative), &lit(1, 1)]);
    let nudged = m.wire("nudged", &scaled_3.extend(34) + &nudge);
    m.unused(nudged.bit(0));
    let z = m.wire("z", &nudged.bits(33, 1) ^ &repeat(33, &negative));
    let select = |f: Func, value: Expr| (f as u64, value);
    let index = m.case(
        "index",
        &func_3,
        [
            select(Func::Recip, x_3.bits(22, 16)),
            select(Func::Rsqrt, cat([&!x_3.bit(23), &x_3.bits(22, 17)])),
        ],
        z.bits(23, 17),
    );
    let offset = m.case(
        "offset",
        &func_3,
        [
            select(Func::Recip, cat([&x_3.bits(15, 0), &lit(0, 1)])),
            select(Func::Rsqrt, x_3.bits(16, 0)),
        ],
        z.bits(16, 0),
    );
    let z_floor = m.wire("z_floor", z.bits(32, 24).signed());
    let x_exponent = m.wire("x_exponent", wide_exponent(&x_3.bits(30, 23)));
    let root = m.wire("root", &exponent_lit(380) - &x_exponent);
    m.unused(root.bit(0));
    let half_root = m.wire("half_root", root.bits(9, 1).signed());
    let exponent = m.case(
        "exponent_of_y",
        &func_3,
        [
            select(Func::Recip, &exponent_lit(253) - &x_exponent),
            select(Func::Rsqrt, half_root.extend(10)),
        ],
        &z_floor.extend(10) + &exponent_lit(127),
    );
    m.comment("Answers that need no table: the function is undefined, out of range, or x itself.");
    let x_zero = m.wire("x_zero", !x_3.bits(30, 23).reduce_or());
    let out_of_range = m.wire("out_of_range", x_3.bits(30, 23).gt(lit(133, 8)));
    let direct = m.case(
        "direct",
        &func_3,
        [
            select(Func::Exp, out_of_range),
            select(Func::Recip, x_zero.clone()),
            select(Func::Rsqrt, any([&x_zero, &negative])),
        ],
        lit(1, 1),
    );
    let largest = lit(0x7f7f_ffff, 32);
    let passed = m.wire("passed", pass(&x_3));
    let answer = m.case(
        "answer",
        &func_3,
        [
            select(Func::Exp, mux(&negative, lit(0, 32), &largest)),
            select(Func::Pass, passed),
        ],
        &largest,
    );
    m.comment("The pass-through reads, and ignores, the table of exp: there is no fourth one.");
    let page = m.wire("page", &func_3 & &repeat(2, !func_3.reduce_and()));
    let middle = m.wire("middle", cat([&!offset.bit(16), &offset.bits(15, 0)]));
    let recip = m.wire("recip", func_3.is(Func::Recip as u64));
    let [address_4, d_4, sign_4, exponent_4, direct_4, answer_4] = p.stage(
        &mut m,
        [
            ("address_4", &cat([&page, &index])),
            ("d_4", &middle.signed()),
            ("sign_4", &all([&recip, &negative])),
            ("exponent_4", &exponent),
            ("direct_4", &direct),
            ("answer_4", &answer),
        ],
    );

    m.section("Stage 5: coefficients");
    let width = C0_BITS + C1_BITS + C2_BITS;
    let words = table().iter().map(word).collect();
    let rom = m.rom(
        "coefficients",
        width,
        words,
        "c0, c1, c2; 128 words a function",
    );
    let word_5 = m.read_sync("word_5", &rom, &p.clk, &p.en, &address_4);
    let [d_5, sign_5, exponent_5, direct_5, answer_5] = p.stage(
        &mut m,
        [
            ("d_5", &d_4),
            ("sign_5", &sign_4),
            ("exponent_5", &exponent_4),
            ("direct_5", &direct_4),
            ("answer_5", &answer_4),
        ],
    );

    m.section("Stage 6: slope = c1 + c2 d");
    let c2 = m.wire(
        "c2",
        cat([&lit(0, 1), &word_5.bits(C2_BITS - 1, 0)]).signed(),
    );
    let c1 = m.wire("c1", word_5.bits(C1_BITS + C2_BITS - 1, C2_BITS).signed());
    let bend = m.wire("bend", &c2 * &d_5);
    m.unused(bend.bits(15, 0));
    let bend_floor = m.wire("bend_floor", bend.bits(30, 16).signed());
    let [c0_6, slope_6, d_6, sign_6, exponent_6, direct_6, answer_6] = p.stage(
        &mut m,
        [
            ("c0_6", &word_5.bits(width - 1, C1_BITS + C2_BITS)),
            ("slope_6", &(&c1 + &bend_floor.extend(C1_BITS))),
            ("d_6", &d_5),
            ("sign_6", &sign_5),
            ("exponent_6", &exponent_5),
            ("direct_6", &direct_5),
            ("answer_6", &answer_5),
        ],
    );

    m.section("Stage 7: c0 + slope d, 44 fraction bits; c0 holds the half unit that rounds");
    let rise = m.wire("rise", &slope_6 * &d_6);
    let base = m.wire("base", cat([&lit(0, 2), &c0_6, &lit(0, 16)]).signed());
    let value = m.wire("value", &base + &rise.extend(46));
    m.unused(value.bit(45));
    m.unused(value.bits(19, 0));
    let [y_7, sign_7, exponent_7, direct_7, answer_7] = p.stage(
        &mut m,
        [
            ("y_7", &value.bits(44, 20)),
            ("sign_7", &sign_6),
            ("exponent_7", &exponent_6),
            ("direct_7", &direct_6),
            ("answer_7", &answer_6),
        ],
    );

    m.section("Stage 8: pack");
    m.comment("Bit 23 is one unless the value has reached 2^24, one binade up.");
    m.unused(y_7.bit(23));
    let carry = m.wire("carry", y_7.bit(24).extend(10));
    let exponent = m.wire("exponent", &exponent_7 + &carry.signed());
    let result = pack(&mut m, &sign_7, &exponent, &y_7.bits(22, 0), None);
    let [y_8] = p.stage(&mut m, [("y_8", &mux(&direct_7, &answer_7, result))]);
    m.assign(&y, &y_8);
    m.finish()
}
