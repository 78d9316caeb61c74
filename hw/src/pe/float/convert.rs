//! `pe_convert`: finite fp32 to a 16-bit float. The function is [`super::golden::convert`].

use std::sync::Arc;

use super::{FloatFormat, Formats};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, uint};

/// Enabled cycles from operand to result.
pub const CONVERT_LATENCY: u32 = 2;

/// What is added at the lowest kept bit to round, and that to bit 13 of the operand, where fp16 ends.
#[track_caller]
fn increment(m: &mut ModuleBuilder, x: &Expr, format: FloatFormat) -> Expr {
    let lowest = 23 - format.fraction_bits();
    let sticky = x.bits(lowest - 2, 0).reduce_or();
    let up = all([&x.bit(lowest - 1), &(sticky | x.bit(lowest))]);
    let name = format!("up_{}", format.word());
    m.wire(&name, up)
}

/// The number with rounded exponent and fraction `r` (from bit 13 of fp32 upwards, with a carry on top), packed.
#[track_caller]
fn pack(m: &mut ModuleBuilder, r: &Expr, sign: &Expr, format: FloatFormat) -> Expr {
    let word = format.word();
    let field = m.wire(&format!("field_{word}"), r.bits(18, 10));
    // Largest exponent field of zeros, and least of numbers that overflow, both as fp32 counts.
    let rebias = u64::from(127 - format.bias());
    let none = field.le(lit(rebias, 9));
    let over = field.ge(lit(rebias + (1 << format.exponent_bits()) - 1, 9));
    let number = match format {
        // field - 112 in its low five bits: 16 more.
        FloatFormat::Fp16 => cat([&!field.bit(4), &r.bits(13, 0)]),
        FloatFormat::Bf16 => r.bits(17, 3),
    };
    let largest = (1 << 15) - 1 - (1 << format.fraction_bits());
    let magnitude = mux(over, lit(largest, 15), number);
    let result = mux(none, lit(0, 16), cat([sign, &magnitude]));
    m.wire(word, result)
}

/// Ports: `clk`, `en`, `x`, `format` (0 for fp16, 1 for bf16; only for both), `y`.
///
/// # Errors
/// A fault of the description itself.
pub fn convert(formats: Formats) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("pe_convert_{}", formats.word())).doc(
        "y = the 16-bit float nearest to the finite fp32 number x, ties to even; below the smallest normal\n\
         number +0, above the largest finite number that one. Latency 2 enabled cycles, one a cycle.",
    );
    let p = Pipeline::ports(&mut m);
    let x = m.input("x", uint(32), "finite fp32");
    let format = match formats {
        Formats::Both => Some(m.input("format", uint(1), "of this x: 0 fp16, 1 bf16")),
        _ => None,
    };
    let y = m.output("y", uint(16), "x of 2 enabled cycles ago");

    m.section("Stage 1: round at the last place of the format; a carry goes on into the exponent");
    let mut up = |f: FloatFormat| {
        if !formats.list().contains(&f) {
            return lit(0, 1);
        }
        let up = increment(&mut m, &x, f);
        match (&format, f) {
            (None, _) => up,
            (Some(bf16), FloatFormat::Fp16) => all([&up, &!bf16]),
            (Some(bf16), FloatFormat::Bf16) => all([&up, bf16]),
        }
    };
    let (fp16, bf16) = (up(FloatFormat::Fp16), up(FloatFormat::Bf16));
    let bf16 = match formats {
        Formats::Fp16 => bf16,
        _ => {
            m.comment(
                "A subnormal must not be rounded up to a number of bf16; fp16 is far from there.",
            );
            let nonzero = m.wire("nonzero", x.bits(30, 23).reduce_or());
            all([&bf16, &nonzero])
        }
    };
    let up = cat([&bf16, &lit(0, 2), &fp16]);
    let sum = &x.bits(30, 13).extend(19) + &up.extend(19);
    let [rounded, sign] = p.stage(&mut m, [("rounded_1", &sum), ("sign_1", &x.bit(31))]);
    let format = format.map(|f| p.delay(&mut m, "format", &f, 1));

    m.section("Stage 2: exponent of the format, or one of its ends");
    let packed: Vec<Expr> = formats
        .list()
        .iter()
        .map(|&f| pack(&mut m, &rounded, &sign, f))
        .collect();
    if formats == Formats::Bf16 {
        m.unused(rounded.bits(2, 0));
    }
    let result = match &format {
        Some(format) => mux(format, &packed[1], &packed[0]),
        None => any(&packed),
    };
    let [y_2] = p.stage(&mut m, [("y_2", &result)]);
    m.assign(&y, &y_2);
    m.finish()
}
