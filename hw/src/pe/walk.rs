//! The walk over the beats of an instruction: which operands meet a beat, and what becomes of the sum.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{Module, RtlError, lit, mux, uint};

/// Ports: `clk`, `start`, operands, `in_valid`, `credit`, `end_credit`; `take`, and of the beat that is offered: `addr`, `first`,
/// `emit`, `word_end`, `lane_end`, `finish`.
pub(super) fn walk(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (iw, aw, lw) = (p.inner_bits(), p.beat_addr_bits(), p.lane_bits());
    let mut m = Module::new("pe_walk").doc(
        "pedot: for each vector its beats; the sum over them is a result. peaxpy: for each block of tokens its columns; the\n\
         sum of a column over the blocks is a result. A beat that ends a word of results waits until there is room for it.",
    );
    let clk = m.clock("clk");
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands are stable from then on",
    );
    let axpy = m.input("axpy", uint(1), "");
    let inner_end = m.input(
        "inner_end",
        uint(iw),
        "beats of a vector, columns of a block; minus one",
    );
    let outer_end = m.input("outer_end", uint(32), "vectors, blocks; minus one");
    let valid = m.input("in_valid", uint(1), "a beat is offered");
    let credit = m.input("credit", uint(1), "there is room for a word of each row");
    let end_credit = m.input("end_credit", uint(1), "the instruction may end");
    let take_out = m.output("take", uint(1), "it is taken");
    let addr = m.output("addr", uint(aw), "beat of operands that meets it");
    let first = m.output("first", uint(1), "its sum begins a result");
    let emit_out = m.output("emit", uint(1), "its sum ends a result");
    let word_end_out = m.output("word_end", uint(1), "which ends a word");
    let lap_out = m.output("lap", uint(1), "the last column of a block");
    let finish = m.output("finish", uint(1), "taken, and the last of the instruction");

    let inner = m.reg("inner", uint(iw));
    let outer = m.reg("outer", uint(32));
    let inner_last = m.wire("inner_last", inner.eq(&inner_end));
    let outer_last = m.wire("outer_last", outer.eq(&outer_end));
    let emit = m.wire("ends_result", mux(&axpy, &outer_last, &inner_last));
    let low = |x: &crate::rtl::Expr| x.resize(lw.max(1));
    let index = m.wire("index", mux(&axpy, low(&inner), low(&outer)));
    let last = m.wire("last_result", mux(&axpy, &inner_last, &outer_last));
    let word_end = m.wire("ends_word", &emit & (index.reduce_and() | last));
    let last_beat = m.wire("last_beat", &inner_last & &outer_last);
    let room = (!&word_end | &credit) & (!&last_beat | &end_credit);
    let take = m.wire("takes", &valid & room);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&inner, lit(0, iw));
            b.set(&outer, lit(0, 32));
        })
        .elif(&take, |b| {
            b.set(&inner, mux(&inner_last, lit(0, iw), inner.plus(1)));
            b.when(&inner_last, |b| {
                b.set(&outer, outer.plus(1));
            });
        });
    });
    let beat = |x: &crate::rtl::Expr| x.resize(aw);
    m.assign(&addr, mux(&axpy, beat(&outer), beat(&inner)));
    m.assign(&first, mux(&axpy, outer.is(0), inner.is(0)));
    m.assign(&emit_out, &emit);
    m.assign(&word_end_out, &word_end);
    m.assign(&lap_out, &inner_last);
    m.assign(&take_out, &take);
    m.assign(&finish, &take & &last_beat);
    m.finish()
}
