//! Sums of floats over the beats of a vector, and their results.

use std::sync::Arc;

use super::chains::Sums;
use super::{Load, PeParams, Tag, Tags};
use crate::pe::float::{
    AccumulateParams, BEAT_EXPONENT_BITS, EXPONENT_BITS, SUM_BITS, accumulate, normalise,
};
use crate::rtl::{
    Clock, Expr, Module, ModuleBuilder, RtlError, all, cat, lit, mux, one, repeat, sint, uint,
};

impl PeParams {
    /// The accumulator of a row: of the vector that is longest in beats.
    fn accumulate(&self) -> AccumulateParams {
        let max_beats = self.held_beats().max(2);
        AccumulateParams { max_beats }
    }
}

/// fp32 results, for those rows that have sums of floats.
pub(super) fn results(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    load: &Load,
    sums: &Sums,
    tags: &Tags,
) -> Result<Vec<Option<Expr>>, RtlError> {
    let half = Tag::Half.of(&tags.before);
    let first = Tag::First.of(&tags.sum);
    let valid = all([&tags.sum_valid, &Tag::Float.of(&tags.sum)]);
    let valid = m.wire("float_beat", valid);
    let found = sums.found.clone();
    let found = found.unwrap_or_else(|| lit(0, EXPONENT_BITS + 2));
    let ld_half = load.get("addr").bit(p.held_addr_bits() - 1);
    let top = load.get("top");
    let module = row(p)?;
    let mut results = Vec::new();
    for (r, sum) in sums.floats.iter().enumerate() {
        let Some(sum) = sum else {
            results.push(None);
            continue;
        };
        let here = load.get("top_we") & load.get("top_sum").is(r as u64);
        let here = m.wire(&format!("top_here{r}"), here);
        let inputs = [
            ("top_we", &here),
            ("top_half", &ld_half),
            ("top", &top),
            ("half", &half),
            ("found", &found),
            ("valid", &valid),
            ("first", &first),
            ("p", sum),
        ];
        let u = m.instance(&format!("u_float{r}"), &module, clk, &inputs);
        results.push(Some(u.get("y")));
    }
    Ok(results)
}

/// Ports: `clk`; an exponent: `top_we`, `top_half`, `top`; a cycle before a beat's sum `half`, `found`; with it `valid`,
/// `first`, `p`; `y`.
fn row(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("pe_float").doc(
        "Sum of floats of one row: exponents of its vectors, one for each half of the memories, then the sum over beats and\n\
         its fp32 result.",
    );
    let clk = m.clock("clk");
    let top_we = m.input("top_we", uint(1), "write an exponent");
    let top_half = m.input("top_half", uint(1), "of this half");
    let top = m.input(
        "top",
        uint(EXPONENT_BITS + 1),
        "zero, exponent of the vector",
    );
    let half = m.input("half", uint(1), "half of the beat after this cycle's");
    let found = m.input(
        "found",
        uint(EXPONENT_BITS + 2),
        "its poison, zero, exponent",
    );
    let valid = m.input("valid", uint(1), "a beat of floats");
    let first = m.input("first", uint(1), "the vector's first");
    let sum = m.input("p", sint(SUM_BITS), "its sum of products");
    let y = m.output("y", uint(32), "fp32");

    m.section("Exponents");
    let tops = [("even", !&top_half), ("odd", top_half.clone())].map(|(name, here)| {
        let reg = m.reg(name, uint(EXPONENT_BITS + 1));
        m.clocked(&clk, |b| {
            b.when(all([&top_we, &here]), |b| {
                b.set(&reg, &top);
            });
        });
        reg
    });
    let own = m.wire("own", mux(&half, &tops[1], &tops[0]));
    let sign = |x: &Expr| repeat(BEAT_EXPONENT_BITS - EXPONENT_BITS, x.bit(EXPONENT_BITS - 1));
    let wide = |x: &Expr| cat([&sign(x), &x.bits(EXPONENT_BITS - 1, 0)]).signed();
    let exponent = m.delay("exponent", &clk, None, wide(&own) + wide(&found));
    let zero = own.bit(EXPONENT_BITS) | found.bit(EXPONENT_BITS);
    let zero = m.delay("zero", &clk, None, zero);
    let poison = m.delay("poison", &clk, None, found.bit(EXPONENT_BITS + 1));

    m.section("Sum, result");
    let one = one();
    let u = m.instance(
        "u_accumulate",
        &accumulate(&p.accumulate())?,
        &clk,
        &[
            ("en", &one),
            ("valid", &valid),
            ("first", &first),
            ("zero", &zero),
            ("poison", &poison),
            ("exponent", &exponent),
            ("p", &sum),
        ],
    );
    let u = m.instance(
        "u_normalise",
        &normalise(p.accumulate().sum_bits())?,
        &clk,
        &[
            ("en", &one),
            ("sum", &u.get("sum")),
            ("scale", &u.get("scale")),
            ("poison", &u.get("sum_poison")),
        ],
    );
    m.assign(&y, u.get("y"));
    m.finish()
}
