//! `pe_accumulate`: sums of beats to the sum of a vector. The function is [`super::golden::Accumulator::plus`].

use std::sync::Arc;

use super::{BEAT_EXPONENT_BITS, SCALE_BITS, SUM_BITS};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, all, any, bits_for, lit, mux, sint, uint};

/// Enabled cycles from a beat to a sum that includes it.
pub const ACCUMULATE_LATENCY: u32 = 3;

/// Bits of a beat's sum, placed at its scale: `P * 2^(r - 20)`, r up to 15.
const PLACED_BITS: u32 = SUM_BITS - 20 + 15;

/// Steps that stand for more than there are bits: the moved value is 0.
const GONE: u64 = 3;

/// Parameters of [`accumulate`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccumulateParams {
    /// Most beats of a vector.
    pub max_beats: u32,
}

impl AccumulateParams {
    pub fn name(&self) -> String {
        format!("pe_accumulate_n{}", self.max_beats)
    }

    /// Bits of the signed sum of a vector.
    pub const fn sum_bits(&self) -> u32 {
        PLACED_BITS + bits_for(self.max_beats as u64 - 1)
    }
}

/// `a - b` of two scales, at most [`GONE`] steps; only its callers' conditions make it meaningful where it is negative.
#[track_caller]
fn steps(m: &mut ModuleBuilder, name: &str, a: &Expr, b: &Expr) -> Expr {
    let apart = m.wire(name, &a.unsigned() - &b.unsigned());
    let far = any([
        &apart.bits(SCALE_BITS - 1, 2).reduce_or(),
        &apart.bits(1, 0).reduce_and(),
    ]);
    mux(far, lit(GONE, 2), apart.bits(1, 0))
}

/// `value` moved down by `steps` times 16 bits, or nothing.
#[track_caller]
fn down(m: &mut ModuleBuilder, name: &str, value: &Expr, steps: &Expr) -> Expr {
    let width = value.width();
    let by = |n: u32| value.bits(width - 1, n).signed();
    let one = m.wire(&format!("{name}_by16"), by(16)).extend(width);
    let two = m.wire(&format!("{name}_by32"), by(32)).extend(width);
    let none = lit(0, width).signed();
    m.case(
        &format!("{name}_moved"),
        steps,
        [(0, value.clone()), (1, one), (2, two)],
        none,
    )
}

/// Ports: `clk`, `en`, `valid`, `first`, `zero`, `poison`, `exponent`, `p`, `sum`, `scale`, `sum_poison`.
///
/// # Errors
/// `max_beats` out of range.
pub fn accumulate(p: &AccumulateParams) -> Result<Arc<Module>, RtlError> {
    if !(2..=1 << 20).contains(&p.max_beats) {
        return Err(RtlError {
            module: p.name(),
            faults: vec![format!("max_beats = {} is not in 2..=1048576", p.max_beats)],
        });
    }
    let mut m = Module::new(p.name()).doc(format!(
        "Sums up to {} beats of a vector in fixed point: sum * 2^(16 scale - 21), where scale is the largest of\n\
         exponent / 16 among its beats that are not zero; what is placed lower or must move down loses bits by floor,\n\
         and is 0 from three steps on. A beat a cycle, none where valid is low. Latency {ACCUMULATE_LATENCY} enabled cycles.",
        p.max_beats,
    ));
    let pipe = Pipeline::ports(&mut m);
    let valid = m.input("valid", uint(1), "a beat");
    let first = m.input("first", uint(1), "the vector's first");
    let zero = m.input("zero", uint(1), "it counts nothing: a block is zero");
    let poison = m.input("poison", uint(1), "the vector is not a number");
    let exponent = m.input("exponent", sint(BEAT_EXPONENT_BITS), "of the beat");
    let beat = m.input("p", sint(SUM_BITS), "value p * 2^(exponent - 41)");
    let sum = m.output(
        "sum",
        sint(p.sum_bits()),
        "with the beat of 3 enabled cycles ago",
    );
    let scale = m.output("scale", sint(SCALE_BITS), "value sum * 2^(16 scale - 21)");
    let sum_poison = m.output("sum_poison", uint(1), "the vector is not a number so far");

    m.section("Stage 1: place within the scale; scale of the vector so far");
    m.comment("P * 2^(r - 20) = P * 2^-5 * 2^(r - 15), and 15 - r = ~r.");
    let room = m.wire("room", beat.bits(SUM_BITS - 1, 5).signed());
    m.unused(beat.bits(4, 0));
    let places = m.wire("places", !exponent.bits(3, 0));
    let own = m.wire("own", exponent.bits(BEAT_EXPONENT_BITS - 1, 4).signed());
    let run = m.reg("run", sint(SCALE_BITS));
    let some = m.reg("some", uint(1));
    let fresh = m.wire("fresh", any([&first, &!&some]));
    let counts = m.wire("counts", all([&valid, &!&zero]));
    let higher = m.wire("higher", own.gt(&run));
    let takes = m.wire(
        "takes",
        all([&valid, &any([&fresh, &all([&higher, &!&zero])])]),
    );
    m.comment("Of sum and beat at most one moves down; a first beat clears the sum.");
    let sum_steps = steps(&mut m, "rise", &own, &run);
    let beat_steps = steps(&mut m, "fall", &run, &own);
    let clear = m.wire("clear", all([&valid, &first]));
    let rises = m.wire("rises", all([&counts, &higher]));
    let sum_code = mux(&clear, lit(GONE, 2), mux(&rises, sum_steps, lit(0, 2)));
    let beat_code = mux(&counts, mux(&takes, lit(0, 2), beat_steps), lit(GONE, 2));
    let so_far = m.reg("poison_1", uint(1));
    m.clocked(&pipe.clk, |b| {
        b.when(all([&pipe.en, &valid]), |b| {
            b.set(&some, any([&!&zero, &all([&some, &!&first])]));
            b.set(&so_far, any([&poison, &all([&so_far, &!&first])]));
        });
        b.when(all([&pipe.en, &takes]), |b| {
            b.set(&run, &own);
        });
    });
    let [placed, sum_code, beat_code] = pipe.stage(
        &mut m,
        [
            ("placed_1", &room.shr(&places)),
            ("sum_steps_1", &sum_code),
            ("beat_steps_1", &beat_code),
        ],
    );

    m.section("Stage 2: beat to the scale of the vector");
    let moved = down(&mut m, "beat", &placed, &beat_code);
    let [moved, sum_code, scale_2, poison_2] = pipe.stage(
        &mut m,
        [
            ("moved_2", &moved),
            ("sum_steps_2", &sum_code),
            ("scale_2", &run),
            ("poison_2", &so_far),
        ],
    );

    m.section("Stage 3: sum");
    let total = m.reg("total", sint(p.sum_bits()));
    let before = down(&mut m, "total", &total, &sum_code);
    let [scale_3, poison_3] = pipe.stage(&mut m, [("scale_3", &scale_2), ("poison_3", &poison_2)]);
    m.clocked(&pipe.clk, |b| {
        b.when(&pipe.en, |b| {
            b.set(&total, &before + &moved.extend(p.sum_bits()));
        });
    });
    m.assign(&sum, &total);
    m.assign(&scale, &scale_3);
    m.assign(&sum_poison, &poison_3);
    m.finish()
}
