//! The low bits of a product in fabric.

use std::sync::Arc;

use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, all, any, cat, uint};

/// Bits of a part of an operand: a product of two parts is one look-up table a bit.
const PART: u32 = 3;

/// Low `bits` of the product of operands of which `x` and `y` bits are given. Ports: `clk`, `x`, `y`; `low` two cycles later, for
/// C; `low_4` four cycles later, for the product.
pub(super) fn low_product(x: u32, y: u32, bits: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("packed_low_{bits}_of_{x}x{y}")).doc(format!(
        "x y modulo 2^{bits}; signs do not matter. Products of parts of {PART} bits are looked up, registered and summed.\n\
         Latency 2 cycles to low, 4 to low_4."
    ));
    let clk = m.clock("clk");
    let x = m.input("x", uint(x), "low bits of the first operand");
    let y = m.input("y", uint(y), "low bits of the second");
    let low = m.output("low", uint(bits), "2 cycles later");
    let low_4 = m.output("low_4", uint(bits), "4 cycles later");

    m.section("Products of parts");
    let (x, y) = (
        m.delay("x_1", &clk, None, &x),
        m.delay("y_1", &clk, None, &y),
    );
    let mut columns: Vec<Vec<Expr>> = vec![Vec::new(); bits as usize];
    for i in (0..x.width().min(bits)).step_by(PART as usize) {
        for j in (0..y.width().min(bits - i)).step_by(PART as usize) {
            let part = |of: &Expr, at: u32| {
                let end = (at + PART).min(of.width());
                (at..end).map(|b| of.bit(b)).collect::<Vec<_>>()
            };
            let (xs, ys) = (part(&x, i), part(&y, j));
            let width = (bits - i - j).min((xs.len() + ys.len()) as u32);
            let mut partial: Vec<Vec<Expr>> = (0..width as usize)
                .map(|c| {
                    let terms = (0..=c).filter(|&k| k < xs.len() && c - k < ys.len());
                    terms.map(|k| &xs[k] & &ys[c - k]).collect()
                })
                .collect();
            let name = format!("x{i}_y{j}");
            let product = sum_columns(&mut m, &name, &mut partial);
            let product = m.delay(&format!("{name}_2"), &clk, None, &product);
            for c in 0..width {
                columns[(i + j + c) as usize].push(product.bit(c));
            }
        }
    }

    m.section("Their sum");
    let sum = sum_columns(&mut m, "sum", &mut columns);
    m.assign(&low, &sum);
    let sum_3 = m.delay("sum_3", &clk, None, &sum);
    let sum_4 = m.delay("sum_4", &clk, None, sum_3);
    m.assign(&low_4, sum_4);
    m.finish()
}

/// Sum of bits by columns, modulo two to their number, as a wire.
fn sum_columns(m: &mut ModuleBuilder, name: &str, columns: &mut [Vec<Expr>]) -> Expr {
    let mut sums = Vec::new();
    for c in 0..columns.len() {
        let mut column = std::mem::take(&mut columns[c]);
        let mut adder = 0;
        while column.len() > 1 {
            let take = column.len().min(3);
            let terms: Vec<Expr> = column
                .drain(..take)
                .enumerate()
                .map(|(i, term)| m.wire(&format!("{name}_c{c}_{adder}_{i}"), term))
                .collect();
            column.push(terms[1..].iter().fold(terms[0].clone(), |s, t| s ^ t));
            if let Some(next) = columns.get_mut(c + 1) {
                next.push(match terms.as_slice() {
                    [a, b, c] => any([&all([a, b]), &all([a, c]), &all([b, c])]),
                    _ => all(&terms),
                });
            }
            adder += 1;
        }
        sums.push(column.pop().unwrap_or_else(crate::rtl::zero));
    }
    m.wire(name, cat(sums.iter().rev()))
}
