//! One row of one vector: from its entries to its sum over the K tiles.

use std::sync::Arc;

use super::super::lookup::ENTRY_BITS;
use super::super::{CoreParams, flip_flops};
use super::adder::{add3, add3_open, padded};
use super::tree::{Node, Plan};
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, uint};

/// Sum of `node`'s entries. Ports: `clk`, `terms` (entries), `sum`, as many cycles later as the node is deep.
fn sum(node: &Node) -> Result<Arc<Module>, RtlError> {
    if node.is_nine() {
        return nine(node.width());
    }
    let plus = match node.constants() {
        0 => String::new(),
        c => format!("_plus{c}"),
    };
    let mut m = Module::new(format!("tlmm_sum{}{plus}", node.entries)).doc(format!(
        "Sum of {} entries{}, {} cycles later.",
        node.entries,
        match node.constants() {
            0 => String::new(),
            c => format!(" and {c}"),
        },
        node.depth
    ));
    let clk = m.clock("clk");
    let terms = m.input("terms", uint(ENTRY_BITS * node.entries), "entries");
    let out = m.output("sum", uint(node.width()), "");
    let numbers = numbers(&mut m, &clk, &node.children, &terms, node.depth - 1)?;
    let n = node.columns();
    let mut free = node.constant;
    let operands = std::array::from_fn(|k| {
        let value = numbers.get(k);
        let below = value.map_or(0, |v| (1 << v.width()) - 1);
        // Each constant goes to the first operand that is narrow enough.
        let ones = free & !below;
        free &= below;
        padded(value, ones, n)
    });
    let total = add3(&mut m, "u_sum", &clk, &operands, None, node.width())?;
    let sum = m.delay("sum_q", &clk, None, total);
    m.assign(&out, sum);
    m.finish()
}

/// [`sum`] of nine entries.
fn nine(width: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_sum9").doc(
        "Sum of 9 entries, 2 cycles later. The sums of three and of three leave majority and carry of weight 1024;\n\
         three of those four bits fill the last column of the third sum.",
    );
    let clk = m.clock("clk");
    let terms = m.input("terms", uint(ENTRY_BITS * 9), "entries");
    let out = m.output("sum", uint(width), "");
    let three = |k: u32| std::array::from_fn(|i| terms.element(3 * k + i as u32, ENTRY_BITS));
    let first = add3_open(&mut m, "u_first", &clk, &three(0), None)?;
    let second = add3_open(&mut m, "u_second", &clk, &three(1), None)?;
    let [a, b, c] = three(2);
    let third = [
        cat([&first.majority, &a]),
        cat([&first.carry, &b]),
        cat([&second.carry, &c]),
    ];
    let third = add3_open(&mut m, "u_third", &clk, &third, None)?;
    let stage = [
        ("first_q", first.sum),
        ("left_q", second.majority),
        ("second_q", second.sum),
        ("third_q", third.sum),
        ("majority_q", third.majority),
        ("carry_q", third.carry),
    ]
    .map(|(name, value)| (m.reg(name, value.ty()), value));
    m.clocked(&clk, |b| {
        for (reg, value) in &stage {
            b.set(reg, value);
        }
    });
    let [first, left, second, third, majority, carry] = stage.map(|(reg, _)| reg);
    let operands = [
        padded(Some(&cat([&majority, &third])), 0, width),
        padded(Some(&cat([&carry, &left, &first])), 0, width),
        padded(Some(&second), 0, width),
    ];
    let total = add3(&mut m, "u_sum", &clk, &operands, None, width)?;
    let sum = m.delay("sum_q", &clk, None, total);
    m.assign(&out, sum);
    m.finish()
}

/// The numbers of `nodes`, whose entries stand one after the other in `terms`, all `depth` cycles later.
fn numbers(
    m: &mut ModuleBuilder,
    clk: &Clock,
    nodes: &[Arc<Node>],
    terms: &Expr,
    depth: u32,
) -> Result<Vec<Expr>, RtlError> {
    let mut at = 0;
    let mut all = Vec::new();
    for (k, node) in nodes.iter().enumerate() {
        let bits = ENTRY_BITS * node.entries;
        let own = m.wire(&format!("terms{k}"), terms.bits(at + bits - 1, at));
        at += bits;
        let number = if node.depth == 0 {
            own
        } else {
            m.instance(&format!("u_part{k}"), &sum(node)?, clk, &[("terms", &own)])
                .get("sum")
        };
        let name = format!("part{k}");
        all.extend(flip_flops(m, clk, &name, &number, depth - node.depth).pop());
    }
    Ok(all)
}

/// Ports: `clk`, `terms` (T entries), `kept` and `keep` as late as the plan is deep and one cycle more, `sum` one cycle
/// behind those: the entries' sum without the bias, and while `keep` is high `kept`.
pub(super) fn row(p: &CoreParams, plan: &Plan) -> Result<Arc<Module>, RtlError> {
    let a = p.acc_bits();
    let mut m = Module::new("tlmm_row").doc(format!(
        "Sum of {} entries of one row and of the K tiles before, {} cycles later. The entries' bias is\n\
         taken off by ones in the last adder, from bit {} on.",
        p.groups,
        plan.depth() + 2,
        plan.ones_from
    ));
    let clk = m.clock("clk");
    let terms = m.input("terms", uint(ENTRY_BITS * p.groups), "entries");
    let kept = m.input("kept", uint(a), "sum of the K tiles before");
    let keep = m.input("keep", uint(1), "there are such");
    let out = m.output("sum", uint(a), "");
    let terms = m.delay("terms_q", &clk, None, terms);
    let mut two = numbers(&mut m, &clk, &plan.numbers, &terms, plan.depth())?;
    // The ones stand above the narrower number.
    two.sort_by_key(Expr::width);
    let ones = u64::MAX << plan.ones_from;
    for number in two.iter().filter(|n| n.width() > a) {
        m.unused(number.bits(number.width() - 1, a));
    }
    let operands = [padded(two.get(1), 0, a), padded(two.first(), ones, a), kept];
    let total = add3(&mut m, "u_total", &clk, &operands, Some(&keep), a)?;
    let sum = m.delay("sum_q", &clk, None, total);
    m.assign(&out, sum);
    m.finish()
}
