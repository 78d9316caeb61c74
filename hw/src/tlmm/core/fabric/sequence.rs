//! The order of things where tables are made ahead of time: when they are copied, which weight word.

use std::sync::Arc;

use super::super::{Code, CoreParams};
use super::words::{IDLE, words};
use crate::rtl::{Module, RtlError, clog2, lit, mux, one, uint, zero};

/// Cycles in which the tables of a K tile are written: one for each code.
pub(super) const fn copy_slots(code: Code) -> u64 {
    match code {
        Code::G3 => 27,
        Code::Sherry => 32,
        Code::TwoBit => 0,
    }
}

/// Ports: `clk`, `rst`; `start`, `k_tiles`, `row_tiles`, `hold`, `w_valid`, `w_ready`, `w_last` as those of the core, sizes taken at `start`;
/// `made` (pulse: tables of a K tile are in the store), `free` (it has room), `waiting` (a product has not begun); `fill`,
/// `fill_code`, `fill_half` in the slot itself, and one cycle later `take`, `row`, `first`, `last`, `final_row`.
pub(super) fn sequence(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let slots = copy_slots(p.code);
    let mut m = Module::new("tlmm_sequence").doc(format!(
        "Tables and weight words in turn. A table is full, so that it is read or written: {slots} cycles for a K tile\n\
         in which no word is taken. The store holds the tables of two K tiles. A product may start while the one\n\
         before takes its last words: then its first tables are made behind those."
    ));
    let (rw, kw) = (clog2(p.max_row_tiles.into()), p.tile_bits());
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while no product waits");
    let k_tiles = m.input("k_tiles", uint(kw), "K tiles minus one");
    let row_tiles = m.input("row_tiles", uint(rw), "row tiles minus one");
    let hold = m.input("hold", uint(1), "no word of the last K tile");
    let w_valid = m.input("w_valid", uint(1), "weight word");
    let made = m.input(
        "made",
        uint(1),
        "pulse: the tables of a K tile are in the store",
    );
    let w_ready = m.output("w_ready", uint(1), "");
    let w_last = m.output("w_last", uint(1), "it is the last");
    let free = m.output("free", uint(1), "the store has room for a K tile");
    let waiting_out = m.output("waiting", uint(1), "a product has not begun");
    let fill = m.output("fill", uint(1), "write the tables in this slot");
    let fill_code = m.output("fill_code", uint(5), "at this code");
    let fill_half = m.output("fill_half", uint(1), "half of the store");
    let take = m.output("take", uint(1), "weight word in this slot");
    let row = m.output("row", uint(rw), "row tiles that come after it");
    let first = m.output("first", uint(1), "of the first K tile");
    let last = m.output("last", uint(1), "of the last K tile");
    let final_row = m.output("final_row", uint(1), "the last row tile");

    m.section("Products: one takes words, one may wait for them");
    let waiting = m.reg_init("waiting_q", uint(1), 0);
    let next_k = m.delay("next_k", &clk, Some(&start), &k_tiles);
    let next_rows = m.delay("next_rows", &clk, Some(&start), &row_tiles);
    let begin = m.wire_decl("begin_now", uint(1));
    let now_k = m.delay("now_k", &clk, Some(&begin), &next_k);
    let now_rows = m.delay("now_rows", &clk, Some(&begin), &next_rows);

    m.section("Weight words. Comparisons are registered: what they compare has long been stable when it counts");
    let words = words(&mut m, &clk, p, &now_k, &hold, &w_valid);
    m.assign(&begin, &waiting & words.state.is(IDLE));
    m.assign(&w_ready, &words.may_take);
    m.assign(&w_last, words.last());

    m.section("Tables: those of two K tiles are in the store or on their way");
    let stored = m.reg_init("stored", uint(2), 0);
    m.note(&stored, "K tiles that are made and not yet copied");
    let primed = m.wire("primed", stored.ne(lit(0, 2)));
    let filling = m.wire("filling", words.filling());
    let code = m.reg_init("code", uint(5), 0);
    let half = m.reg_init("half", uint(1), 0);
    let fill_end = m.wire("fill_end", &filling & code.is(slots - 1));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&waiting, one());
        })
        .elif(&begin, |b| {
            b.set(&waiting, zero());
        });
        words.advance(b, &begin, &primed, &fill_end);
        words.count_rows(b, &filling, &now_rows);
        b.when(&filling, |b| {
            b.set(&code, mux(&fill_end, lit(0, 5), code.plus(1)));
        });
        b.set(&half, &half ^ &fill_end);
        b.when(&made & !&fill_end, |b| {
            b.set(&stored, stored.plus(1));
        })
        .elif(!&made & &fill_end, |b| {
            b.set(&stored, stored.minus(1));
        });
    });
    m.assign(&free, !stored.bit(1));
    m.assign(&waiting_out, &waiting);

    m.section("To the look-ups");
    m.assign(&fill, &filling);
    m.assign(&fill_code, &code);
    m.assign(&fill_half, &half);
    words.leave(&mut m, &clk, &take, [&row, &first, &last, &final_row]);
    m.finish()
}
