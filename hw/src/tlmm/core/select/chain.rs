//! Rows as chains of adders and a tree over the chains, with operators or ECP5 carry cells.
//!
//! All sums are kept negated: a chain gathers -w a. A negated activation is its complement plus one; the one goes in as
//! the carry of the adder that takes the activation. The first product of a chain has no adder: its one, `plus`,
//! travels beside the sum to the adder that joins two chains, and that of the last pair to the accumulator. So every
//! adder has exactly one bit to carry in, and no sum ever leaves the range of its width.

use std::sync::Arc;

use super::{SelectCore, Technology, carry, levels};
use crate::glue::delays;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, cat, mux, sint, slit, uint};

/// Bits of the sum of `n` products less its `plus`: -128 n ..= 128 n - 1.
pub(super) const fn sum_bits(n: u32) -> u32 {
    8 + levels(n)
}

/// One row for B vectors. Ports: `clk`, `codes` (2 T bits), `acts` (8 T B bits), `sums` (B sums), `plus`.
pub(super) fn row(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let p = &c.params;
    let (t, batch, width) = (p.groups, p.batch, sum_bits(p.groups));
    let mut m = Module::new("tlmm_select_row").doc(format!(
        "Negated sum of {t} products for one row and {batch} vectors, {} cycles behind the codes.\n\
         The activation of a product must change as many cycles after the code as the product's stage.",
        c.row_latency()
    ));
    let clk = m.clock("clk");
    let codes = m.input("codes", uint(2 * t), "weight + 1 of each group");
    let acts = m.input(
        "acts",
        uint(8 * t * batch),
        "int8 activations, vector 0 low",
    );
    let sums = m.output("sums", uint(width * batch), "sums, vector 0 low");
    let plus = m.output("plus", uint(1), "1 that is still to be added to each");

    m.section("Codes, each delayed to the stage of its product");
    let stages = c.stages();
    let mut code: Vec<Expr> = (0..t).map(|g| codes.element(g, 2)).collect();
    for stage in 1..stages {
        let later: Vec<u32> = (0..t).filter(|&g| c.stage_of_group(g) >= stage).collect();
        let word = cat(later.iter().rev().map(|&g| &code[g as usize]));
        let reg = m.delay(&format!("codes_{stage}"), &clk, None, word);
        for (at, &g) in later.iter().enumerate() {
            code[g as usize] = reg.element(at as u32, 2);
        }
    }

    let mut all = Vec::new();
    let mut rest = None;
    for b in 0..batch {
        let mut parts = Vec::new();
        for (i, range) in c.chains().enumerate() {
            m.section(&format!("Vector {b}, chain {i}"));
            let name = format!("v{b}_c{i}");
            let act = |g: u32| acts.element(b * t + g, 8);
            let sum = chain(&mut m, c, &clk, &name, range.clone(), &code, act)?;
            let first = &code[range.start as usize];
            let n = range.len() as u32;
            parts.push((sum, first.clone(), n));
        }
        // The ones are those of the weights alone, so that all vectors share them.
        let mut ones: Vec<Expr> = match rest {
            None => (parts.iter().enumerate())
                .map(|(i, (_, first, _))| {
                    let one = m.wire(&format!("plus{i}"), first.is(2));
                    let late = stages - c.stage(0);
                    delays(&mut m, &clk, &format!("plus{i}"), &one, late)[late as usize].clone()
                })
                .collect(),
            Some(_) => Vec::new(),
        };
        let shared: &mut Vec<Vec<Expr>> = rest.get_or_insert_with(Vec::new);
        let mut sums: Vec<(Expr, u32)> = parts.into_iter().map(|(s, _, n)| (s, n)).collect();
        let mut level = 0;
        while sums.len() > 1 {
            if b == 0 {
                shared.push(ones.clone());
            }
            m.section(&format!("Vector {b}, tree level {}", level + 1));
            let ones_now = shared[level].clone();
            level += 1;
            let mut next = Vec::new();
            for (i, pair) in sums.chunks(2).enumerate() {
                let name = format!("v{b}_l{level}_{i}");
                next.push(match pair {
                    [(x, nx), (y, ny)] => {
                        let n = nx + ny;
                        let adder = add(c.technology, x.width(), y.width(), sum_bits(n))?;
                        let ports = [("x", x), ("y", y), ("one", &ones_now[2 * i])];
                        let sum = m.instance(&format!("u_{name}"), &adder, &clk, &ports);
                        (m.delay(&name, &clk, None, sum.get("sum")), n)
                    }
                    other => (m.delay(&name, &clk, None, &other[0].0), other[0].1),
                });
            }
            sums = next;
            if b == 0 {
                let last = ones.len() - 1;
                ones = (0..sums.len())
                    .map(|i| {
                        let left = &ones[(2 * i + 1).min(last)];
                        m.delay(&format!("plus_l{level}_{i}"), &clk, None, left)
                    })
                    .collect();
            }
        }
        if b == 0 {
            shared.push(ones.clone());
        }
        let made = stages + levels(c.chains().count() as u32);
        let late = c.row_latency() - made;
        let sum = &delays(&mut m, &clk, &format!("v{b}"), &sums[0].0, late)[late as usize];
        all.push(sum.unsigned());
        if b == 0 {
            let one = &delays(&mut m, &clk, "plus_v", &ones[0], late)[late as usize];
            m.assign(&plus, one);
        }
    }
    m.assign(&sums, cat(all.iter().rev()));
    m.finish()
}

/// The registered sum of one chain, `stages` cycles behind the codes.
fn chain(
    m: &mut ModuleBuilder,
    c: &SelectCore,
    clk: &crate::rtl::Clock,
    name: &str,
    groups: std::ops::Range<u32>,
    code: &[Expr],
    act: impl Fn(u32) -> Expr,
) -> Result<Expr, RtlError> {
    let first = &code[groups.start as usize];
    let a = m.wire(&format!("{name}_a"), act(groups.start).signed());
    let mut sum = m.wire(&format!("{name}_s0"), choose(first, &a));
    let mut stage = c.stage(0);
    for (i, g) in (0u32..).zip(groups).skip(1) {
        if c.stage(i) > stage {
            stage = c.stage(i);
            sum = m.delay(&format!("{name}_r{stage}"), clk, None, &sum);
        }
        let adder = select_add(c.technology, sum.width(), sum_bits(i + 1))?;
        let ports = [("x", &sum), ("code", &code[g as usize]), ("act", &act(g))];
        let made = m.instance(&format!("u_{name}_s{i}"), &adder, clk, &ports);
        sum = made.get("sum");
    }
    // Chains that are one product shorter wait for the others.
    let late = c.stages() - stage;
    Ok(delays(m, clk, &format!("{name}_end"), &sum, late)[late as usize].clone())
}

/// -w a less the one of a negation.
fn choose(code: &Expr, act: &Expr) -> Expr {
    mux(code.is(0), act, mux(code.is(2), !act, slit(0, 8)))
}

/// Combinational adder of a chain. Ports: `x`, `code`, `act`, `sum` = x - w act.
fn select_add(tech: Technology, from: u32, to: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("tlmm_select_add_{from}_{to}"))
        .doc("Takes weight times activation from a sum; the caller knows that it fits.");
    let x = m.input("x", sint(from), "");
    let code = m.input("code", uint(2), "weight + 1; 3 reads as 0");
    let act = m.input("act", uint(8), "int8");
    let sum = m.output("sum", sint(to), "");
    if tech == Technology::Ecp5 {
        carry::select_add(&mut m, &x, &code, &act, &sum);
    } else {
        let a = m.wire("a", act.signed());
        let term = m.wire("term", choose(&code, &a));
        let one = m.wire("one", code.is(2));
        let total = x.extend(to) + term.extend(to) + one.extend(to).signed();
        m.assign(&sum, total);
    }
    m.finish()
}

/// Combinational adder of the tree. Ports: `x`, `y`, `one`, `sum`.
fn add(tech: Technology, x_bits: u32, y_bits: u32, to: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("tlmm_add_{x_bits}_{y_bits}_{to}"))
        .doc("Sum with a carry in; the caller knows that it fits.");
    let x = m.input("x", sint(x_bits), "");
    let y = m.input("y", sint(y_bits), "");
    let one = m.input("one", uint(1), "carry in");
    let sum = m.output("sum", sint(to), "");
    if tech == Technology::Ecp5 {
        carry::add(&mut m, &x, &y, &one, &sum);
    } else {
        let total = x.extend(to) + y.extend(to) + one.extend(to).signed();
        m.assign(&sum, total);
    }
    m.finish()
}

/// Combinational accumulator. Ports: `old`, `keep`, `sum`, `plus`, `total` = (keep ? old : 0) - sum - plus.
pub(super) fn accumulate(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let a = c.params.acc_bits();
    let mut m = Module::new("tlmm_select_accumulate")
        .doc("Takes a negated sum into an accumulator, which begins from 0 without `keep`.");
    let old = m.input("old", uint(a), "");
    let keep = m.input("keep", uint(1), "");
    let sum = m.input("sum", sint(sum_bits(c.params.groups)), "");
    let plus = m.input("plus", uint(1), "");
    let total = m.output("total", uint(a), "");
    if c.technology == Technology::Ecp5 {
        carry::accumulate(&mut m, &old, &keep, &sum, &plus, &total);
    } else {
        let base = crate::rtl::repeat(a, &keep) & &old;
        let less = sum.extend(a).unsigned() + plus.extend(a);
        m.assign(&total, base - less);
    }
    m.finish()
}
