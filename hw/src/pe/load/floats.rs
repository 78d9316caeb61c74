//! Floats of the rows: rounded to the mode's format, then aligned to the largest exponent of their vector.

use std::sync::Arc;

use super::{ORDER_BITS, Order, pair_of, sum_row};
use crate::glue::{End, GearboxParams, delays, gearbox, valids};
use crate::pe::PeParams;
use crate::pe::array::A_BITS;
use crate::pe::float::align::{exponent, place, search};
use crate::pe::float::lane::{LANE_LATENCY, lane};
use crate::pe::float::{AlignParams, CONVERT_LATENCY, EXPONENT_BITS, Formats, HELD_BITS, convert};
use crate::rtl::{
    Expr, Module, ModuleBuilder, RtlError, all, any, cat, clog2, lit, mux, one, uint,
};

impl PeParams {
    /// The aligner of a part of a vector.
    fn part_align(&self) -> AlignParams {
        AlignParams {
            lanes: self.part(),
            magnitude_bits: HELD_BITS,
            formats: self.modes.formats().unwrap_or(Formats::Fp16),
        }
    }

    /// Cycles from a part to its largest exponent in the register of the vector's.
    fn scan_stages(&self) -> u32 {
        CONVERT_LATENCY + self.part_align().search_stages() + 1
    }
}

/// Ports: `clk`, `rst`, `start` with its operands, words `in`; the write port of the memories; `top_we`, `top_sum`,
/// `top`; `done`.
pub(super) fn floats(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (word, g, rw) = (32 * p.lanes, p.part(), p.row_bits());
    let align = p.part_align();
    let mut m = Module::new("pe_load_floats").doc(format!(
        "Vectors of fp32, each twice: the largest exponent of the vector is found, then {g} elements a cycle are written\n\
         as integers of {A_BITS} bits aligned to it."
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands below are stable until done",
    );
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let count = m.input("count", uint(p.count_bits()), "parts of a vector");
    let order = m.input("order", uint(ORDER_BITS), "where they go");
    let both = align.formats == Formats::Both;
    let bf16 = both.then(|| m.input("bf16", uint(1), "0 fp16, 1 bf16"));
    let words = m.sink_last("in", uint(word), "words of the vectors");

    m.section("Words to parts; what the last word has beyond the vector's is dropped");
    let last = words.last.clone().unwrap_or_else(one);
    let (valid, part, last) = if p.lanes == g {
        m.assign(&words.ready, one());
        (words.valid.clone(), words.data.clone(), last)
    } else {
        let parts = m.instance(
            "u_parts",
            &gearbox(&GearboxParams {
                in_width: word,
                out_width: 32 * g,
                end: End::Pad,
            })?,
            &clk,
            &[
                ("in_valid", &words.valid),
                ("in_data", &words.data),
                ("in_last", &last),
                ("out_ready", &one()),
            ],
        );
        m.assign(&words.ready, parts.get("in_ready"));
        (
            parts.get("out_valid"),
            parts.get("out_data"),
            parts.get("out_last"),
        )
    };
    let cw = p.count_bits() + clog2(u64::from(p.lanes / g)) + 1;
    let at = m.reg_init("at", uint(cw), 0);
    let second = m.reg_init("second", uint(1), 0);
    m.note(&second, "the vector comes for the second time");
    let row = m.reg("row", uint(rw));
    let end = m.wire("vector_end", &valid & &last);
    m.clocked(&clk, |b| {
        b.when(&start | &end, |b| {
            b.set(&at, lit(0, cw));
        })
        .elif(&valid, |b| {
            b.set(&at, at.plus(1));
        });
        b.set(&second, !&start & (&second ^ &end));
        b.when(&start, |b| {
            b.set(&row, lit(0, rw));
        })
        .elif(&end & &second, |b| {
            b.set(&row, row.plus(1));
        });
    });
    let taken = m.wire("taken", &valid & at.lt(count.extend(cw)));

    m.section("Rounded to the format");
    let narrow = convert(align.formats)?;
    let elements: Vec<Expr> = (0..g)
        .map(|k| {
            let x = part.element(k, 32);
            let mut inputs = vec![("en", one()), ("x", x)];
            inputs.extend(bf16.clone().map(|f| ("format", f)));
            let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (*n, e)).collect();
            m.instance(&format!("u_convert{k}"), &narrow, &clk, &inputs)
                .get("y")
        })
        .collect();
    let elements = m.wire("elements", cat(elements.iter().rev()));

    m.section("First time: the largest exponent of the vector");
    let scan = p.scan_stages();
    let scanned = valids(&mut m, &clk, "scanned", &(&taken & !&second), scan - 1);
    let begins = delays(&mut m, &clk, "begins", &at.is(0), scan - 1);
    let found = m.instance(
        "u_top",
        &search(&align)?,
        &clk,
        &[("en", &one()), ("x", &elements)],
    );
    let found = found.get("top");
    let top = m.reg("top_q", uint(found.width()));
    let larger = any([&begins[scan as usize - 1], &found.gt(&top)]);
    m.clocked(&clk, |b| {
        b.when(all([&scanned[scan as usize - 1], &larger]), |b| {
            b.set(&top, &found);
        });
    });
    let ends = valids(&mut m, &clk, "scan_ends", &(&end & !&second), scan);
    let rows = delays(&mut m, &clk, "rows", &row, scan + LANE_LATENCY);
    let (value, zero, poison) = exponent(&mut m, &align, &top, bf16.as_ref());
    m.unused(poison);
    outputs_of_tops(
        &mut m,
        &order,
        &ends[scan as usize],
        &rows[scan as usize],
        cat([&zero, &value]),
    );

    m.section("Second time: integers");
    let late = scan - CONVERT_LATENCY;
    let late = delays(&mut m, &clk, "elements", &elements, late).remove(late as usize);
    let place = place(&mut m, &align, &top, bf16.as_ref());
    let integer = lane(&align)?;
    let integers: Vec<Expr> = (0..g)
        .map(|k| {
            let x = late.element(k, 16);
            let one = one();
            let mut inputs = vec![("en", &one), ("x", &x), ("place", &place)];
            inputs.extend(bf16.as_ref().map(|f| ("format", f)));
            m.instance(&format!("u_lane{k}"), &integer, &clk, &inputs)
                .get("y")
        })
        .collect();
    let stages = scan + LANE_LATENCY;
    let write = valids(&mut m, &clk, "write", &(&taken & &second), stages);
    let done = &end & &second & row.eq(&row_end);
    let done = valids(&mut m, &clk, "ended", &done, stages);
    let number = at.bits(p.count_bits() - 1, 0);
    let number = delays(&mut m, &clk, "number", &number, stages).remove(stages as usize);
    let row = &rows[stages as usize];
    outputs_of_parts(&mut m, p, &order, row, &number);
    let data: Vec<Expr> = (0..p.parts())
        .flat_map(|_| integers.iter().rev().cloned())
        .collect();
    for (name, value, doc) in [
        ("we", &write[stages as usize], "write a part"),
        (
            "data",
            &cat(&data),
            "the part, for all places where it may go",
        ),
        ("done", &done[stages as usize], "pulse: all is written"),
    ] {
        let out = m.output(name, uint(value.width()), doc);
        m.assign(&out, value);
    }
    m.finish()
}

/// The exponent of a vector: for the sum that its row has.
fn outputs_of_tops(m: &mut ModuleBuilder, order: &Expr, we: &Expr, row: &Expr, top: Expr) {
    let sum = sum_row(m, "sum", &[Order::Pairs, Order::Fours], order, row);
    for (name, value, doc) in [
        ("top_we", we.clone(), "write the exponent of a vector"),
        ("top_sum", sum, "of the row with this sum"),
        ("top", top, "zero, exponent"),
    ] {
        let width = if name == "top" {
            EXPONENT_BITS + 1
        } else {
            value.width()
        };
        let out = m.output(name, uint(width), doc);
        m.assign(&out, value);
    }
}

/// Pair, address and lanes of part `number` of row `row`.
fn outputs_of_parts(m: &mut ModuleBuilder, p: &PeParams, order: &Expr, row: &Expr, number: &Expr) {
    let (pw, aw, parts) = (p.pair_bits(), p.beat_addr_bits(), p.parts());
    let log = parts.trailing_zeros();
    // Parts of a beat: half of those of a pair, all, or twice as many.
    let beat = |bits: u32| match number.width() {
        w if w > bits => number.bits(w - 1, bits).resize(aw),
        _ => lit(0, aw),
    };
    let low = |bits: u32| match bits {
        0 => None,
        n => Some(number.resize(n)),
    };
    let halves = match low(log - 1) {
        Some(low) => cat([&row.bit(0), &low]),
        None => row.bit(0),
    };
    let wide = number.resize(log);
    let upper = match number.width() {
        w if w > log => number.bit(log),
        _ => lit(0, 1),
    };
    let two = match pw {
        1 => upper,
        n => cat([&row.resize(n - 1), &upper]),
    };
    let pairs = [
        (Order::Pairs as u64, row.resize(pw)),
        (Order::Fours as u64, two),
    ];
    let addrs = [
        (Order::Pairs as u64, beat(log)),
        (Order::Fours as u64, beat(log + 1)),
    ];
    let own = m.wire("halves", order.is(Order::Rows as u64));
    let slot = m.wire("slot", mux(own, halves, wide));
    for (name, value, doc) in [
        (
            "pair",
            m.case("pair_w", order, pairs, pair_of(p, row)),
            "which two rows",
        ),
        (
            "addr",
            m.case("addr_w", order, addrs, beat(log - 1)),
            "which beat",
        ),
        ("parts", lit(1, parts).shl(&slot), "which lanes of it"),
    ] {
        let out = m.output(name, uint(value.width()), doc);
        m.assign(&out, value);
    }
}
