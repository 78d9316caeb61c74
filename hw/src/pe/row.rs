//! One row of the array: activation memory, multipliers, dot product, accumulators.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{
    Expr, MemStyle, Module, ModuleBuilder, RtlError, cat, clog2, mux, repeat, sint, uint,
};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u32 = 64;

/// Bits of a product of two int8.
const PRODUCT_BITS: u32 = 16;

/// Cycles from a beat's acceptance to its products: memory, operands, products.
pub(super) const PRODUCT_STAGE: u32 = 3;

impl PeParams {
    /// Levels of the adder tree over M lanes.
    pub(super) const fn levels(&self) -> u32 {
        self.macs().trailing_zeros()
    }

    /// Cycles from a beat's acceptance to its sum.
    pub(super) const fn sum_stage(&self) -> u32 {
        PRODUCT_STAGE + self.levels()
    }

    /// Beats of the activation memory: a vector of pedot or the codes of peaxpy.
    pub(super) fn act_beats(&self) -> u32 {
        (self.max_len.max(self.max_count)).div_ceil(self.macs())
    }

    /// Beats of a row's accumulators.
    pub(super) fn axpy_beats(&self) -> u32 {
        self.max_axpy.div_ceil(self.macs())
    }
}

/// Ports in the order of the pipeline; `stage n` is n cycles behind the beat's acceptance.
pub(super) fn row(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (lanes, beat_bits) = (p.macs(), p.bus_bits);
    let (dot_bits, axpy_bits) = (p.dot_bits(), p.axpy_bits());
    let mut m = Module::new("pe_row").doc(format!(
        "One row: {lanes} int8 multipliers, a pipelined dot product and {} accumulators of {axpy_bits} bits.\n\
         stage n: n cycles behind the acceptance of the beat.",
        p.axpy_beats() * lanes
    ));
    let clk = m.clock("clk");
    let (aw, xw) = (clog2(p.act_beats().into()), clog2(p.axpy_beats().into()));
    let load = m.input("load", uint(1), "write a beat of activations");
    let load_addr = m.input("load_addr", uint(aw), "");
    let load_data = m.input("load_data", uint(beat_bits), "");
    let act_addr = m.input("act_addr", uint(aw), "stage 0: beat of activations");
    let beat = m.input("beat", uint(beat_bits), "stage 1: vector beat");
    let axpy = m.input("axpy", uint(1), "peaxpy: one code for all lanes; stable");
    let code_at = m.input("code_at", uint(p.levels()), "stage 1: the code's byte");
    let active = m.input("active", uint(1), "the row is in use; stable");
    let add = m.input("add", uint(1), "stage 3: add products to the accumulators");
    let add_first = m.input("add_first", uint(1), "stage 3: from 0");
    let acc_addr = m.input(
        "acc_addr",
        uint(xw),
        "stage 3, or drain: beat of accumulators",
    );
    let sum_valid = m.input("sum_valid", uint(1), "sum stage: a beat's sum");
    let sum_first = m.input("sum_first", uint(1), "sum stage: first beat of its vector");
    let dot = m.output("dot", sint(dot_bits), "sum stage + 1: dot product so far");
    let acc = m.output("acc", uint(axpy_bits * lanes), "accumulators at acc_addr");

    m.section("Operands");
    let style = match p.act_beats() {
        ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
        _ => MemStyle::Block,
    };
    let acts = m.ram(
        "acts",
        beat_bits,
        p.act_beats().into(),
        style,
        "activations",
    );
    m.write(&acts, &clk, &load, &load_addr, &load_data, None);
    let word = m.read_sync("act_word", &acts, &clk, &active, &act_addr);
    let code = m.wire("code", word.part(&code_at, 8));
    let operand = m.wire("operand", mux(&axpy, repeat(lanes, &code), &word));
    let operand = m.delay("operand_2", &clk, Some(&active), &operand);
    let beat = m.delay("beat_2", &clk, Some(&active), &beat);

    m.section("Products");
    let products: Vec<Expr> = (0..lanes)
        .map(|i| {
            let x = m.wire(&format!("x{i}"), operand.element(i, 8).signed());
            let v = m.wire(&format!("v{i}"), beat.element(i, 8).signed());
            let product = m.delay(&format!("product{i}"), &clk, None, x * v);
            m.range(&product, -128 * 127, 128 * 128);
            product
        })
        .collect();

    m.section("Dot product");
    let sum = tree(&mut m, &clk, products.clone());
    let total = m.reg("total", sint(dot_bits));
    let sum = m.wire("sum", sum.extend(dot_bits));
    m.clocked(&clk, |b| {
        b.when(&sum_valid, |b| {
            b.set(&total, mux(&sum_first, &sum, &total + &sum));
        });
    });
    m.assign(&dot, &total);

    m.section("Accumulators of peaxpy: read, add and write in one cycle");
    let depth = u64::from(p.axpy_beats().max(2));
    let sums = m.ram("sums", axpy_bits * lanes, depth, MemStyle::Distributed, "");
    let old = m.read_async(&sums, &acc_addr);
    let old = m.wire("old", old);
    m.assign(&acc, &old);
    let new: Vec<Expr> = (0..lanes)
        .map(|i| {
            let kept = repeat(axpy_bits, !&add_first) & old.element(i, axpy_bits);
            let kept = m.wire(&format!("kept{i}"), kept);
            let sum = kept.signed() + products[i as usize].extend(axpy_bits);
            m.wire(&format!("new{i}"), sum).unsigned()
        })
        .collect();
    m.write(
        &sums,
        &clk,
        &add & &active,
        &acc_addr,
        cat(new.iter().rev()),
        None,
    );
    m.finish()
}

/// Pipelined sum, one register a level.
fn tree(m: &mut ModuleBuilder, clk: &crate::rtl::Clock, mut terms: Vec<Expr>) -> Expr {
    // M is a power of two: every level pairs all its terms.
    let mut bits = PRODUCT_BITS;
    let mut level = 0;
    while terms.len() > 1 {
        (bits, level) = (bits + 1, level + 1);
        let full = 1i128 << (bits - 1);
        terms = terms
            .chunks(2)
            .enumerate()
            .map(|(i, pair)| {
                let sum = pair[0].extend(bits) + pair[pair.len() - 1].extend(bits);
                let reg = m.delay(&format!("sum{level}_{i}"), clk, None, sum);
                m.range(&reg, -full, full - 1);
                reg
            })
            .collect();
    }
    terms[0].clone()
}
