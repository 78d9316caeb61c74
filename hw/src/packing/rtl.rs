//! The packed multiplier.

use std::sync::Arc;

use super::layout::{Field, Layout, Multiplier, Side};
use super::low::low_product;
use super::operand::Operand;
use super::prove::{NotExact, prove};
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, lit, one, repeat, uint, zero};
use crate::vendor::{Alumode, MulConfig, MulPorts, Opmode, W, Z};

/// Cycles from operands to products.
pub const LATENCY: u32 = 4;

impl Layout {
    /// Name of the module: operands and products.
    pub fn name(&self) -> String {
        let block = self.multiplier.word();
        format!("packed_{}_{}_{}_{block}", self.a, self.b, self.products())
    }

    /// Bits of a product, in two's complement when it can be negative.
    pub fn product_bits(&self) -> u32 {
        let ends = self.a.product(self.b);
        let positive = |x: i64| 64 - x.leading_zeros();
        if *ends.start() < 0 {
            1 + positive(*ends.end()).max(positive(-1 - ends.start()))
        } else {
            positive(*ends.end())
        }
    }
}

/// Several multipliers in one, for a layout that is proven first. Ports: `clk`; `a` and `b`, the operands side by side;
/// `p`, the product of a_i and b_j at place i (number of b) + j.
///
/// # Errors
/// A layout that is not exact, with a counterexample; a fault of the description itself.
pub fn packed_multiplier(layout: &Layout) -> Result<Arc<Module>, RtlError> {
    prove(layout).map_err(|e: NotExact| RtlError {
        module: layout.name(),
        faults: vec![e.to_string()],
    })?;
    let (n, k) = (layout.a_at.len() as u32, layout.b_at.len() as u32);
    let bits = layout.product_bits();
    let mut m = Module::new(layout.name()).doc(format!(
        "{} products of {} and {} in one {}.\n\
         a and b hold {n} and {k} operands, p the product of a[i] and b[j] at place {k} i + j.\n\
         Latency {LATENCY} cycles, one set of operands a cycle, no handshake.",
        layout.products(),
        layout.a,
        layout.b,
        layout.multiplier.word().to_uppercase(),
    ));
    let clk = m.clock("clk");
    let a = m.input("a", uint(n * layout.a.bits), "operands a, the first low");
    let b = m.input("b", uint(k * layout.b.bits), "operands b, the first low");
    let p = m.output("p", uint(layout.products() as u32 * bits), "products");

    m.section("Words of the ports");
    let split = |m: &mut ModuleBuilder, name: &str, of: &Expr, side: &Side<'_>| -> Vec<Expr> {
        let width = side.operand.bits;
        let each = 0..side.at.len() as u32;
        each.map(|i| m.wire(&format!("{name}{i}"), of.element(i, width)))
            .collect()
    };
    let (side_a, side_b) = (layout.side_a(), layout.side_b());
    let (xs, ys) = (
        split(&mut m, "a", &a, &side_a),
        split(&mut m, "b", &b, &side_b),
    );
    let word_a = if layout.uses_pre_adder() {
        m.comment("Codes that are 2^(n-1) too large; D makes them signed.");
        codes(&side_a, &xs)
    } else {
        word(&mut m, "a", &side_a, &xs)
    };
    let word_a = m.wire("word_a", word_a);
    let word_b = word(&mut m, "b", &side_b, &ys);
    let word_b = m.wire("word_b", word_b);

    m.section("Low bits and C, which the multiplier takes one cycle before its sum");
    let lows = lows(&mut m, &clk, layout, &xs, &ys)?;
    let c = port_c(&mut m, &clk, layout, &lows, (&xs, &ys));

    m.section("Sum of all products at their weights");
    let sum = match layout.multiplier {
        Multiplier::Dsp48e2 => dsp48e2(&mut m, &clk, layout, &word_a, &word_b, &c),
        Multiplier::Mult18x18d => mult18x18d(&mut m, &clk, layout, &word_a, &word_b, &c),
    };

    m.section("Products");
    let mut products = vec![lit(0, bits); layout.products()];
    for (i, lane) in layout.lanes.iter().enumerate() {
        let field = m.wire(
            &format!("field{i}"),
            sum.bits(lane.at + lane.width - 1, lane.at + lane.low),
        );
        let width = lane.width - lane.low;
        let upper = if lane.bias == 0 {
            let typed = if lane.signed {
                field.signed()
            } else {
                field.clone()
            };
            let typed = m.wire(&format!("upper{i}"), typed);
            typed.resize(bits - lane.low).unsigned()
        } else if lane.bias == 1 << (lane.width - 1) {
            let sign = m.wire(&format!("sign{i}"), !field.bit(width - 1));
            let signed = m.wire(
                &format!("upper{i}"),
                cat([&sign, &field.bits(width - 2, 0)]).signed(),
            );
            signed.resize(bits - lane.low).unsigned()
        } else {
            field.resize(bits - lane.low) - lit(lane.bias as u64 >> lane.low, bits - lane.low)
        };
        let product = match lows.iter().find(|(k, ..)| *k == i) {
            Some((_, _, low)) => cat([&upper, low]),
            None => upper,
        };
        let place = lane.a * layout.b_at.len() + lane.b;
        products[place] = m.wire(&format!("p{}_{}", lane.a, lane.b), product);
    }
    for (high, low) in unread(layout) {
        m.unused(sum.bits(high, low));
    }
    m.assign(&p, cat(products.iter().rev()));
    m.finish()
}

/// Ranges of bits of the sum that no product takes, upper end first.
fn unread(layout: &Layout) -> Vec<(u32, u32)> {
    let mut from = 0;
    let mut ranges = Vec::new();
    for lane in &layout.lanes {
        if lane.at + lane.low > from {
            ranges.push((lane.at + lane.low - 1, from));
        }
        from = lane.at + lane.width;
    }
    if from < layout.multiplier.sum_bits() {
        ranges.push((layout.multiplier.sum_bits() - 1, from));
    }
    ranges
}

/// Operands side by side as they are, with zeros between, and signed ones with their uppermost bit inverted.
fn codes(side: &Side<'_>, operands: &[Expr]) -> Expr {
    let mut parts = Vec::new();
    let mut at = 0;
    for (x, &place) in operands.iter().zip(side.at) {
        if place > at {
            parts.push(lit(0, place - at));
        }
        let top = side.operand.bits - 1;
        parts.push(x.bits(top - 1, 0));
        parts.push(if side.operand.is_signed() {
            !x.bit(top)
        } else {
            x.bit(top)
        });
        at = place + side.operand.bits;
    }
    if at < side.port_bits {
        parts.push(lit(0, side.port_bits - at));
    }
    cat(parts.iter().rev())
}

/// The sum of operands at their weights as a word of the port.
fn word(m: &mut ModuleBuilder, name: &str, side: &Side<'_>, operands: &[Expr]) -> Expr {
    let bits = side.operand.bits;
    if !side.operand.is_signed() {
        let plain = codes(side, operands);
        if !side.centred() {
            return plain;
        }
        m.comment("The uppermost operand stands 2^(n-1) too small.");
        let plain = m.wire(&format!("{name}_plain"), plain);
        let top = side.port_bits - 1;
        return cat([&!plain.bit(top), &plain.bits(top - 1, 0)]);
    }
    let mut parts = Vec::new();
    let mut borrow: Option<Expr> = None;
    for (j, x) in operands.iter().enumerate() {
        let end = side.at.get(j + 1).copied().unwrap_or(side.port_bits);
        let width = end - side.at[j];
        // One less when what stands below is negative: a bit changes when all below it are 0.
        let value = match &borrow {
            None => m.wire(&format!("{name}_field{j}"), x.signed()),
            Some(borrow) => {
                // The sign is for the next operand; the uppermost has room for all that its port takes.
                let top = if j + 1 < operands.len() {
                    bits
                } else {
                    bits.min(width - 1)
                };
                let less: Vec<Expr> = (0..=top)
                    .map(|k| {
                        let bit = x.bit(k.min(bits - 1));
                        let flip = match k {
                            0 => borrow.clone(),
                            _ => borrow & !x.bits(k - 1, 0).reduce_or(),
                        };
                        bit ^ flip
                    })
                    .collect();
                m.wire(&format!("{name}_field{j}"), cat(less.iter().rev()).signed())
            }
        };
        borrow = Some(value.bit(value.width() - 1));
        parts.push(value.resize(width).unsigned());
    }
    cat(parts.iter().rev())
}

/// For each lane with low bits: its number, the bits for C (cycle 2), the same for the product (cycle 4).
fn lows(
    m: &mut ModuleBuilder,
    clk: &Clock,
    layout: &Layout,
    xs: &[Expr],
    ys: &[Expr],
) -> Result<Vec<(usize, Expr, Expr)>, RtlError> {
    let lanes = layout.lanes.iter().enumerate();
    lanes
        .filter(|(_, lane)| lane.low > 0)
        .map(|(k, lane)| {
            let (x, y) = (
                low_bits(&xs[lane.a], layout.a, lane.low),
                low_bits(&ys[lane.b], layout.b, lane.low),
            );
            let module = low_product(x.width(), y.width(), lane.low)?;
            let low = m.instance(&format!("u_low{k}"), &module, clk, &[("x", &x), ("y", &y)]);
            Ok((k, low.get("low"), low.get("low_4")))
        })
        .collect()
}

/// What the low `bits` of a product depend on: as many bits of an operand, its sign above its own.
fn low_bits(x: &Expr, operand: Operand, bits: u32) -> Expr {
    if bits <= operand.bits {
        x.bits(bits - 1, 0)
    } else if operand.is_signed() {
        cat([&repeat(bits - operand.bits, x.bit(operand.bits - 1)), x])
    } else {
        x.clone()
    }
}

/// The word on C.
fn port_c(
    m: &mut ModuleBuilder,
    clk: &Clock,
    layout: &Layout,
    lows: &[(usize, Expr, Expr)],
    (xs, ys): (&[Expr], &[Expr]),
) -> Expr {
    let mut fields = layout.fields();
    fields.sort_by_key(|f| f.1);
    let code = |m: &mut ModuleBuilder, name: String, x: &Expr, signed: bool| {
        let top = x.width() - 1;
        let value = if signed {
            cat([&!x.bit(top), &x.bits(top - 1, 0)])
        } else {
            x.clone()
        };
        let first = m.delay(&format!("{name}_code_1"), clk, None, value);
        m.delay(&format!("{name}_code_2"), clk, None, first)
    };
    let mut parts = Vec::new();
    let mut at = 0;
    for (field, place, width) in fields {
        if place > at {
            parts.push(lit(0, place - at));
        }
        let value = match field {
            Field::Low(k) => {
                let low = lows
                    .iter()
                    .find(|l| l.0 == k)
                    .map_or_else(zero, |l| l.1.clone());
                if layout.subtracts() { low } else { !low }
            }
            Field::A(i) => code(m, format!("a{i}"), &xs[i], layout.a.is_signed()),
            Field::B(j) => code(m, format!("b{j}"), &ys[j], layout.b.is_signed()),
        };
        parts.push(value);
        at = place + width;
    }
    let bits = layout.multiplier.sum_bits();
    if at < bits {
        parts.push(lit(0, bits - at));
    }
    m.wire("c", cat(parts.iter().rev()))
}

fn dsp48e2(
    m: &mut ModuleBuilder,
    clk: &Clock,
    layout: &Layout,
    a: &Expr,
    b: &Expr,
    c: &Expr,
) -> Expr {
    let constant = layout.constant() as u64;
    let uses_c = !layout.fields().is_empty();
    let mode = Opmode::product()
        .z(if uses_c { Z::C } else { Z::Zero })
        .w(if constant == 0 { W::Zero } else { W::Rnd });
    let subtract = uses_c && layout.subtracts();
    let alumode = if subtract {
        Alumode::SubtractZ
    } else {
        Alumode::Add
    };
    if subtract {
        m.comment("P = M + RND - C: S - Z - 1, and the one again as carry.");
    }
    let config = MulConfig {
        input_registers: 2,
        pre_adder: layout.uses_pre_adder(),
        rnd: constant,
    };
    let mask = (1u64 << layout.multiplier.a_bits()) - 1;
    let ports = MulPorts {
        clk: &clk.clk,
        a,
        b,
        c,
        d: &lit(layout.d() as u64 & mask, layout.multiplier.a_bits()),
        pcin: &lit(0, 48),
        opmode: &lit(mode.value(), 9),
        alumode: &lit(alumode.value(), 4),
        carry_in: &lit(u64::from(subtract), 1),
        enable: &one(),
    };
    let dsp = m.dsp48e2_mul("u_dsp", &config, &ports);
    m.unused(dsp.get("PCOUT"));
    dsp.get("P")
}

fn mult18x18d(
    m: &mut ModuleBuilder,
    clk: &Clock,
    layout: &Layout,
    a: &Expr,
    b: &Expr,
    c: &Expr,
) -> Expr {
    let bits = layout.multiplier.sum_bits();
    let product = m.mult18x18d("u_mult", true, &clk.clk, &one(), [a, b]);
    let with_c = if layout.fields().is_empty() {
        m.unused(c);
        product
    } else {
        let c = m.delay("c_3", clk, None, c);
        if layout.subtracts() {
            product - c
        } else {
            product + c
        }
    };
    let sum = match layout.constant() as u64 {
        0 => with_c,
        constant => with_c + lit(constant, bits),
    };
    m.delay("sum", clk, None, sum)
}
