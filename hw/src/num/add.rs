//! `fp_add`: pipelined finite fp32 adder. The function is [`super::golden::add`].

use std::sync::Arc;

use super::parts::{exponent_lit, normalise, round_and_pack, round_up, significand, wide_exponent};
use crate::glue::Pipeline;
use crate::rtl::{Module, RtlError, cat, lit, mux, repeat, uint};

/// Enabled cycles from operands to result.
pub const ADD_LATENCY: u32 = 5;

/// Ports: `clk`, `en`, `a`, `b`, `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn fp_add() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("fp_add").doc(
        "y = a + b in finite fp32: round to nearest even, denormals are zero, overflow saturates,\n\
         no NaN, infinity or negative zero. Latency 5 enabled cycles, one sum a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let a = m.input("a", uint(32), "fp32");
    let b = m.input("b", uint(32), "fp32");
    let y = m.output("y", uint(32), "fp32, a + b of 5 enabled cycles ago");

    m.section("Stage 1: order by magnitude");
    let swap = m.wire("swap", a.bits(30, 0).lt(b.bits(30, 0)));
    let a_over_b = &a.bits(30, 23) - &b.bits(30, 23);
    let b_over_a = &b.bits(30, 23) - &a.bits(30, 23);
    let big = m.wire("big", mux(&swap, &b, &a));
    let small = m.wire("lesser", mux(&swap, &a, &b));
    let subtract = m.wire("subtract", &a.bit(31) ^ &b.bit(31));
    let [sign_1, exponent_1, big_1, small_1, distance_1, subtract_1] = p.stage(
        &mut m,
        [
            ("sign_1", &big.bit(31)),
            ("exponent_1", &big.bits(30, 23)),
            ("big_1", &significand(&big)),
            ("small_1", &significand(&small)),
            ("distance_1", &mux(&swap, b_over_a, a_over_b)),
            ("subtract_1", &subtract),
        ],
    );
    m.unused(small.bit(31));

    m.section("Stage 2: align the smaller operand");
    m.comment(
        "Two bits are kept below the larger operand's last place; what falls further is only\n\
         remembered as sticky. Beyond a distance of 31 everything has fallen.",
    );
    let field = cat([&small_1, &lit(0, 26)]);
    let moved = m.wire("moved", field.shr(distance_1.bits(4, 0)));
    let far = m.wire("far", distance_1.bits(7, 5).reduce_or());
    let kept = mux(&far, lit(0, 26), moved.bits(49, 24));
    let sticky = mux(&far, small_1.reduce_or(), moved.bits(23, 0).reduce_or());
    let [sign_2, exponent_2, big_2, small_2, subtract_2] = p.stage(
        &mut m,
        [
            ("sign_2", &sign_1),
            ("exponent_2", &exponent_1),
            ("big_2", &big_1),
            ("small_2", &cat([&kept, &sticky])),
            ("subtract_2", &subtract_1),
        ],
    );

    m.section("Stage 3: add or subtract magnitudes");
    let addend = m.wire("addend", &small_2.extend(28) ^ &repeat(28, &subtract_2));
    let sum = &(&cat([&lit(0, 1), &big_2, &lit(0, 3)]) + &addend) + &subtract_2.extend(28);
    let [sign_3, exponent_3, sum_3] = p.stage(
        &mut m,
        [
            ("sign_3", &sign_2),
            ("exponent_3", &exponent_2),
            ("sum_3", &sum),
        ],
    );

    m.section("Stage 4: normalise");
    let (normal, count) = normalise(&mut m, "normal", &sum_3);
    let above = m.wire("above", count.extend(10));
    let exponent = &(&wide_exponent(&exponent_3) + &exponent_lit(1)) - &above.signed();
    let [sign_4, exponent_4, normal_4] = p.stage(
        &mut m,
        [
            ("sign_4", &sign_3),
            ("exponent_4", &exponent),
            ("normal_4", &normal),
        ],
    );

    m.section("Stage 5: round and pack");
    let sticky = normal_4.bits(2, 0).reduce_or();
    let up = m.wire("up", round_up(&normal_4.bit(4), &normal_4.bit(3), &sticky));
    let zero = m.wire("zero", !normal_4.bit(27));
    let sum = round_and_pack(
        &mut m,
        &sign_4,
        &exponent_4,
        &normal_4.bits(26, 4),
        &up,
        &zero,
    );
    let [y_5] = p.stage(&mut m, [("y_5", &sum)]);
    m.assign(&y, &y_5);
    m.finish()
}
