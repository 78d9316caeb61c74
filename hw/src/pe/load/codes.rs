//! Codes of the rows: words to beats, and the two codes of a lane.

use std::sync::Arc;

use super::pair_of;
use crate::glue::{End, GearboxParams, gearbox};
use crate::pe::array::A_BITS;
use crate::pe::{PeMode, PeParams};
use crate::rtl::{
    Clock, Expr, MemStyle, Module, ModuleBuilder, RtlError, cat, lit, mux, one, repeat, uint,
};

/// Bits of the number of beats of a vector.
pub(super) fn beat_bits(p: &PeParams) -> u32 {
    p.beat_addr_bits() + 1
}

/// Ports: `clk`, `rst`, `start` with its operands, words `in`; the write port of the memories; `done`.
pub(super) fn codes(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (word, lanes) = (32 * p.lanes, p.macs());
    let mut m = Module::new("pe_load_codes").doc(
        if p.shared_multipliers() {
            "Vectors of codes, one for each row, as beats. -128, which is no code, becomes -127. A lower row is written with\n\
             its signs as the upper one, an upper row one less where the lower one is negative."
        } else {
            "Vectors of codes, one for each row, as beats. -128, which is no code, becomes -127."
        },
    );
    let clk = m.clock_reset("clk", "rst");
    let (rw, aw) = (p.row_bits(), p.beat_addr_bits());
    let start = m.input(
        "start",
        uint(1),
        "pulse; row_end and beats are stable until done",
    );
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let beats = m.input("beats", uint(aw + 1), "beats of a vector");
    let doubled = p.modes.has(PeMode::Int8Int4).then(|| {
        let doc = "beats of even number go to pair 2 i, the others to 2 i + 1";
        m.input("doubled", uint(1), doc)
    });
    let words = m.sink_last("in", uint(word), "words of the vectors");
    let we = m.output("we", uint(1), "write a beat of codes");
    let upper_out = m.output("upper", uint(1), "of an upper row");
    let pair_out = m.output("pair", uint(p.pair_bits()), "which two rows");
    let addr_out = m.output("addr", uint(aw), "its place");
    let data = m.output("data", uint(p.lane_operand_bits() * lanes), "operands");
    let done = m.output("done", uint(1), "pulse: all is written");

    m.section("Words to beats; what the last word has beyond the vector's beats is dropped");
    let g = m.instance(
        "u_beats",
        &gearbox(&GearboxParams {
            in_width: word,
            out_width: p.bus_bits,
            end: End::Pad,
        })?,
        &clk,
        &[
            ("in_valid", &words.valid),
            ("in_data", &words.data),
            ("in_last", &words.last.clone().unwrap_or_else(one)),
            ("out_ready", &one()),
        ],
    );
    m.assign(&words.ready, g.get("in_ready"));
    let (valid, last) = (g.get("out_valid"), g.get("out_last"));
    // A last word may hold up to 4 L / M beats more than the vector has.
    let cw = aw + 1 + (4 * p.lanes).div_ceil(lanes).ilog2();
    let at = m.reg_init("at", uint(cw), 0);
    let row = m.reg("row", uint(rw));
    let vector_end = m.wire("vector_end", &valid & &last);
    m.clocked(&clk, |b| {
        b.when(&start | &vector_end, |b| {
            b.set(&at, lit(0, cw));
        })
        .elif(&valid, |b| {
            b.set(&at, at.plus(1));
        });
        b.when(&start, |b| {
            b.set(&row, lit(0, rw));
        })
        .elif(&vector_end, |b| {
            b.set(&row, row.plus(1));
        });
    });

    m.section("Codes");
    let beat = m.wire("beat", g.get("out_data"));
    let codes: Vec<Expr> = (0..lanes)
        .map(|i| {
            let code = m.wire(&format!("code{i}"), beat.element(i, 8));
            mux(code.is(0x80), lit(0x81, 8), &code)
        })
        .collect();
    let codes = m.delay("codes", &clk, None, cat(codes.iter().rev()));
    let taken = m.wire("taken", &valid & at.lt(beats.extend(cw)));
    let we_1 = m.reg_init("we_1", uint(1), 0);
    let row_1 = m.delay("row_1", &clk, None, &row);
    let at_1 = m.delay("at_1", &clk, None, at.bits(aw - 1, 0));
    let end_1 = m.reg_init("end_1", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&we_1, &taken);
        b.set(&end_1, &vector_end & row.eq(&row_end));
    });
    let upper = m.wire("is_upper", row_1.bit(0));
    let operands: Vec<Expr> = if p.shared_multipliers() {
        borrowed(&mut m, &clk, p, &codes, (&we_1, &upper, &at_1))
    } else {
        // Both codes, of which one is written.
        let both = (0..lanes).map(|i| cat([&codes.element(i, 8), &codes.element(i, 8)]));
        both.collect()
    };
    m.assign(&we, &we_1);
    m.assign(&upper_out, &upper);
    let (pair, addr) = match doubled {
        None => (pair_of(p, &row_1), at_1.clone()),
        Some(doubled) => {
            // Rows in use are those that fit: of the pair's number the upper bits are zero.
            let two = match p.pair_bits() {
                1 => at_1.bit(0),
                n => cat([&row_1.resize(n).bits(n - 1, 1), &at_1.bit(0)]),
            };
            let half = at_1.bits(aw - 1, 1).extend(aw);
            (
                mux(&doubled, two, pair_of(p, &row_1)),
                mux(&doubled, half, &at_1),
            )
        }
    };
    m.assign(&pair_out, pair);
    m.assign(&addr_out, addr);
    m.assign(&data, cat(operands.iter().rev()));
    m.assign(&done, &end_1);
    m.finish()
}

/// Operands of lanes whose two codes share a multiplier: of an upper row one less where the lower one is negative.
fn borrowed(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    codes: &Expr,
    (we, upper, at): (&Expr, &Expr, &Expr),
) -> Vec<Expr> {
    let lanes = p.macs();
    let negative = (0..lanes).rev().map(|i| codes.bit(8 * i + 7));
    let negative = m.wire("negative", cat(&negative.collect::<Vec<_>>()));
    let depth = u64::from(p.held_beats().max(2));
    let signs = m.ram(
        "signs",
        lanes,
        depth,
        MemStyle::Distributed,
        "of the lower row",
    );
    m.write(&signs, clk, we & !upper, at, &negative, None);
    let borrows = m.read_async(&signs, at);
    let borrows = m.wire("borrows", borrows);
    let operand = |i| {
        let (code, borrow) = (codes.element(i, 8), borrows.bit(i));
        let less = m.wire(&format!("less{i}"), code.clone() - borrow.extend(8));
        let sign = mux(upper, borrow, negative.bit(i));
        let high = mux(upper, less, repeat(8, negative.bit(i)));
        match p.lane_operand_bits() {
            // low + high 2^19; the sign of low fills the bits between, of which the upper row writes one again.
            A_BITS => cat([&high, &sign, &repeat(10, negative.bit(i)), &code]),
            _ => cat([&high, &code]),
        }
    };
    (0..lanes).map(operand).collect()
}
