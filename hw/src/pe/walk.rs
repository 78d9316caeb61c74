//! The walk over a packet: which beat of which vector is taken, and when a word of dot products ends.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{Module, RtlError, all, clog2, lit, mux, uint};

/// Bits of a beat's number within its vector.
pub(super) fn beat_bits(p: &PeParams) -> u32 {
    clog2((p.max_len / p.macs()).into())
}

/// Ports: `clk`, `rst`, `start`, `running`, `draining`, operands, sink `w` without data, `word_written`; the place of the
/// offered beat, `take` and what follows from it.
pub(super) fn walk(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let bw = beat_bits(p);
    let lw = p.lanes.trailing_zeros();
    let mut m = Module::new("pe_walk").doc(
        "Takes the packet's beats vector by vector, and drops what follows them up to the packet's last.\n\
         A beat that would end a word of dot products waits until the word before is written.",
    );
    let clk = m.clock_reset("clk", "rst");
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands are stable from then on",
    );
    let running = m.input("running", uint(1), "beats may be taken");
    let draining = m.input("draining", uint(1), "beats may be dropped");
    let axpy = m.input("axpy", uint(1), "no dot products");
    let n = m.input("n", uint(32), "vectors");
    let len = m.input("len", uint(bw + 1), "beats of a vector");
    let valid = m.input("w_valid", uint(1), "a beat is offered");
    let last = m.input("w_last", uint(1), "it is the packet's last");
    let ready = m.output("w_ready", uint(1), "");
    let word_written = m.input("word_written", uint(1), "a word of dot products is written");
    let beat_out = m.output("beat", uint(bw), "its place in the vector");
    let beat_end_out = m.output("beat_end", uint(bw), "place of a vector's last beat");
    let vector_out = m.output("vector", uint(32), "its vector");
    let vector_end_out = m.output("vector_end", uint(1), "it ends the vector");
    let word_end_out = m.output("word_end", uint(1), "it ends a word of dot products");
    let take_out = m.output("take", uint(1), "it is taken, for the rows");
    let finish_out = m.output("finish", uint(1), "taken, and the last that is needed");
    let short_out = m.output(
        "short",
        uint(1),
        "taken, and more are needed but there are none",
    );
    let ended_out = m.output("ended", uint(1), "the packet's last beat is gone");
    let word_busy_out = m.output("word_busy", uint(1), "a word is on its way");

    let beat = m.reg("beat_q", uint(bw));
    let vector = m.reg("vector_q", uint(32));
    let word_busy = m.reg_init("word_busy_q", uint(1), 0);
    let ended = m.reg("ended_q", uint(1));
    let beat_end = m.wire("beat_end_w", len.minus(1));
    m.unused(beat_end.bit(bw));
    let beat_end = m.wire("beat_last", beat_end.bits(bw - 1, 0));
    let vector_end = m.wire("vector_end_w", beat.eq(&beat_end));
    let last_vector = m.wire("last_vector", vector.plus(1).eq(&n));
    let lane_full = m.wire("lane_full", vector.bits(lw - 1, 0).reduce_and());
    let word_end = all([&vector_end, &(&lane_full | &last_vector), &!&axpy]);
    let word_end = m.wire("word_end_w", word_end);
    let may_take = m.wire("may_take", &running & !(&word_end & &word_busy));
    let drop = m.wire("drop", &draining & !&ended);
    let take = m.wire("take_w", &may_take & &valid);
    let finish = m.wire("finish_w", all([&take, &vector_end, &last_vector]));
    let last_gone = m.wire("last_gone", (&finish | (&drop & &valid)) & &last);
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&beat, lit(0, bw));
            b.set(&vector, lit(0, 32));
        })
        .elif(&take, |b| {
            b.set(&beat, mux(&vector_end, lit(0, bw), beat.plus(1)));
            b.when(&vector_end, |b| {
                b.set(&vector, vector.plus(1));
            });
        });
        b.set(&ended, (&ended | &last_gone) & !&start);
        let begun = &take & &word_end;
        b.set(&word_busy, begun | (&word_busy & !&word_written));
    });
    m.assign(&ready, &may_take | &drop);
    m.assign(&short_out, all([&take, &last, &!&finish]));
    for (out, value) in [
        (&beat_out, &beat),
        (&beat_end_out, &beat_end),
        (&vector_out, &vector),
        (&vector_end_out, &vector_end),
        (&word_end_out, &word_end),
        (&take_out, &take),
        (&finish_out, &finish),
        (&ended_out, &ended),
        (&word_busy_out, &word_busy),
    ] {
        m.assign(out, value);
    }
    m.finish()
}
