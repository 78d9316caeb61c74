//! `pe_align`: a block of 16-bit floats as integers and one exponent. The function is [`super::golden::align`].

use std::sync::Arc;

use super::lane::{LANE_LATENCY, lane, lift, place_bits};
use super::{EXPONENT_BITS, Formats};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, sint, uint};

/// Parameters of [`align`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlignParams {
    /// Lanes n of a block.
    pub lanes: u32,
    /// Magnitude bits F of an integer: [`super::HELD_BITS`], [`super::STREAM_BITS`] or what another multiplier takes.
    pub magnitude_bits: u32,
    pub formats: Formats,
}

impl AlignParams {
    pub fn name(&self) -> String {
        let (n, f) = (self.lanes, self.magnitude_bits);
        format!("pe_align_n{n}_f{f}_{}", self.formats.word())
    }

    /// Enabled cycles from a block to its integers: a stage for each factor of four of the lanes, and those of a lane.
    pub const fn latency(&self) -> u32 {
        self.search_stages() + LANE_LATENCY
    }

    /// Stages that find the largest exponent.
    pub(in crate::pe) const fn search_stages(&self) -> u32 {
        let (mut stages, mut left) = (0, self.lanes);
        while left > 1 {
            left = left.div_ceil(4);
            stages += 1;
        }
        stages
    }

    /// Rules of the parameters, those that are broken in words.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(2..=64).contains(&self.lanes) {
            faults.push(format!("n = {} is not in 2..=64", self.lanes));
        }
        // A shift of 31 places has to clear the integer and the bit below it, three places higher with both formats, where
        // one of 16 must leave something to choose.
        if !(13..=27).contains(&self.magnitude_bits) {
            faults.push(format!("F = {} is not in 13..=27", self.magnitude_bits));
        }
        faults
    }
}

/// The largest of up to four values. All pairs are compared at once: for four values that is hardly larger than a tree and
/// two thirds as deep.
#[track_caller]
fn largest(m: &mut ModuleBuilder, name: &str, values: &[Expr]) -> Expr {
    let mut ge = |a: usize, b: usize| m.wire(&format!("{name}_{a}ge{b}"), values[a].ge(&values[b]));
    match values {
        [one] => one.clone(),
        [x, y] => mux(ge(0, 1), x, y),
        [x, y, z] => {
            let (a, b, c) = (ge(0, 1), ge(0, 2), ge(1, 2));
            mux(all([&a, &b]), x, mux(c, y, z))
        }
        [x, y, z, w] => {
            let (low, x_top) = (ge(0, 1), all([&ge(0, 2), &ge(0, 3)]));
            let (y_top, high) = (all([&ge(1, 2), &ge(1, 3)]), ge(2, 3));
            let lower = m.wire(&format!("{name}_lower"), mux(&low, x_top, y_top));
            mux(lower, mux(&low, x, y), mux(&high, z, w))
        }
        _ => lit(0, values[0].width()),
    }
}

/// `pe_align_top`: the largest exponent field of n lanes; of both formats the eight bits below the sign, whose upper five are
/// the field of fp16. Ports: `clk`, `en`, `x`, `top`.
pub(in crate::pe) fn search(p: &AlignParams) -> Result<Arc<Module>, RtlError> {
    let bits = match p.formats {
        Formats::Fp16 => 5,
        Formats::Bf16 | Formats::Both => 8,
    };
    let mut m = Module::new(format!("pe_align_top_n{}_w{bits}", p.lanes)).doc(format!(
        "The largest of the {bits} bits below the sign among {} lanes of 16 bits.\n\
         Latency {} enabled cycles, one block a cycle.",
        p.lanes,
        p.search_stages(),
    ));
    let pipe = Pipeline::ports(&mut m);
    let x = m.input("x", uint(16 * p.lanes), "lanes");
    let top = m.output("top", uint(bits), "largest exponent");
    let field = |k| x.bits(16 * k + 14, 16 * k + 15 - bits);
    let mut left: Vec<Expr> = (0..p.lanes)
        .map(|k| m.wire(&format!("x{k}"), field(k)))
        .collect();
    for k in 0..p.lanes {
        m.unused(x.bit(16 * k + 15));
        m.unused(x.bits(16 * k + 14 - bits, 16 * k));
    }
    for stage in 1..=p.search_stages() {
        m.section(&format!("Stage {stage}: the largest of each four"));
        let groups = left.chunks(4).enumerate().map(|(k, values)| {
            let name = format!("top{k}_{stage}");
            let value = largest(&mut m, &name, values);
            m.delay(&name, &pipe.clk, Some(&pipe.en), value)
        });
        left = groups.collect();
    }
    m.assign(&top, &left[0]);
    m.finish()
}

/// Shift of a lane with exponent field 0 in a block whose largest field is `top`.
#[track_caller]
pub(in crate::pe) fn place(
    m: &mut ModuleBuilder,
    p: &AlignParams,
    top: &Expr,
    bf16: Option<&Expr>,
) -> Expr {
    let bits = place_bits(p.formats);
    match bf16 {
        Some(bf16) => {
            m.comment("Three places more in fp16: its leading one enters the shifter three bits above that of bf16.");
            let lifted = top.bits(7, 3).extend(6).plus(lift(p.formats).into());
            let fp16 = cat([&lifted, &lit(0, 3)]);
            m.wire("place", mux(bf16, top.extend(bits), fp16))
        }
        None => top.clone(),
    }
}

/// Signed block exponent of the largest field `top`, and whether that is the field of zero or of infinity.
#[track_caller]
pub(in crate::pe) fn exponent(
    m: &mut ModuleBuilder,
    p: &AlignParams,
    top: &Expr,
    bf16: Option<&Expr>,
) -> (Expr, Expr, Expr) {
    // field - 15, and field - 127 modulo 256.
    let fp16 = |field: Expr| field.extend(EXPONENT_BITS).minus(15);
    let wide = || top.plus(129);
    match (p.formats, bf16) {
        (_, Some(bf16)) => {
            let low = m.wire("top_low", top.bits(2, 0));
            let five = m.wire("top_high", top.bits(7, 3));
            let value = mux(bf16, wide(), fp16(five.clone()));
            let zero = all([&!five.reduce_or(), &!(low.reduce_or() & bf16)]);
            let poison = all([&five.reduce_and(), &any([&low.reduce_and(), &!bf16])]);
            (value, zero, poison)
        }
        (Formats::Fp16, None) => (fp16(top.clone()), !top.reduce_or(), top.reduce_and()),
        (_, None) => (wide(), !top.reduce_or(), top.reduce_and()),
    }
}

/// Ports: `clk`, `en`, `x` (lane k at bit 16 k), `format` (0 for fp16, 1 for bf16; only for both), `y` (integer k at bit
/// k (F + 1)), `exponent`, `zero`, `poison`.
///
/// # Errors
/// Parameters out of range.
pub fn align(p: &AlignParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = p.name();
        return Err(RtlError { module, faults });
    }
    let (n, width) = (p.lanes, p.magnitude_bits + 1);
    let mut m = Module::new(p.name()).doc(format!(
        "A block of {n} lanes as signed integers of {width} bits and one exponent, the largest of its lanes: lane =\n\
         y * 2^(exponent - {}), rounded half away from zero. Subnormals are zero. Latency {} enabled cycles.",
        p.magnitude_bits - 1,
        p.latency(),
    ));
    let pipe = Pipeline::ports(&mut m);
    let x = m.input("x", uint(16 * n), "lanes");
    let format = match p.formats {
        Formats::Both => Some(m.input("format", uint(1), "of this block: 0 fp16, 1 bf16")),
        _ => None,
    };
    let y = m.output("y", uint(width * n), "integers");
    let exponent_out = m.output("exponent", sint(EXPONENT_BITS), "block exponent");
    let zero_out = m.output("zero", uint(1), "all lanes are zero");
    let poison_out = m.output("poison", uint(1), "a lane is infinite or not a number");

    m.section("Largest exponent");
    let stages = p.search_stages();
    let found = m.instance(
        "u_top",
        &search(p)?,
        &pipe.clk,
        &[("en", &pipe.en), ("x", &x)],
    );
    let top = found.get("top");
    // Shift registers would take more of the look-up tables than this saves of the flip-flops.
    let x = (1..=stages).fold(x, |x, k| {
        let late = m.delay(&format!("x_{k}"), &pipe.clk, Some(&pipe.en), x);
        m.flip_flop(&late);
        late
    });
    let format = format.map(|f| pipe.delay(&mut m, "format", &f, stages));

    m.section("Lanes");
    let place = place(&mut m, p, &top, format.as_ref());
    let lane = lane(p)?;
    let integers: Vec<Expr> = (0..n)
        .map(|k| {
            let x = x.element(k, 16);
            let mut inputs = vec![("en", &pipe.en), ("x", &x), ("place", &place)];
            inputs.extend(format.as_ref().map(|f| ("format", f)));
            m.instance(&format!("u_lane{k}"), &lane, &pipe.clk, &inputs)
                .get("y")
        })
        .collect();
    m.assign(&y, cat(integers.iter().rev()));

    m.section("Exponent");
    let (value, zero, poison) = exponent(&mut m, p, &top, format.as_ref());
    let word = m.wire("found", cat([&poison, &zero, &value]));
    let word = pipe.delay(&mut m, "found", &word, LANE_LATENCY);
    m.assign(&exponent_out, word.bits(EXPONENT_BITS - 1, 0).signed());
    m.assign(&zero_out, word.bit(EXPONENT_BITS));
    m.assign(&poison_out, word.bit(EXPONENT_BITS + 1));
    m.finish()
}
