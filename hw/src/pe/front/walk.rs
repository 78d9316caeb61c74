//! The walk over a packet: where its beats go, and when a block is complete.

use std::sync::Arc;

use super::FrontParams;
use crate::rtl::{Expr, Module, RtlError, all, any, cat, lit, mux, repeat, uint};

impl FrontParams {
    /// Record of a complete block, low bits first: its last vector, the last beat of its vectors, `axpy`.
    pub(super) const fn block_bits(&self) -> u32 {
        self.lane_bits() + self.place_bits() + 1
    }
}

/// Ports: `clk`, `rst`, `start` with operands, sink `w` without data, `free`; the place of the offered beat, `take`; the
/// record of a block with the beat that ends it; `taken`, `short`, `short_vector`.
pub(super) fn walk(p: &FrontParams) -> Result<Arc<Module>, RtlError> {
    let (bw, pw, tw) = (p.beats_bits(), p.place_bits(), p.lane_bits());
    let mut m = Module::new("pe_front_walk").doc(
        "Takes the packet's beats vector by vector and gives each its place in a block of vectors, or a block of its\n\
         own; drops what follows them up to the packet's last.",
    );
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse: a packet begins");
    let axpy = m.input(
        "axpy",
        uint(1),
        "blocks of vectors; stable, as the next two",
    );
    let n = m.input("n", uint(32), "vectors");
    let beats = m.input("beats", uint(bw), "beats of a vector");
    let valid = m.input("w_valid", uint(1), "a beat is offered");
    let last = m.input("w_last", uint(1), "it is the packet's last");
    let ready = m.output("w_ready", uint(1), "");
    let free = m.input("free", uint(1), "a block may be written");
    let take_out = m.output("take", uint(1), "the beat is written");
    let half_out = m.output("half", uint(1), "which of two blocks it belongs to");
    let place_out = m.output("place", uint(pw), "its number in the block's vector");
    let vector_out = m.output("vector", uint(tw), "its vector in the block");
    let end_out = m.output("block_end", uint(1), "taken, and the block is complete");
    let block_out = m.output(
        "block",
        uint(p.block_bits()),
        "axpy, last place, last vector",
    );
    let taken_out = m.output("taken", uint(1), "level: the packet is gone");
    let short_out = m.output("short", uint(1), "level: it ended early");
    let short_vector = m.output("short_vector", uint(32), "in this vector of the packet");

    let running = m.reg_init("running", uint(1), 0);
    let dropping = m.reg_init("dropping", uint(1), 0);
    let taken = m.reg_init("taken_q", uint(1), 0);
    let short = m.reg_init("short_q", uint(1), 0);
    let half = m.reg_init("half_q", uint(1), 0);
    let beat = m.reg("beat", uint(bw));
    let beat_end = m.reg("beat_end", uint(bw));
    let vector = m.reg("vector_q", uint(tw));
    let left = m.reg("left", uint(32));
    m.note(&left, "vectors from this one on");
    let last_vector = m.reg("last_vector", uint(1));
    m.note(&last_vector, "it is 1");

    m.section("The offered beat");
    let may_take = m.wire("may_take", &running & &free);
    let take = m.wire("take_w", &may_take & &valid);
    let vector_end = m.wire("vector_end", beat.eq(&beat_end));
    let needed_end = m.wire("needed_end", &vector_end & &last_vector);
    let full = m.wire("full", vector.reduce_and() | &last_vector);
    let block_end = m.wire("block_end_w", &take & (!&axpy | (&vector_end & &full)));
    let finish = m.wire("finish", &take & &needed_end);
    let cut = m.wire("cut", all([&take, &last, &!&needed_end]));
    let gone = m.wire("gone", (&finish | (&dropping & &valid)) & &last);
    m.clocked(&clk, |b| {
        b.set(&running, &start | (&running & !(&finish | &cut)));
        b.set(&dropping, (&finish | &dropping) & !&gone);
        b.set(&taken, (&taken | &gone) & !&start);
        b.set(&short, (&short | &cut) & !&start);
        b.set(&half, &half ^ &block_end);
    });

    m.section("Its place");
    m.comment("The vector of a beat that ends the packet early stays for `short_vector`.");
    let next_vector = m.wire("next_vector", all([&take, &vector_end, &!&last]));
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&beat, lit(0, bw));
            b.set(&beat_end, beats.minus(1));
            b.set(&vector, lit(0, tw));
            b.set(&left, &n);
            b.set(&last_vector, n.is(1));
        })
        .otherwise(|b| {
            b.when(&take, |b| {
                b.set(&beat, mux(&vector_end, lit(0, bw), beat.plus(1)));
            });
            b.when(&next_vector, |b| {
                b.set(&vector, vector.plus(1) & repeat(tw, &axpy));
                b.set(&left, left.minus(1));
                b.set(&last_vector, left.is(2));
            });
        });
    });
    let at_most = |x: &Expr| match bw {
        _ if bw < pw => x.extend(pw),
        _ => x.bits(pw - 1, 0),
    };
    m.comment("A block of one beat is at place 0, and none of its bytes is blanked.");
    let place = at_most(&beat) & repeat(pw, &axpy);
    let place_end = at_most(&beat_end) & repeat(pw, &axpy);
    let vector_last = &vector | repeat(tw, !&axpy);
    m.assign(&block_out, cat([&axpy, &place_end, &vector_last]));
    m.assign(&ready, any([&may_take, &dropping]));
    m.assign(&short_vector, &n - &left);
    for (out, value) in [
        (&take_out, &take),
        (&half_out, &half),
        (&place_out, &place),
        (&vector_out, &vector),
        (&end_out, &block_end),
        (&taken_out, &taken),
        (&short_out, &short),
    ] {
        m.assign(out, value);
    }
    let between = !(&running | &dropping);
    m.assert("start_between_packets", &clk, !&start | between);
    m.assert(
        "vectors_and_beats",
        &clk,
        !&start | (n.ne(lit(0, 32)) & beats.ne(lit(0, bw))),
    );
    m.finish()
}
