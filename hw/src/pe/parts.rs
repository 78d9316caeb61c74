//! The data path around the rows: activation vectors in, results out, both row by row.

use std::sync::Arc;

use super::PeParams;
use crate::glue::{End, GearboxParams, gearbox};
use crate::rtl::{Expr, Module, RtlError, cat, clog2, lit, mux, one, uint};
use crate::scratchpad::{
    COUNT_BITS, ReaderPort, WriterPort, command, vector_reader, vector_writer,
};

/// Ports: `clk`, `rst`, `start` with its operands, read port, `load*`, `done`.
pub(super) fn loader(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let word = 32 * p.lanes;
    let mut m = Module::new("pe_load").doc(
        "Reads one vector of int8 for each row and hands it on as beats; the rows' reads follow without a gap.",
    );
    let clk = m.clock_reset("clk", "rst");
    let rw = clog2(p.rows.into());
    let aw = clog2(p.act_beats().into());
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
    let load = m.output("load", uint(1), "a beat");
    let load_row = m.output("load_row", uint(rw), "its row");
    let load_addr = m.output("load_addr", uint(aw), "its place");
    let load_data = m.output("load_data", uint(p.bus_bits), "");
    let done = m.output("done", uint(1), "last beat of the last row");

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
    let cw = aw + 1 + (4 * p.lanes).div_ceil(p.macs()).ilog2();
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
    m.assign(&load, &valid & at.lt(beats.extend(cw)));
    m.assign(&load_row, &row);
    m.assign(&load_addr, at.bits(aw - 1, 0));
    m.assign(&load_data, g.get("out_data"));
    m.assign(&done, &vector_end & row.eq(&row_end));
    m.finish()
}

/// Ports: `clk`, `rst`, `start` with its operands, `dots`, `accs`, `acc_addr`, write port, `done`.
pub(super) fn results(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (word, lanes) = (32 * p.lanes, p.macs());
    let (a, xw) = (p.axpy_bits(), clog2(p.axpy_beats().into()));
    let mut m = Module::new("pe_results").doc(
        "Writes one vector for each row: pedot one word of dot products, peaxpy all accumulators of the row.",
    );
    let clk = m.clock_reset("clk", "rst");
    let rw = clog2(p.rows.into());
    let start = m.input("start", uint(1), "pulse; what follows is stable until done");
    let axpy = m.input("axpy", uint(1), "peaxpy");
    let base = m.input("base", uint(32), "word of the first row's results");
    let stride = m.input("stride", uint(32), "words from row to row");
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let words = m.input("words", uint(COUNT_BITS), "words of a row");
    let beat_end = m.input(
        "beat_end",
        uint(xw),
        "peaxpy: beats of accumulators minus one",
    );
    let dots = m.input(
        "dots",
        uint(p.rows * word),
        "word of dot products of each row",
    );
    let accs = m.input(
        "accs",
        uint(p.rows * a * lanes),
        "accumulators of each row at acc_addr",
    );
    let acc_addr = m.output("acc_addr", uint(xw), "beat of accumulators");
    let wr = WriterPort::new(&mut m, word);
    let done = m.output("done", uint(1), "pulse: all rows are visible");

    m.section("One command a row");
    let asking = m.reg_init("asking", uint(1), 0);
    let ask_row = m.reg("ask_row", uint(rw));
    let ask_addr = m.reg("ask_addr", uint(32));
    let cmd = m.wire("cmd", command(&ask_addr, &words));
    let in_valid = m.wire_decl("word_valid", uint(1));
    let in_data = m.wire_decl("word_data", uint(word));
    let writer = m.instance(
        "u_writer",
        &vector_writer(word)?,
        &clk,
        &[
            ("cmd_valid", &asking),
            ("cmd_data", &cmd),
            ("in_valid", &in_valid),
            ("in_data", &in_data),
            ("wr_ready", &wr.ready),
        ],
    );
    wr.drive(&mut m, &writer);
    let asked = m.wire("asked", &asking & writer.get("cmd_ready"));
    let done_row = m.reg("done_row", uint(rw));
    let row_done = writer.get("done");
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&asking, one());
            b.set(&ask_row, lit(0, rw));
            b.set(&ask_addr, &base);
            b.set(&done_row, lit(0, rw));
        })
        .elif(&asked, |b| {
            b.set(&asking, ask_row.ne(&row_end));
            b.set(&ask_row, ask_row.plus(1));
            b.set(&ask_addr, &ask_addr + &stride);
        });
        b.when(&row_done, |b| {
            b.set(&done_row, done_row.plus(1));
        });
    });
    m.assign(&done, &row_done & done_row.eq(&row_end));

    m.section("Accumulators: beats of a row, then the next row");
    let feeding = m.reg_init("feeding", uint(1), 0);
    let row = m.reg("row", uint(rw));
    let at = m.reg("at", uint(xw));
    let row_last = m.wire("row_last", at.eq(&beat_end));
    let rows = (0..p.rows).map(|r| (u64::from(r), accs.element(r, a * lanes)));
    let none = Expr::constant(0.into(), uint(a * lanes));
    let chosen = m.case("chosen", &row, rows, none);
    let wide: Vec<Expr> = (0..lanes)
        .map(|i| {
            let sum = m.wire(&format!("sum{i}"), chosen.element(i, a).signed());
            sum.extend(32).unsigned()
        })
        .collect();
    let wide = m.wire("wide", cat(wide.iter().rev()));
    let packed_ready = m.wire_decl("packed_ready", uint(1));
    let packed = m.instance(
        "u_words",
        &gearbox(&GearboxParams {
            in_width: 32 * lanes,
            out_width: word,
            end: End::Pad,
        })?,
        &clk,
        &[
            ("in_valid", &feeding),
            ("in_data", &wide),
            ("in_last", &row_last),
            ("out_ready", &packed_ready),
        ],
    );
    m.unused(packed.get("out_last"));
    let fed = m.wire("fed", &feeding & packed.get("in_ready"));
    let last_row = m.wire("last_row", row.eq(&row_end));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&feeding, &axpy);
            b.set(&row, lit(0, rw));
            b.set(&at, lit(0, xw));
        })
        .elif(&fed, |b| {
            b.set(&at, mux(&row_last, lit(0, xw), at.plus(1)));
            b.when(&row_last, |b| {
                b.set(&row, row.plus(1));
                b.set(&feeding, !&last_row);
            });
        });
    });
    m.assign(&acc_addr, &at);

    m.section("The writer takes a word only for a command");
    let taken = m.wire("taken", writer.get("in_ready") & &in_valid);
    let word_row = m.reg("word_row", uint(rw));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&word_row, lit(0, rw));
        })
        .elif(&taken, |b| {
            b.set(&word_row, word_row.plus(1));
        });
    });
    let rows = (0..p.rows).map(|r| (u64::from(r), dots.element(r, word)));
    let dot = m.case("dot", &word_row, rows, Expr::constant(0.into(), uint(word)));
    m.assign(&in_valid, !&axpy | packed.get("out_valid"));
    m.assign(&in_data, mux(&axpy, packed.get("out_data"), &dot));
    m.assign(&packed_ready, &axpy & writer.get("in_ready"));
    m.finish()
}
