//! Codes of the rows from the scratchpad to the memories of operands.

use std::sync::Arc;

use super::PeParams;
use crate::glue::{End, GearboxParams, gearbox};
use crate::rtl::{Expr, MemStyle, Module, RtlError, cat, lit, mux, one, repeat, uint};
use crate::scratchpad::{COUNT_BITS, ReaderPort, command, vector_reader};

/// Ports: `clk`, `rst`, `start` with its operands, read port; `we`, `upper`, `pair`, `addr`, `low`, `high`; `done`.
pub(super) fn loader(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (word, lanes) = (32 * p.lanes, p.macs());
    let mut m = Module::new("pe_load").doc(
        "Reads one vector of codes for each row and hands it on as beats; the rows' reads follow without a gap.\n\
         -128, which is no code, becomes -127. A lower row is written with its signs as the upper one, an upper row\n\
         one less where the lower one is negative.",
    );
    let clk = m.clock_reset("clk", "rst");
    let (rw, aw) = (p.row_bits(), p.beat_addr_bits());
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands below are stable until done",
    );
    let base = m.input("base", uint(32), "word of the first row's vector");
    let stride = m.input("stride", uint(32), "words from row to row");
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let words = m.input("words", uint(COUNT_BITS), "words of a vector");
    let beats = m.input("beats", uint(aw + 1), "beats of a vector");
    let rd = ReaderPort::new(&mut m, "", word);
    let we = m.output("we", uint(1), "write a beat of codes");
    let upper_out = m.output("upper", uint(1), "of an upper row: high alone");
    let pair_out = m.output("pair", uint(p.pair_bits()), "which two rows");
    let addr_out = m.output("addr", uint(aw), "its place");
    let low_out = m.output("low", uint(8 * lanes), "codes of the lower row");
    let high_out = m.output("high", uint(8 * lanes), "of the upper row, less the borrow");
    let done = m.output("done", uint(1), "pulse: all is written");

    m.section("One command a row");
    let asking = m.reg_init("asking", uint(1), 0);
    let ask_row = m.reg("ask_row", uint(rw));
    let ask_addr = m.reg("ask_addr", uint(32));
    let cmd = m.wire("cmd", command(&ask_addr, &words));
    let words_ready = m.wire_decl("words_ready", uint(1));
    let reader = m.instance(
        "u_reader",
        &vector_reader(word)?,
        &clk,
        &[
            &[
                ("cmd_valid", &asking),
                ("cmd_data", &cmd),
                ("out_ready", &words_ready),
            ],
            rd.inputs().as_slice(),
        ]
        .concat(),
    );
    rd.drive(&mut m, &reader);
    let asked = m.wire("asked", &asking & reader.get("cmd_ready"));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&asking, one());
            b.set(&ask_row, lit(0, rw));
            b.set(&ask_addr, &base);
        })
        .elif(&asked, |b| {
            b.set(&asking, ask_row.ne(&row_end));
            b.set(&ask_row, ask_row.plus(1));
            b.set(&ask_addr, &ask_addr + &stride);
        });
    });

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
            ("in_valid", &reader.get("out_valid")),
            ("in_data", &reader.get("out_data")),
            ("in_last", &reader.get("out_last")),
            ("out_ready", &one()),
        ],
    );
    m.assign(&words_ready, g.get("in_ready"));
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

    m.section("Codes, and the borrow of the lower row");
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
    let negative = cat((0..lanes)
        .map(|i| codes.bit(8 * i + 7))
        .collect::<Vec<_>>()
        .iter()
        .rev());
    let negative = m.wire("negative", negative);
    let depth = u64::from(p.held_beats().max(2));
    let signs = m.ram(
        "signs",
        lanes,
        depth,
        MemStyle::Distributed,
        "of the lower row",
    );
    m.write(&signs, &clk, &we_1 & !&upper, &at_1, &negative, None);
    let borrows = m.read_async(&signs, &at_1);
    let borrows = m.wire("borrows", borrows);
    let highs: Vec<Expr> = (0..lanes)
        .map(|i| {
            let (code, borrow) = (codes.element(i, 8), borrows.bit(i));
            let less = m.wire(&format!("less{i}"), code - borrow.extend(8));
            mux(&upper, less, repeat(8, negative.bit(i)))
        })
        .collect();
    m.assign(&we, &we_1);
    m.assign(&upper_out, &upper);
    let pair = if rw > 1 {
        row_1.bits(rw - 1, 1)
    } else {
        lit(0, 1)
    };
    m.assign(&pair_out, pair.resize(p.pair_bits()));
    m.assign(&addr_out, &at_1);
    m.assign(&low_out, &codes);
    m.assign(&high_out, cat(highs.iter().rev()));
    m.assign(&done, &end_1);
    m.finish()
}
