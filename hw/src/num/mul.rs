//! `fp_mul`: pipelined finite fp32 multiplier. The function is [`super::golden::mul`].

use std::sync::Arc;

use super::parts::{exponent_lit, round_and_pack, round_up, significand, wide_exponent};
use crate::glue::Pipeline;
use crate::rtl::{Module, RtlError, mux, uint};

/// Enabled cycles from operands to result.
pub const MUL_LATENCY: u32 = 3;

/// Ports: `clk`, `en`, `a`, `b`, `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn fp_mul() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("fp_mul").doc(
        "y = a * b in finite fp32: round to nearest even, denormals are zero, overflow saturates,\n\
         no NaN, infinity or negative zero. Latency 3 enabled cycles, one product a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let a = m.input("a", uint(32), "fp32");
    let b = m.input("b", uint(32), "fp32");
    let y = m.output("y", uint(32), "fp32, a * b of 3 enabled cycles ago");

    m.section("Stage 1: multiply significands, add exponents");
    let a_significand = m.wire("a_significand", significand(&a));
    let b_significand = m.wire("b_significand", significand(&b));
    let biased = &wide_exponent(&a.bits(30, 23)) + &wide_exponent(&b.bits(30, 23));
    let [sign_1, exponent_1, product_1] = p.stage(
        &mut m,
        [
            ("sign_1", &(&a.bit(31) ^ &b.bit(31))),
            ("exponent_1", &(&biased - &exponent_lit(127))),
            ("product_1", &(&a_significand * &b_significand)),
        ],
    );

    m.section("Stage 2: normalise");
    m.comment(
        "The product of two numbers in [1, 2) lies in [1, 4): its leading one is bit 47 or 46.",
    );
    let top = m.wire("top", product_1.bit(47));
    let kept = m.wire(
        "kept",
        mux(&top, product_1.bits(47, 23), product_1.bits(46, 22)),
    );
    let lower = product_1.bits(21, 0).reduce_or();
    let sticky = m.wire("sticky", &lower | &(&top & &product_1.bit(22)));
    let up = round_up(&kept.bit(1), &kept.bit(0), &sticky);
    let step = m.wire("step", top.extend(10));
    let [sign_2, exponent_2, fraction_2, up_2, zero_2] = p.stage(
        &mut m,
        [
            ("sign_2", &sign_1),
            ("exponent_2", &(&exponent_1 + &step.signed())),
            ("fraction_2", &kept.bits(23, 1)),
            ("up_2", &up),
            ("zero_2", &!kept.bit(24)),
        ],
    );

    m.section("Stage 3: round and pack");
    let product = round_and_pack(&mut m, &sign_2, &exponent_2, &fraction_2, &up_2, &zero_2);
    let [y_3] = p.stage(&mut m, [("y_3", &product)]);
    m.assign(&y, &y_3);
    m.finish()
}
