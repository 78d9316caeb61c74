//! The rival of the array in `hw::pe::broadcast`: a chain of fp16 multiply-adds, one for each product, as cores of vendors and
//! textbooks are. For benchmarks only; no machine contains it.
//!
//! Contract of `bench_mac`
//! * `y = round(round(x w) + c)`, each rounding to nearest even; subnormals read as zero and results below the smallest normal
//!   number are +0; overflow gives the largest finite number. Operands are finite: infinities and NaN would cost more.
//! * `c` is no subnormal number either, as no result is.
//! * `x` and `c` are fp16; `w` fp16, or INT4 that is made fp16 first. x and w come [`MULTIPLY_LATENCY`] cycles before c, y leaves
//!   [`ADD_LATENCY`] cycles behind c; one set a cycle.
//! * A chain gives y to the next one's c. What delays its operands is not counted, nor what holds weights: both would make the
//!   rival larger.
//!
//! It is written to be small: rounding bits are folded to one sticky bit, zeros have their significand's leading bit off, the INT4
//! product is of 11 x 4 bits. The adder takes fewer look-up tables than Berkeley HardFloat's, which has 255 for UltraScale+ in the
//! same flow, without pipeline registers, but with subnormals, infinities and all rounding modes.

use std::sync::Arc;

use hw::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, uint};

/// Cycles of the multiplication: product, rounding.
pub const MULTIPLY_LATENCY: u32 = 2;
/// Cycles of the addition: order, shift, sum, normalising, rounding.
pub const ADD_LATENCY: u32 = 5;

/// Bits of an exponent before its range is checked, two's complement.
const WIDE: u32 = 7;

/// The other operand of the multiplication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    Int4,
    Fp16,
}

impl Weight {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Weight::Int4 => "int4",
            Weight::Fp16 => "fp16",
        }
    }

    const fn bits(self) -> u32 {
        match self {
            Weight::Int4 => 4,
            Weight::Fp16 => 16,
        }
    }
}

/// Registers of this cycle's values.
fn stage<const N: usize>(
    m: &mut ModuleBuilder,
    clk: &Clock,
    values: [(&str, &Expr); N],
) -> [Expr; N] {
    values.map(|(name, value)| m.delay(name, clk, None, value))
}

/// Rounds a significand with its leading one at the top to 11 bits, and packs it: `exponent` is the field of two's complement that goes
/// with it; nothing where `nonzero` is low.
fn round(
    m: &mut ModuleBuilder,
    (sign, nonzero): (&Expr, &Expr),
    exponent: &Expr,
    significand: &Expr,
) -> Expr {
    let rest = significand.width() - 11;
    let sticky = significand.bits(rest - 2, 0).reduce_or();
    let up = all([
        &significand.bit(rest - 1),
        &any([&sticky, &significand.bit(rest)]),
    ]);
    let up = m.wire("up", up);
    let whole = cat([exponent, &significand.bits(rest + 9, rest)]);
    let rounded = m.wire("rounded", whole + up.extend(WIDE + 10));
    m.unused(significand.bit(rest + 10));
    let field = m.wire("field", rounded.bits(WIDE + 9, 10));
    let below = any([&field.bit(WIDE - 1), &!field.reduce_or(), &!nonzero]);
    // 31 and more of numbers that are not negative.
    let over = any([&field.bit(5), &field.bits(4, 0).reduce_and()]);
    let magnitude = mux(over, lit(0x7bff, 15), rounded.bits(14, 0));
    mux(below, lit(0, 16), cat([sign, &magnitude]))
}

/// A significand with its leading one, the exponent field, and whether it is not zero.
fn fp16(m: &mut ModuleBuilder, name: &str, x: &Expr) -> (Expr, Expr, Expr) {
    let nonzero = m.wire(&format!("{name}_nonzero"), x.bits(14, 10).reduce_or());
    let significand = cat([&nonzero, &x.bits(9, 0)]);
    (
        m.wire(&format!("{name}_significand"), significand),
        x.bits(14, 10),
        nonzero,
    )
}

/// `bench_multiply`: ports `clk`, `x`, `w`, `p`.
fn multiply(weight: Weight) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("bench_multiply_{}", weight.word()))
        .doc("p = round(x w), 2 cycles later; a product a cycle.");
    let clk = m.clock("clk");
    let x = m.input("x", uint(16), "fp16");
    let w = m.input("w", uint(weight.bits()), weight.word());
    let p = m.output("p", uint(16), "fp16");

    m.section("Product of the significands, sum of the exponents");
    let (xs, xe, x_nonzero) = fp16(&mut m, "x", &x);
    let (ws, exponent, w_nonzero, w_sign) = match weight {
        Weight::Fp16 => {
            let (ws, we, nonzero) = fp16(&mut m, "w", &w);
            // Both biases are in the sum; one is in the result.
            let sum = (xe.extend(WIDE) + we.extend(WIDE)).minus(15);
            (ws, sum, nonzero, w.bit(15))
        }
        Weight::Int4 => {
            m.comment("Exponent and significand of four bits of the code's magnitude.");
            let code = |w: u64| {
                let magnitude = if w < 8 { w } else { 16 - w };
                match magnitude.checked_ilog2() {
                    None => 0,
                    Some(e) => u64::from(e) << 4 | magnitude << (3 - e),
                }
            };
            let arms = (0..16).map(|w| (w, lit(code(w), 6)));
            let float = m.case("float", &w, arms, lit(0, 6));
            let float = m.wire("w_float", float);
            let sum = xe.extend(WIDE) + float.bits(5, 4).extend(WIDE);
            (float.bits(3, 0), sum, float.bit(3), w.bit(3))
        }
    };
    let ws = m.wire("factor", ws);
    let [product, exponent, sign, nonzero] = stage(
        &mut m,
        &clk,
        [
            ("product_1", &(&xs * &ws)),
            ("exponent_1", &exponent),
            ("sign_1", &(&x.bit(15) ^ &w_sign)),
            ("nonzero_1", &all([&x_nonzero, &w_nonzero])),
        ],
    );

    m.section("Leading one to the top, rounding");
    let width = product.width();
    let large = m.wire("two_or_more", product.bit(width - 1));
    let lower = cat([&product.bits(width - 2, 0), &lit(0, 1)]);
    let normal = m.wire("normal", mux(&large, &product, lower));
    let exponent = m.wire("exponent", &exponent + &large.extend(WIDE));
    let result = round(&mut m, (&sign, &nonzero), &exponent, &normal);
    let result = m.delay("p_2", &clk, None, result);
    m.assign(&p, result);
    m.finish()
}

/// `bench_add`: ports `clk`, `a`, `b`, `y`; neither `a` nor `b` is subnormal.
///
/// # Errors
/// A fault of the description itself.
pub fn add() -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("bench_add_fp16").doc("y = round(a + b), 5 cycles later; a sum a cycle.");
    let clk = m.clock("clk");
    let a = m.input("a", uint(16), "fp16");
    let b = m.input("b", uint(16), "fp16");
    let y = m.output("y", uint(16), "fp16");

    m.section("Stage 1: the larger magnitude first");
    let swap = m.wire("swap", b.bits(14, 0).gt(a.bits(14, 0)));
    let [large, small] = stage(
        &mut m,
        &clk,
        [
            ("large_1", &mux(&swap, &b, &a)),
            ("small_1", &mux(&swap, &a, &b)),
        ],
    );

    m.section("Stage 2: the smaller one to the larger one's exponent, what leaves in one bit");
    let (large_bits, large_exponent, _) = fp16(&mut m, "large", &large);
    let (small_bits, small_exponent, _) = fp16(&mut m, "small", &small);
    let distance = m.wire("distance", &large_exponent - &small_exponent);
    let field = cat([&small_bits, &lit(0, 15)]);
    let moved = m.wire("moved", field.shr(distance.bits(3, 0)));
    let lost = moved.bits(12, 0).reduce_or();
    let near = cat([&moved.bits(25, 13), &lost]);
    let far = small_bits.reduce_or().extend(14);
    let [large_bits, small_bits, exponent, sign, subtract] = stage(
        &mut m,
        &clk,
        [
            ("large_2", &large_bits),
            ("small_2", &mux(distance.bit(4), far, near)),
            ("exponent_2", &large_exponent),
            ("sign_2", &large.bit(15)),
            ("subtract_2", &(&large.bit(15) ^ &small.bit(15))),
        ],
    );

    m.section("Stage 3: sum");
    let large = cat([&lit(0, 1), &large_bits, &lit(0, 3)]);
    let flip = hw::rtl::repeat(15, &subtract);
    let small = &small_bits.extend(15) ^ &flip;
    let sum = &(&large + &small) + &subtract.extend(15);
    let [sum, exponent, sign] = stage(
        &mut m,
        &clk,
        [
            ("sum_3", &sum),
            ("exponent_3", &exponent),
            ("sign_3", &sign),
        ],
    );

    m.section("Stage 4: leading one to the top");
    let mut value = sum;
    let mut places = Vec::new();
    for by in [8u32, 4, 2, 1] {
        let none = !value.bits(14, 15 - by).reduce_or();
        let none = m.wire(&format!("by{by}"), none);
        let moved = cat([&value.bits(14 - by, 0), &lit(0, by)]);
        value = m.wire(&format!("value{by}"), mux(&none, moved, &value));
        places.push(none);
    }
    let places = m.wire("places", cat(&places));
    let [value, exponent, sign] = stage(
        &mut m,
        &clk,
        [
            ("value_4", &value),
            (
                "exponent_4",
                &(exponent.extend(WIDE).plus(1) - places.extend(WIDE)),
            ),
            ("sign_4", &sign),
        ],
    );

    m.section("Stage 5: rounding");
    let nonzero = m.wire("nonzero", value.bit(14));
    let result = round(&mut m, (&sign, &nonzero), &exponent, &value);
    let result = m.delay("y_5", &clk, None, result);
    m.assign(&y, result);
    m.finish()
}

/// One stage of the chain: ports `clk`, `x`, `w`, `c`, `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn mac(weight: Weight) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("bench_mac_{}", weight.word())).doc(
        "y = round(round(x w) + c): x and w come 2 cycles before c, y leaves 5 behind c; one set a cycle.",
    );
    let clk = m.clock("clk");
    let x = m.input("x", uint(16), "fp16");
    let w = m.input("w", uint(weight.bits()), weight.word());
    let c = m.input("c", uint(16), "fp16: of the stage before");
    let y = m.output("y", uint(16), "fp16");
    let inputs = [("x", &x), ("w", &w)];
    let product = m.instance("u_multiply", &multiply(weight)?, &clk, &inputs);
    let inputs = [("a", &product.get("p")), ("b", &c)];
    let sum = m.instance("u_add", &add()?, &clk, &inputs);
    m.assign(&y, sum.get("y"));
    m.finish()
}
