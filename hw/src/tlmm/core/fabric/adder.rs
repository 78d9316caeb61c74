//! Sums of three operands in one carry chain of UltraScale+ (UG574).
//!
//! A column is one LUT6_2 and one bit of a CARRY8: O5 is the majority of its three bits, which counts in the next column; O6
//! is their sum bit plus the majority from below, the chain's propagate; that majority is its generate as well. So two
//! operands are added with n look-up tables, half of what two chains take.

use std::sync::Arc;

use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, lit, uint, zero};

/// Columns of a CARRY8.
const CARRY: u32 = 8;

/// A majority of inputs 0, 1, 2 (input 2 only if input 4, where gated), and the sum bit of those and input 3.
fn column(gated: bool) -> (u32, u32) {
    let (mut majority, mut sum) = (0, 0);
    for i in 0..32u32 {
        let bit = |k: u32| i >> k & 1;
        let third = if gated { bit(2) & bit(4) } else { bit(2) };
        let count = bit(0) + bit(1) + third;
        majority |= (count >> 1) << i;
        sum |= ((count + bit(3)) & 1) << i;
    }
    (majority, sum)
}

/// Up to eight columns. Ports: operands `a`, `b`, `c`, where gated `keep`; `majority_in`, `carry_in` from the columns below;
/// `sum`, `majority_out`, `carry_out`.
fn columns(n: u32, gated: bool) -> Result<Arc<Module>, RtlError> {
    let name = if gated { "gated_" } else { "" };
    let mut m = Module::new(format!("tlmm_{name}columns{n}")).doc(format!(
        "a + b + c{}, {n} columns of it: one look-up table and one bit of the carry chain each.",
        if gated { " (c only while `keep`)" } else { "" }
    ));
    let [a, b, c] = ["a", "b", "c"].map(|port| m.input(port, uint(n), ""));
    let keep = gated.then(|| m.input("keep", uint(1), "add c"));
    let majority_in = m.input("majority_in", uint(1), "of the column below");
    let carry_in = m.input("carry_in", uint(1), "");
    let sum = m.output("sum", uint(n), "");
    let majority_out = m.output("majority_out", uint(1), "of the last column");
    let carry_out = m.output("carry_out", uint(1), "");
    let (low, high) = column(gated);
    let mut majority = majority_in;
    let mut propagate: [Expr; CARRY as usize] = std::array::from_fn(|_| zero());
    let mut generate = propagate.clone();
    for i in 0..n {
        let fifth = keep.clone().unwrap_or_else(zero);
        let inputs = [a.bit(i), b.bit(i), c.bit(i), majority.clone(), fifth];
        let u = m.lut6_2(&format!("u_column{i}"), &inputs, low, high);
        propagate[i as usize] = u.get("O6");
        generate[i as usize] = majority;
        majority = u.get("O5");
    }
    let u = m.carry8("u_carry", &carry_in, &propagate, &generate);
    let (o, co) = (u.get("O"), u.get("CO"));
    m.assign(&sum, o.bits(n - 1, 0));
    m.assign(&carry_out, co.bit(n - 1));
    m.assign(&majority_out, majority);
    if n < CARRY {
        m.unused(o.bits(CARRY - 1, n));
        m.unused(co.bits(CARRY - 1, n));
    }
    if n > 1 {
        m.unused(co.bits(n - 2, 0));
    }
    m.finish()
}

/// Sum of three operands of one width n: its columns, and what counts above them.
pub(super) struct Open {
    pub sum: Expr,
    /// Both of weight 2^n.
    pub majority: Expr,
    pub carry: Expr,
}

/// Adds three operands of one width; with `keep` the third one counts only while that is high.
pub(super) fn add3_open(
    m: &mut ModuleBuilder,
    name: &str,
    clk: &Clock,
    operands: &[Expr; 3],
    keep: Option<&Expr>,
) -> Result<Open, RtlError> {
    let n = operands[0].width();
    let operands: [Expr; 3] =
        std::array::from_fn(|k| m.wire(&format!("{name}_operand{k}"), &operands[k]));
    let (mut majority, mut carry) = (zero(), zero());
    let mut parts = Vec::new();
    for first in (0..n).step_by(CARRY as usize) {
        let count = CARRY.min(n - first);
        let part = operands
            .each_ref()
            .map(|x| x.bits(first + count - 1, first));
        let mut inputs = vec![
            ("a", &part[0]),
            ("b", &part[1]),
            ("c", &part[2]),
            ("majority_in", &majority),
            ("carry_in", &carry),
        ];
        inputs.extend(keep.map(|k| ("keep", k)));
        let module = columns(count, keep.is_some())?;
        let u = m.instance(&format!("{name}_{first}"), &module, clk, &inputs);
        parts.push(u.get("sum"));
        majority = u.get("majority_out");
        carry = u.get("carry_out");
    }
    let sum = cat(parts.iter().rev());
    Ok(Open {
        sum,
        majority,
        carry,
    })
}

/// The low `width` bits of [`add3_open`]: at most n + 1, where no majority is left and the last bit is the carry.
pub(super) fn add3(
    m: &mut ModuleBuilder,
    name: &str,
    clk: &Clock,
    operands: &[Expr; 3],
    keep: Option<&Expr>,
    width: u32,
) -> Result<Expr, RtlError> {
    let open = add3_open(m, name, clk, operands, keep)?;
    m.unused(&open.majority);
    if width > operands[0].width() {
        return Ok(cat([&open.carry, &open.sum]));
    }
    m.unused(&open.carry);
    Ok(open.sum)
}

/// `value` with bits above it: zeros, or ones where `ones` has them; `n` bits in all.
pub(super) fn padded(value: Option<&Expr>, ones: u64, n: u32) -> Expr {
    let low = value.map_or(0, Expr::width).min(n);
    let mut parts = Vec::new();
    if low < n {
        parts.push(lit(ones >> low & ((1 << (n - low)) - 1), n - low));
    }
    if let Some(value) = value {
        parts.push(value.bits(low - 1, 0));
    }
    cat(&parts)
}
