//! What makes beats into skewed lanes, once for all chains that take the same ones.

use std::sync::Arc;

use super::{B_BITS, ChainParams};
use crate::glue::delay_line;
use crate::rtl::{Expr, Module, RtlError, cat, uint};

/// Ports: `clk`; `b`, `bias` and when split `halves` of a beat; `b_skewed`, `bias_skewed` and when split `bias_upper` and
/// `whole` for chains of these parameters, whatever their technology.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_skew(p: &ChainParams) -> Result<Arc<Module>, RtlError> {
    p.check("pe_skew")?;
    let n = p.lanes;
    let kind = if p.split { "_split" } else { "" };
    let mut m = Module::new(format!("pe_skew{n}{kind}")).doc(
        "Lanes and controls of a beat, each when chains take it.\n\
         Delays of three cycles and more are shift registers in look-up tables where there are such.",
    );
    let clk = m.clock("clk");
    let b = m.input("b", uint(B_BITS * n), "lanes of a beat");
    let bias = m.input("bias", uint(1), "add 262144 to each sum");
    let halves = p
        .split
        .then(|| m.input("halves", uint(1), "the two halves are summed apart"));
    let b_out = m.output("b_skewed", uint(B_BITS * n), "");
    let bias_out = m.output("bias_skewed", uint(1), "for the first lane");

    m.comment("Register k holds the lanes that are taken k cycles or more behind the beat.");
    let mut skewed: Vec<Expr> = (0..n).map(|lane| b.element(lane, B_BITS)).collect();
    for k in 1..=p.skew(n - 1) {
        let late: Vec<usize> = (0..n)
            .filter(|&lane| p.skew(lane) >= k)
            .map(|lane| lane as usize)
            .collect();
        let word = cat(late.iter().rev().map(|&lane| &skewed[lane]));
        let word = m.delay(&format!("late_{k}"), &clk, None, word);
        for (i, &lane) in (0..).zip(&late) {
            skewed[lane] = word.element(i, B_BITS);
        }
    }
    m.assign(&b_out, cat(skewed.iter().rev()));

    m.section("Controls");
    let (first, last) = (p.control_skew(0), p.control_skew(n - 1));
    let bias = delay_line(&mut m, &clk, "bias_q", &bias, first);
    m.assign(&bias_out, &bias);
    if let Some(halves) = halves {
        let bias_upper = m.output("bias_upper", uint(1), "for the upper half's first lane");
        let whole = m.output("whole", uint(1), "for the last lane");
        let more = p.control_skew(p.lower_lanes()) - first;
        let apart = delay_line(&mut m, &clk, "halves_q", &halves, first);
        let both = delay_line(&mut m, &clk, "both_q", &(&bias & &apart), more);
        m.assign(&bias_upper, both);
        let apart = delay_line(&mut m, &clk, "apart_q", &apart, last - first);
        m.assign(&whole, !apart);
    }
    m.finish()
}
