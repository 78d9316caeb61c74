//! `vector_reader` and `vector_writer`: between streams of words and the ports of the scratchpad.

use std::sync::Arc;

use super::{ADDR_BITS, CMD_BITS, COUNT_BITS};
use crate::glue::{FifoParams, sync_fifo};
use crate::rtl::{MemStyle, Module, RtlError, bits_for, cat, lit, uint};

/// Words that may be asked for and not yet taken: the round trip is 4 cycles, the rest smooths stalls.
const DEPTH: u64 = 8;

/// Ports: `clk`, `rst`, sink `cmd` ([`CMD_BITS`]), source `out` with last, read port `req_valid/_ready/_addr`,
/// `rsp_valid/_data`.
///
/// # Errors
/// None for a positive width.
pub fn vector_reader(word_bits: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("vector_reader_w{word_bits}")).doc(
        "Reads `count` words from `base` of the scratchpad in order, `last` on the final one.\n\
         One word a cycle when granted; a request is made only when its response has room.",
    );
    let clk = m.clock_reset("clk", "rst");
    let cmd = m.sink(
        "cmd",
        uint(CMD_BITS),
        "base word [31:0], count of words [47:32]",
    );
    let output = m.source_last("out", uint(word_bits), "words in order");
    let req_valid = m.output("req_valid", uint(1), "read port of the scratchpad");
    let req_ready = m.input("req_ready", uint(1), "");
    let req_addr = m.output("req_addr", uint(ADDR_BITS), "");
    let rsp_valid = m.input("rsp_valid", uint(1), "exactly 2 cycles after the grant");
    let rsp_data = m.input("rsp_data", uint(word_bits), "");

    m.section("Requests");
    let left = m.reg_init("left", uint(COUNT_BITS), 0);
    m.note(&left, "words of the command not yet asked for");
    let addr = m.reg("addr", uint(ADDR_BITS));
    let room_bits = bits_for(DEPTH);
    let room = m.reg_init("room", uint(room_bits), DEPTH);
    m.note(
        &room,
        "places of the FIFO that no word holds or is on its way to",
    );
    let idle = m.wire("idle", left.is(0));
    m.assign(&cmd.ready, &idle);
    let asking = m.wire("asking", !&idle & room.ne(lit(0, room_bits)));
    m.assign(&req_valid, &asking);
    m.assign(&req_addr, &addr);
    let granted = m.wire("granted", &asking & &req_ready);
    let taken = m.wire("taken", output.fire());
    m.clocked(&clk, |b| {
        b.when(cmd.fire(), |b| {
            b.set(&left, cmd.data.bits(CMD_BITS - 1, ADDR_BITS));
            b.set(&addr, cmd.data.bits(ADDR_BITS - 1, 0));
        })
        .elif(&granted, |b| {
            b.set(&left, left.minus(1));
            b.set(&addr, addr.plus(1));
        });
        b.when(&granted & !&taken, |b| {
            b.set(&room, room.minus(1));
        })
        .elif(&taken & !&granted, |b| {
            b.set(&room, room.plus(1));
        });
    });

    m.section("Responses: the latency is fixed, so the mark of the last word just walks along");
    let last_1 = m.delay("last_1", &clk, None, left.is(1));
    let last_2 = m.delay("last_2", &clk, None, &last_1);
    let fifo = sync_fifo(&FifoParams {
        width: word_bits + 1,
        depth: DEPTH,
        style: MemStyle::Distributed,
    })?;
    let entry = m.wire("entry", cat([&last_2, &rsp_data]));
    let f = m.instance(
        "u_words",
        &fifo,
        &clk,
        &[
            ("in_valid", &rsp_valid),
            ("in_data", &entry),
            ("out_ready", &output.ready),
        ],
    );
    let head = f.get("out_data");
    m.assign(&output.valid, f.get("out_valid"));
    m.assign(&output.data, head.bits(word_bits - 1, 0));
    if let Some(last) = &output.last {
        m.assign(last, head.bit(word_bits));
    }
    m.unused(f.get("level"));
    m.unused(f.get("in_ready"));
    m.assert("response_has_room", &clk, !&rsp_valid | f.get("in_ready"));
    m.finish()
}

/// Ports: `clk`, `rst`, sink `cmd` ([`CMD_BITS`]), sink `in`, write port `wr_valid/_ready/_addr/_data`, `done`.
///
/// # Errors
/// None for a positive width.
pub fn vector_writer(word_bits: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("vector_writer_w{word_bits}")).doc(
        "Writes the next `count` words of `in` from `base` of the scratchpad on, then pulses `done`.\n\
         One word a cycle when granted; `in` and the write port are joined combinationally.",
    );
    let clk = m.clock_reset("clk", "rst");
    let cmd = m.sink(
        "cmd",
        uint(CMD_BITS),
        "base word [31:0], count of words [47:32]",
    );
    let input = m.sink(
        "in",
        uint(word_bits),
        "words; those past the count are not taken",
    );
    let wr_valid = m.output("wr_valid", uint(1), "write port of the scratchpad");
    let wr_ready = m.input("wr_ready", uint(1), "");
    let wr_addr = m.output("wr_addr", uint(ADDR_BITS), "");
    let wr_data = m.output("wr_data", uint(word_bits), "");
    let done = m.output(
        "done",
        uint(1),
        "pulse: all writes of the command are visible",
    );

    let left = m.reg_init("left", uint(COUNT_BITS), 0);
    m.note(&left, "words of the command not yet written");
    let addr = m.reg("addr", uint(ADDR_BITS));
    let done_q = m.reg_init("done_q", uint(1), 0);
    let idle = m.wire("idle", left.is(0));
    m.assign(&cmd.ready, &idle);
    m.assign(&wr_valid, &input.valid & !&idle);
    m.assign(&wr_addr, &addr);
    m.assign(&wr_data, &input.data);
    m.assign(&input.ready, &wr_ready & !&idle);
    let accept = m.wire("accept", cmd.fire());
    let wrote = m.wire("wrote", input.fire());
    let count = cmd.data.bits(CMD_BITS - 1, ADDR_BITS);
    m.clocked(&clk, |b| {
        b.when(&accept, |b| {
            b.set(&left, &count);
            b.set(&addr, cmd.data.bits(ADDR_BITS - 1, 0));
        })
        .elif(&wrote, |b| {
            b.set(&left, left.minus(1));
            b.set(&addr, addr.plus(1));
        });
        b.set(&done_q, (&accept & count.is(0)) | (&wrote & left.is(1)));
    });
    m.assign(&done, &done_q);
    m.finish()
}
