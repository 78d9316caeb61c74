//! A chain: lanes, and where the halves meet.

use std::sync::Arc;

use super::product::{Join, Place, product, suffix};
use super::{A_BITS, B_BITS, BIAS, ChainParams, SUM_BITS};
use crate::glue::delays;
use crate::rtl::{Expr, Module, RtlError, uint};

/// Cycles that the lower half's sum leaves before that of all lanes.
const JOIN_CYCLES: u32 = 2;

/// Ports: `clk`; `a`, `b`, lane k at bits 27 k and 18 k, `skew(k)` cycles behind the beat; `bias`, and when split
/// `bias_upper` and `whole`, as [`super::pe_skew`] gives them; `sum`, and when split `half`.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_chain(p: &ChainParams) -> Result<Arc<Module>, RtlError> {
    pe_chain_biased(p, BIAS.cast_unsigned())
}

/// As [`pe_chain`] with another bias, a constant of 48 bits: for other operands that share an A.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_chain_biased(p: &ChainParams, bias_value: u64) -> Result<Arc<Module>, RtlError> {
    p.check("pe_chain")?;
    let (n, lower) = (p.lanes, p.lower_lanes());
    let kind = if p.split { "_split" } else { "" };
    let bias_name = match suffix(bias_value) {
        same if same.is_empty() => same,
        other => format!("_bias{other}"),
    };
    let mut m = Module::new(format!("pe_chain{n}{kind}{bias_name}")).doc(format!(
        "Sum of {n} products, {} cycles behind the beat; one beat a cycle. Lanes and controls come skewed.{}",
        p.latency(),
        if p.split {
            format!("\nWith `whole` low the sum is of lanes {lower} and up alone; `half` is of those below.")
        } else {
            String::new()
        }
    ));
    let clk = m.clock("clk");
    let a = m.input("a", uint(A_BITS * n), "two's complement");
    let b = m.input("b", uint(B_BITS * n), "two's complement");
    let bias = m.input(
        "bias",
        uint(1),
        &format!("add {bias_value} to the sum, and to `half`"),
    );
    let upper = p.split.then(|| {
        let bias = m.input(
            "bias_upper",
            uint(1),
            &format!("add {bias_value} to the upper half's sum"),
        );
        (bias, m.input("whole", uint(1), "add the lower half's sum"))
    });
    let sum = m.output("sum", uint(SUM_BITS), "");
    let half = p.split.then(|| m.output("half", uint(SUM_BITS), ""));

    let mut below: Option<Expr> = None;
    let mut lower_sum: Option<Expr> = None;
    for lane in 0..n {
        let first_of_all = lane == 0;
        let start = first_of_all || lane == lower;
        let (lower_end, last) = (lane + 1 == lower, lane + 1 == n);
        let place = Place {
            registers: p.registers(lane),
            start,
            end: lower_end || last,
            bias: (first_of_all || (start && p.split)).then_some(bias_value),
            join: match (last && lower > 0, p.split) {
                (false, _) => Join::Never,
                (true, false) => Join::Always,
                (true, true) => Join::Chosen,
            },
        };
        let (a, b) = (a.element(lane, A_BITS), b.element(lane, B_BITS));
        let mut inputs = vec![("a", &a), ("b", &b)];
        if let (false, Some(below)) = (start, &below) {
            inputs.push(("pcin", below));
        }
        if place.bias.is_some() {
            let own = upper.as_ref().filter(|_| !first_of_all);
            inputs.push(("bias", own.map_or(&bias, |(bias, _)| bias)));
        }
        if let (true, Some(c)) = (last, &lower_sum) {
            inputs.push(("c", c));
        }
        if let (Join::Chosen, Some((_, join))) = (place.join, &upper) {
            inputs.push(("whole", join));
        }
        let module = product(p.technology, place)?;
        let u = m.instance(&format!("u_lane{lane}"), &module, &clk, &inputs);
        if lower_end {
            lower_sum = Some(u.get("sum"));
        }
        below = Some(u.get("sum"));
    }
    if let Some(total) = below {
        m.assign(&sum, total);
    }
    if let (Some(half), Some(early)) = (half, lower_sum) {
        m.comment("The lower half's sum waits for the other one.");
        let late = delays(&mut m, &clk, "half", &early, JOIN_CYCLES);
        m.assign(&half, &late[JOIN_CYCLES as usize]);
    }
    m.finish()
}
