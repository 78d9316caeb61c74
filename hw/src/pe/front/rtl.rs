//! The parts joined.

use std::sync::Arc;

use super::FrontParams;
use super::columns::{HELD, columns};
use super::transposer::transposer;
use super::walk::walk;
use crate::glue::{FifoParams, sync_fifo};
use crate::rtl::{MemStyle, Module, RtlError, uint};

/// Ports: `clk`, `rst`, `start` with operands `axpy`, `n`, `beats`, sink `w` (W bits, last), source `out` (W bits),
/// `taken`, `short`, `short_vector`.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_front(p: &FrontParams) -> Result<Arc<Module>, RtlError> {
    p.check()?;
    let (w, pw, tw) = (p.bus_bits, p.place_bits(), p.lane_bits());
    let mut m = Module::new("pe_front").doc(format!(
        "A packet of vectors to beats for dot products: as they come, or the columns over each {} vectors.\n\
         One beat a cycle in and out, {} cycles from a beat, or the last one of a block, to the output.",
        p.lanes(),
        p.latency()
    ));
    let clk = m.clock_reset("clk", "rst");
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands are stable until taken",
    );
    let axpy = m.input("axpy", uint(1), "columns");
    let n = m.input("n", uint(32), "vectors, at least 1");
    let beats = m.input("beats", uint(p.beats_bits()), "of a vector, at least 1");
    let packet = m.sink_last("w", uint(w), "the packet");
    let out = m.source("out", uint(w), "beats or columns in order");
    let taken = m.output("taken", uint(1), "level until start: the packet is gone");
    let short = m.output("short", uint(1), "level until start: it ended early");
    let short_vector = m.output("short_vector", uint(32), "in this vector");

    m.section("The packet's walk, and records of blocks that are complete: two, one for each half");
    let free = m.wire_decl("free", uint(1));
    let last = packet.last.clone().unwrap_or_else(crate::rtl::zero);
    let place = m.instance(
        "u_walk",
        &walk(p)?,
        &clk,
        &[
            ("start", &start),
            ("axpy", &axpy),
            ("n", &n),
            ("beats", &beats),
            ("w_valid", &packet.valid),
            ("w_last", &last),
            ("w_ready", &packet.ready),
            ("free", &free),
            ("taken", &taken),
            ("short", &short),
            ("short_vector", &short_vector),
        ],
    );
    let done = m.wire_decl("block_done", uint(1));
    let blocks = m.instance(
        "u_blocks",
        &sync_fifo(&FifoParams {
            width: p.block_bits(),
            depth: 2,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &place.get("block_end")),
            ("in_data", &place.get("block")),
            ("in_ready", &free),
            ("out_ready", &done),
        ],
    );
    m.unused(blocks.get("level"));
    let block = blocks.get("out_data");
    let column_wise = m.wire("column_wise", block.bit(tw + pw));

    m.section("Reads");
    let left = m.wire("left", out.fire());
    let read = m.instance(
        "u_columns",
        &columns(p)?,
        &clk,
        &[
            ("block_valid", &blocks.get("out_valid")),
            ("axpy", &column_wise),
            ("place_end", &block.bits(tw + pw - 1, tw)),
            ("left", &left),
            ("block_done", &done),
        ],
    );
    let transposed = m.instance(
        "u_transposer",
        &transposer(p)?,
        &clk,
        &[
            ("take", &place.get("take")),
            ("beat", &packet.data),
            ("take_half", &place.get("half")),
            ("take_place", &place.get("place")),
            ("take_vector", &place.get("vector")),
            ("read", &read.get("read")),
            ("half", &read.get("half")),
            ("place", &read.get("place")),
            ("lane", &read.get("lane")),
            ("axpy", &column_wise),
            ("vector_last", &block.bits(tw - 1, 0)),
        ],
    );

    m.section("What was read, for a sink that stalls; there is always room");
    let column_valid = transposed.get("column_valid");
    let held = m.instance(
        "u_held",
        &sync_fifo(&FifoParams {
            width: w,
            depth: HELD.into(),
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &column_valid),
            ("in_data", &transposed.get("column")),
            ("out_valid", &out.valid),
            ("out_data", &out.data),
            ("out_ready", &out.ready),
        ],
    );
    m.unused(held.get("level"));
    let room = held.get("in_ready");
    m.unused(&room);
    m.assert("room", &clk, !&column_valid | room);
    m.finish()
}
