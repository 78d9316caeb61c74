//! Results of all rows to the scratchpad, word by word.

use std::sync::Arc;

use super::PeParams;
use super::load::{ORDER_BITS, Order, sum_row};
use crate::glue::{FifoParams, sync_fifo};
use crate::rtl::{Expr, MemStyle, Module, RtlError, all, bits_for, cat, lit, mux, repeat, uint};
use crate::scratchpad::ADDR_BITS;

/// Words of each row that are on their way or wait to be written.
pub(super) const WORDS: u64 = 8;

/// Ports: `clk`, `rst`; `start` with its operands; `totals`, `store`, `word_end`, `last` of the array; `begun`, a word of each
/// row will end; `credit`; write port; `done`.
pub(super) fn results(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (lanes, rows, bits, rw) = (p.lanes, p.rows, p.result_bits(), p.row_bits());
    let lw = p.lane_bits();
    let mut m = Module::new("pe_results").doc(format!(
        "Gathers {lanes} results of each row to a word and writes the words of the rows that are in use, row by row.\n\
         {WORDS} words of each row may be on their way. Lanes past the last result are 0."
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input(
        "start",
        uint(1),
        "pulse: an instruction, with its operands; the one before may still write",
    );
    let dst = m.input("dst", uint(ADDR_BITS), "word of the first row's results");
    let stride = m.input("stride", uint(ADDR_BITS), "words from row to row");
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let order = (!p.modes.plain()).then(|| {
        m.input(
            "order",
            uint(ORDER_BITS),
            "where a row's results are, as in pe_load",
        )
    });
    let totals = m.input("totals", uint(rows * bits), "a result of each row");
    let store = m.input("store", uint(1), "they are there");
    let word_end = m.input("word_end", uint(1), "they end a word");
    let last = m.input("last", uint(1), "and the instruction");
    let begun = m.input("begun", uint(1), "a beat is taken that will end a word");
    let credit_out = m.output("credit", uint(1), "another may be");
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "");
    let wr_data = m.output("wr_data", uint(32 * lanes), "");
    let done = m.output("done", uint(1), "pulse: all results are visible");

    m.section("Results to words");
    let lane = m.reg_init("lane", uint(lw), 0);
    let newest = m.wire("newest", &store & lane.is(0));
    let mut words = Vec::new();
    for l in 0..lanes {
        let reg = m.reg(&format!("lane{l}"), uint(rows * bits));
        let here = &store & lane.is(l.into());
        m.clocked(&clk, |b| {
            b.when(here, |b| {
                b.set(&reg, &totals);
            });
            if l > 0 {
                b.when(&newest, |b| {
                    b.set(&reg, lit(0, rows * bits));
                });
            }
        });
        words.push(reg);
    }
    let full = m.reg_init("full", uint(1), 0);
    m.note(&full, "the words are whole");
    let full_last = m.delay("full_last", &clk, None, &last);
    m.clocked(&clk, |b| {
        b.set(&full, &store & &word_end);
        b.when(&store, |b| {
            b.set(&lane, mux(&word_end, lit(0, lw), lane.plus(1)));
        });
    });

    m.section("Words wait; there is room for all that have been begun");
    let set_bits = rows * bits * lanes;
    let entry = cat(words.iter().rev());
    let entry = m.wire("entry", cat([&full_last, &entry]));
    let pop = m.wire_decl("pop", uint(1));
    let waiting = m.instance(
        "u_waiting",
        &sync_fifo(&FifoParams {
            width: set_bits + 1,
            depth: WORDS,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &full),
            ("in_data", &entry),
            ("out_ready", &pop),
        ],
    );
    m.unused(waiting.get("level"));
    m.unused(waiting.get("in_ready"));
    m.assert("words_have_room", &clk, !&full | waiting.get("in_ready"));
    let cb = bits_for(WORDS);
    let pending = m.reg_init("pending", uint(cb), 0);
    m.note(&pending, "begun and not yet written");
    let popped = m.wire("popped", &pop & waiting.get("out_valid"));
    m.clocked(&clk, |b| {
        b.when(&begun & !&popped, |b| {
            b.set(&pending, pending.plus(1));
        })
        .elif(&popped & !&begun, |b| {
            b.set(&pending, pending.minus(1));
        });
    });
    m.assign(&credit_out, pending.ne(lit(WORDS, cb)));

    m.section("Row by row; the next instruction's operands wait");
    let head = waiting.get("out_data");
    let active = m.reg_init("active", uint(1), 0);
    m.note(&active, "an instruction is not yet written");
    let next_valid = m.reg_init("next_valid", uint(1), 0);
    let given = match &order {
        Some(order) => cat([order, &row_end, &stride, &dst]),
        None => cat([&row_end, &stride, &dst]),
    };
    let given = m.wire("given", given);
    let next = m.reg("next", given.ty());
    let from = m.wire("from", mux(&next_valid, &next, &given));
    let step = m.reg("step", uint(ADDR_BITS));
    m.note(&step, "words from row to row");
    let end = m.reg("row_end_q", uint(rw));
    let at = m.reg("at", uint(ADDR_BITS));
    m.note(&at, "word of the first row");
    let addr = m.reg("addr", uint(ADDR_BITS));
    let row = m.reg_init("row", uint(rw), 0);
    let order_q = order.map(|order| m.reg("order_q", order.ty()));
    let row_last = m.wire("row_last", row.eq(&end));
    let write = m.wire("write", waiting.get("out_valid") & &active);
    let written = m.wire("written", &write & &wr_ready);
    m.assign(&pop, &written & &row_last);
    let ended = m.wire("ended", all([&written, &row_last, &head.bit(set_bits)]));
    let open = m.wire("open", &start | &next_valid);
    m.comment("The unit's done comes two cycles behind the last write: what is written after it is the next instruction's.");
    let done_q = m.reg_init("done_q", uint(1), 0);
    let begin = m.wire("begins", all([&open, &!&active, &!&done_q]));
    let following = m.wire("following", at.plus(1));
    m.clocked(&clk, |b| {
        b.set(&done_q, &ended);
        b.set(&active, &begin | (&active & !&ended));
        b.set(&next_valid, &open & !&begin);
        b.when(&start, |b| {
            b.set(&next, &given);
        });
        b.when(&written, |b| {
            b.set(&row, mux(&row_last, lit(0, rw), row.plus(1)));
        });
        b.when(&begin, |b| {
            b.set(&at, from.bits(ADDR_BITS - 1, 0));
            b.set(&addr, from.bits(ADDR_BITS - 1, 0));
            b.set(&step, from.bits(2 * ADDR_BITS - 1, ADDR_BITS));
            b.set(&end, from.bits(2 * ADDR_BITS + rw - 1, 2 * ADDR_BITS));
            if let Some(order_q) = &order_q {
                b.set(
                    order_q,
                    from.bits(from.width() - 1, from.width() - ORDER_BITS),
                );
            }
        })
        .elif(&written, |b| {
            b.set(&addr, mux(&row_last, &following, &addr + &step));
            b.when(&row_last, |b| {
                b.set(&at, &following);
            });
        });
    });
    let of_row = |r: u32| -> Expr {
        let lane = |l: u32| {
            let low = (l * rows + r) * bits;
            let (top, own) = (head.bit(low + bits - 1), head.bits(low + bits - 1, low));
            match bits {
                32 => own,
                _ => cat([&repeat(32 - bits, top), &own]),
            }
        };
        let lanes: Vec<Expr> = (0..lanes).map(lane).collect();
        cat(lanes.iter().rev())
    };
    let source = match &order_q {
        Some(order) => {
            let orders = [Order::Pairs, Order::Fours, Order::Doubled];
            sum_row(&mut m, "source", &orders, order, &row)
        }
        None => row.clone(),
    };
    let choices = (0..rows).map(|r| (r.into(), of_row(r)));
    let data = if rows > 1 {
        m.case("word", &source, choices, lit(0, 32 * lanes))
    } else {
        m.wire("word", of_row(0))
    };
    m.assign(&wr_valid, &write);
    m.assign(&wr_addr, &addr);
    m.assign(&wr_data, &data);
    m.assign(&done, &done_q);
    m.finish()
}
