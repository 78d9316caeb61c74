//! `vec_lane`: the pipeline of one lane, the same length for every operation.

use std::sync::Arc;

use super::control::{Addend, CONTROL_BITS, Factor, Limit, Switches};
use super::delay::delay_line;
use crate::num::{
    ADD_LATENCY, FROM_I32_LATENCY, FUNC_LATENCY, MUL_LATENCY, TO_INT_LATENCY, fp_add, fp_from_i32,
    fp_func, fp_mul, fp_to_int,
};
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, lit, mux, repeat, uint};

/// Enabled cycles from operands `a`, `b` to x on port `x`; `live_x` belongs to that cycle.
pub(super) const X_LATENCY: u32 = FROM_I32_LATENCY;
/// To the first product. Every unit is followed by a register with the choice of its successor's operands.
const PRODUCT: u32 = X_LATENCY + 1 + MUL_LATENCY;
const SUM: u32 = PRODUCT + 1 + ADD_LATENCY;
const RESULT: u32 = SUM + 1 + FUNC_LATENCY;
/// To `term` when the second multiplier works early.
pub(super) const EARLY_TERM_LATENCY: u32 = PRODUCT + 1;
/// To `term` when it is the result of the function.
pub(super) const LATE_TERM_LATENCY: u32 = RESULT + 1;
/// To `y`.
pub(super) const Y_LATENCY: u32 = RESULT + 1 + MUL_LATENCY + 1;
/// To `word` and `code`.
pub(super) const OUT_LATENCY: u32 = Y_LATENCY + TO_INT_LATENCY;

/// Order-preserving key of a canonical number: greater numbers have greater unsigned keys.
#[track_caller]
fn key(x: &Expr) -> Expr {
    cat([&!x.bit(31), &(x.bits(30, 0) ^ repeat(31, x.bit(31)))])
}

/// `value` after `cycles` enabled cycles.
#[track_caller]
fn later(
    m: &mut ModuleBuilder,
    name: &str,
    clk: &Clock,
    en: &Expr,
    value: &Expr,
    cycles: u32,
) -> Result<Expr, RtlError> {
    let line = delay_line(value.width(), cycles)?;
    let line = m.instance(
        &format!("u_{name}"),
        &line,
        clk,
        &[("en", en), ("d", value)],
    );
    Ok(line.get("q"))
}

/// The lane; ports in the folder's index.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_lane() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("vec_lane").doc(format!(
        "One lane: convert, multiply, add or limit, function, multiply, convert back.\n\
         Unused steps only delay: after a and b, in enabled cycles, x and b_x come after {X_LATENCY},\n\
         y after {Y_LATENCY}, word and code after {OUT_LATENCY}; term after {EARLY_TERM_LATENCY} (x * x) or \
         {LATE_TERM_LATENCY} (function)."
    ));
    let clk = m.clock("clk");
    let en = m.input("en", uint(1), "clock enable of the whole lane");
    let control = m.input("control", uint(CONTROL_BITS), "switches; stand still");
    let integer = m.input("from_i32", uint(1), "a is an i32");
    let odd = m.input("odd", uint(1), "constant: this is the odd lane of its pair");
    let s0 = m.input("s0", uint(32), "fp32; stands still");
    let s1 = m.input("s1", uint(32), "fp32; stands still");
    let a = m.input("a", uint(32), "fp32 or i32");
    let b = m.input("b", uint(32), "fp32");
    let live_x = m.input(
        "live_x",
        uint(1),
        "x is an element of the vector, else it is made 0",
    );
    let x_pair = m.input("x_pair", uint(32), "x of the other lane of the pair");
    let b_pair = m.input("b_pair", uint(32), "b_x of the other lane of the pair");
    let x_out = m.output("x", uint(32), "a as fp32");
    let b_out = m.output("b_x", uint(32), "b beside x");
    let term = m.output("term", uint(32), "fp32, what a sum takes");
    let y = m.output("y", uint(32), "fp32, the result");
    let word = m.output("word", uint(32), "the result again, or as i32 when to_i32");
    let to_i32 = m.input("to_i32", uint(1), "word is an i32");
    let code = m.output("code", uint(8), "the result as int8");
    let c = Switches::of(&mut m, &control);
    let mul = fp_mul()?;

    m.section("Operands");
    let convert = m.instance(
        "u_from_i32",
        &fp_from_i32()?,
        &clk,
        &[("en", &en), ("x", &a.signed())],
    );
    let float = later(&mut m, "a_x", &clk, &en, &a, X_LATENCY)?;
    let b_x = later(&mut m, "b_beside_x", &clk, &en, &b, X_LATENCY)?;
    let chosen = mux(&integer, convert.get("y"), &float);
    let x = m.wire("x_now", mux(&live_x, &chosen, lit(0, 32)));
    m.assign(&x_out, &x);
    m.assign(&b_out, &b_x);
    let cosine = m.wire("cosine", mux(&odd, &b_pair, &b_x));
    let sine = m.wire("sine", mux(&odd, &b_x, &b_pair));
    let factor = m.case(
        "second_factor",
        &c.factor,
        [
            (Factor::B as u64, b_x.clone()),
            (Factor::Cos as u64, cosine),
        ],
        &s0,
    );
    let x_1 = m.delay("x_1", &clk, Some(&en), &x);
    let factor_1 = m.delay("factor_1", &clk, Some(&en), &factor);

    m.section("First multiplier; the second one beside it or, below, behind the function");
    let one = m.instance(
        "u_mul_1",
        &mul,
        &clk,
        &[("en", &en), ("a", &x_1), ("b", &factor_1)],
    );
    let product = one.get("y");
    let x_2 = later(&mut m, "x_2", &clk, &en, &x_1, MUL_LATENCY)?;
    let b_2 = later(&mut m, "b_2", &clk, &en, &b_x, PRODUCT - X_LATENCY)?;
    let late_a = m.wire_decl("late_a", uint(32));
    let late_b = m.wire_decl("late_b", uint(32));
    let cross = m.wire("crossed", c.addend.is(Addend::Cross as u64));
    let early_a = mux(&cross, &x_pair, &x);
    let early_b = mux(&cross, &sine, &x);
    let mul_a = m.delay("mul_a", &clk, Some(&en), mux(&c.early, early_a, &late_a));
    let mul_b = m.delay("mul_b", &clk, Some(&en), mux(&c.early, early_b, &late_b));
    let two = m.instance(
        "u_mul_2",
        &mul,
        &clk,
        &[("en", &en), ("a", &mul_a), ("b", &mul_b)],
    );
    let second = two.get("y");

    m.section("Adder, or relu and max beside it");
    m.comment("A negative zero may reach the adder, which reads it as zero.");
    let turned = cat([&(second.bit(31) ^ !&odd), &second.bits(30, 0)]);
    let addend = m.case(
        "second_addend",
        &c.addend,
        [
            (Addend::S1 as u64, s1.clone()),
            (Addend::Cross as u64, turned),
        ],
        &b_2,
    );
    let add_a = m.delay("add_a", &clk, Some(&en), mux(&c.direct, &x_2, &product));
    let add_b = m.delay("add_b", &clk, Some(&en), &addend);
    let below = key(&product).lt(key(&s1));
    let limited = m.case(
        "limited",
        &c.limit,
        [
            (
                Limit::Relu as u64,
                mux(product.bit(31), lit(0, 32), &product),
            ),
            (Limit::Max as u64, mux(below, &s1, &product)),
        ],
        &product,
    );
    let limited_1 = m.delay("limited_1", &clk, Some(&en), &limited);
    let adder = m.instance(
        "u_add",
        &fp_add()?,
        &clk,
        &[("en", &en), ("a", &add_a), ("b", &add_b)],
    );
    let limited_2 = later(&mut m, "limited_2", &clk, &en, &limited_1, ADD_LATENCY)?;

    m.section("Function");
    let sum = adder.get("y");
    let argument = m.delay("argument", &clk, Some(&en), mux(&c.add, &sum, &limited_2));
    let func = m.instance(
        "u_func",
        &fp_func()?,
        &clk,
        &[("en", &en), ("func", &c.func), ("x", &argument)],
    );
    let value = func.get("y");
    let b_3 = later(&mut m, "b_3", &clk, &en, &b_2, RESULT - PRODUCT)?;
    m.assign(&late_a, &value);
    m.assign(&late_b, mux(&c.square, &value, &b_3));
    let term_q = m.delay("term_q", &clk, Some(&en), mux(&c.early, &second, &value));
    m.assign(&term, &term_q);

    m.section("Result");
    let kept = later(&mut m, "kept", &clk, &en, &value, 1 + MUL_LATENCY)?;
    let y_q = m.delay("y_q", &clk, Some(&en), mux(&c.late, &second, &kept));
    m.assign(&y, &y_q);
    let round = m.instance("u_to_int", &fp_to_int()?, &clk, &[("en", &en), ("x", &y_q)]);
    let y_out = later(&mut m, "y_out", &clk, &en, &y_q, TO_INT_LATENCY)?;
    let rounded = round.get("y_i32").unsigned();
    m.assign(&word, mux(&to_i32, rounded, &y_out));
    m.assign(&code, round.get("y_i8").unsigned());
    m.finish()
}
