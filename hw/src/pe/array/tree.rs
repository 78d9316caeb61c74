//! Sums of two rows of int8 products where there is no multiplier for both at once.

use std::sync::Arc;

use super::ChainParams;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, clog2, sint, uint};

/// Bits of a product of a code, which is never -128, with an int8.
const PRODUCT_BITS: u32 = 15;

impl ChainParams {
    /// Cycles from a beat to the sums of [`pe_tree`]: a register of the operands, of the products, of each level.
    pub const fn tree_latency(&self) -> u32 {
        2 + clog2(self.lanes as u64)
    }

    /// Bits of a sum of [`pe_tree`].
    pub const fn tree_bits(&self) -> u32 {
        PRODUCT_BITS + clog2(self.lanes as u64)
    }
}

/// Ports: `clk`; `a`, codes of two rows, lane k at bit 16 k, the lower row's below; `b`, int8, lane k at bit 8 k; `low`, `high`.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_tree(p: &ChainParams) -> Result<Arc<Module>, RtlError> {
    p.check("pe_tree")?;
    let n = p.lanes;
    let mut m = Module::new(format!("pe_tree{n}")).doc(format!(
        "Sums of {n} products of two rows, each of a code with an int8, {} cycles behind the beat; one beat a cycle.",
        p.tree_latency()
    ));
    let clk = m.clock("clk");
    let a = m.input("a", uint(16 * n), "two's complement: lower, upper row");
    let b = m.input("b", uint(8 * n), "two's complement");
    let bits = p.tree_bits();
    let sums = ["low", "high"].map(|name| m.output(name, sint(bits), "sum of the row"));
    let a = m.delay("a_q", &clk, None, &a);
    let b = m.delay("b_q", &clk, None, &b);
    for (row, out) in (0..).zip(&sums) {
        let name = ["low", "high"][row as usize];
        let product = |m: &mut ModuleBuilder, k: u32| -> Expr {
            let code = m.wire(
                &format!("{name}_code{k}"),
                a.element(2 * k + row, 8).signed(),
            );
            let other = m.wire(&format!("{name}_int{k}"), b.element(k, 8).signed());
            let product = m.wire(&format!("{name}_wide{k}"), code * other);
            m.unused(product.bit(PRODUCT_BITS));
            let product = product.bits(PRODUCT_BITS - 1, 0).signed();
            m.delay(&format!("{name}_product{k}"), &clk, None, product)
        };
        let mut left: Vec<Expr> = (0..n).map(|k| product(&mut m, k)).collect();
        for level in 1..=clog2(n.into()) {
            let wide = PRODUCT_BITS + level;
            let pairs: Vec<Expr> = left
                .chunks(2)
                .zip(0..)
                .map(|(pair, k): (&[Expr], u32)| {
                    let sum = match pair {
                        [x, y] => x.extend(wide) + y.extend(wide),
                        pair => pair[0].extend(wide),
                    };
                    m.delay(&format!("{name}_level{level}_{k}"), &clk, None, sum)
                })
                .collect();
            left = pairs;
        }
        m.assign(out, &left[0]);
    }
    m.finish()
}
