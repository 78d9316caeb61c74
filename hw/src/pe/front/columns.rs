//! Which column is read next.

use std::sync::Arc;

use super::FrontParams;
use crate::rtl::{Module, RtlError, bits_for, cat, lit, mux, repeat, uint};

/// Beats between the read and `out`: the cycles from a read until its beat has left and its room is known to be free,
/// in the longest pipeline; a power of two.
pub(super) const HELD: u32 = 8;

/// Ports: `clk`, `rst`, the oldest block's record and `block_done`; `left`; the read.
pub(super) fn columns(p: &FrontParams) -> Result<Arc<Module>, RtlError> {
    let (pw, tw) = (p.place_bits(), p.lane_bits());
    let mut m = Module::new("pe_front_columns").doc(
        "Reads the columns of complete blocks, or their only beat, while there is room for what was read.",
    );
    let clk = m.clock_reset("clk", "rst");
    let valid = m.input(
        "block_valid",
        uint(1),
        "there is a block; stable until block_done",
    );
    let axpy = m.input("axpy", uint(1), "it is columns");
    let place_end = m.input("place_end", uint(pw), "its last place");
    let left = m.input("left", uint(1), "a beat leaves the unit");
    let done_out = m.output("block_done", uint(1), "its last read");
    let read_out = m.output("read", uint(1), "read");
    let half_out = m.output("half", uint(1), "of this block");
    let place_out = m.output("place", uint(pw), "this place");
    let lane_out = m.output("lane", uint(tw), "and byte");

    let hw = bits_for(HELD.into());
    let held = m.reg_init("held", uint(hw), 0);
    m.note(&held, "read and not yet left");
    m.comment("A cycle late, because the FIFO's level is in its path.");
    let left_q = m.reg_init("left_q", uint(1), 0);
    let half = m.reg_init("half_q", uint(1), 0);
    let place = m.reg_init("place_q", uint(pw), 0);
    let lane = m.reg_init("lane_q", uint(tw), 0);
    let read = m.wire("read_w", &valid & !held.bit(hw - 1));
    let fewer = m.wire("fewer", &left_q & !&read);
    let change = cat([&repeat(hw - 1, &fewer), &(&read ^ &left_q)]);
    let change = m.wire("change", change);
    let lane_end = m.wire("lane_end", lane.reduce_and());
    let last = m.wire("last", !&axpy | (&lane_end & place.eq(&place_end)));
    let done = m.wire("done", &read & &last);
    m.clocked(&clk, |b| {
        b.set(&left_q, &left);
        b.set(&held, &held + &change);
        b.when(&read & &axpy, |b| {
            b.set(&lane, lane.plus(1));
            b.when(&lane_end, |b| {
                b.set(&place, mux(&last, lit(0, pw), place.plus(1)));
            });
        });
        b.set(&half, &half ^ &done);
    });
    for (out, value) in [
        (&done_out, &done),
        (&read_out, &read),
        (&half_out, &half),
        (&place_out, &place),
        (&lane_out, &lane),
    ] {
        m.assign(out, value);
    }
    m.finish()
}
