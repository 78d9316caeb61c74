//! The store unit.

use std::sync::Arc;

use crate::glue::{End, GearboxParams, gearbox};
use crate::isa::Op;
use crate::memory::{BEATS_BITS, MoveParams, MovePorts, Operation, ceil_shift, request};
use crate::rtl::{Expr, Module, RtlError, all, cat, lit, mux, one, repeat, uint, zero};
use crate::scratchpad::{COUNT_BITS, ReaderPort, command, vector_reader};

// States: one instruction at a time.
const IDLE: u64 = 0;
const COMPUTE: u64 = 1;
const REQUEST: u64 = 2;
const COMMAND: u64 = 3;
const MOVE: u64 = 4;

/// The store unit; ports in the folder's index.
///
/// # Errors
/// Sizes outside the ranges of [`MoveParams`].
pub fn store(p: &MoveParams) -> Result<Arc<Module>, RtlError> {
    p.check("store")?;
    let (w, wb, word) = (p.bus_bits, p.bus_bits / 8, p.word_bits());
    let mut m = Module::new("store").doc(format!(
        "st, st1: scratchpad words of {word} bits to beats of {w} bits in DRAM.\n\
         One instruction at a time; done when memory has answered.",
    ));
    let clk = m.clock_reset("clk", "rst");
    let port = MovePorts::new(&mut m, p, "pulse: the instruction is finished");
    let req = &port.req;
    let data = m.source("mem_wr", uint(w + wb), "{strobes, data}");
    let answer = m.input("mem_rsp_valid", uint(1), "pulse: the request is written");
    let rd = ReaderPort::new(&mut m, "", word);

    m.section("Take an instruction, compute its request");
    let state = m.reg_init("state", uint(3), IDLE);
    m.note(&state, "0 idle, 1 compute, 2 request, 3 command, 4 move");
    let faulted = port.fault.flag(&mut m);
    m.assign(&port.op.ready, state.is(IDLE) & !&faulted);
    let take = m.wire("take", port.op.fire());
    let o = Operation::capture(&mut m, &clk, &take, &port.op.data);
    let scalar = m.wire("scalar", o.opcode.is(Op::St1.opcode().into()));
    let words = ceil_shift(&mut m, "words_of", &o.n, p.lanes.trailing_zeros());
    let words = m.wire("words_33", words);
    let whole = o.n.bits(31, p.place_bits()).extend(32);
    let whole = m.wire("beats_32", whole);
    let compute = m.wire("compute", state.is(COMPUTE));
    let uneven = Operation::off_beat(p, &o.offset) | Operation::off_beat(p, &o.n);
    let astray = m.wire("astray", uneven & !&scalar);
    let oversize = words.bits(32, COUNT_BITS).reduce_or() | whole.bits(31, BEATS_BITS).reduce_or();
    let oversize = m.wire("oversize", oversize & !&scalar);
    let asked = (&faulted, &compute);
    let refuse = port.refuse(&mut m, &clk, asked, &o, (&astray, &oversize));
    let address = o.address(p, &port.image_base, &port.state_base);
    let addr = m.delay("addr", &clk, Some(&compute), address);
    let total = mux(&scalar, lit(1, BEATS_BITS), whole.bits(BEATS_BITS - 1, 0));
    let total = m.wire("total", total);
    let count = mux(&scalar, lit(1, COUNT_BITS), words.bits(COUNT_BITS - 1, 0));
    let count = m.delay("count", &clk, Some(&compute), count);
    let beats = m.reg("beats", uint(BEATS_BITS));
    m.note(&beats, "beats not yet sent");
    m.assign(&req.valid, state.is(REQUEST));
    m.assign(&req.data, request(&o.pc, &beats, &addr));

    m.section("Words to beats; what the last word has too many is dropped");
    let cmd_valid = m.wire("cmd_valid", state.is(COMMAND));
    let cmd = m.wire("cmd", command(&o.f0, &count));
    let gear_in_ready = m.wire_decl("word_ready", uint(1));
    let r = m.instance(
        "u_reader",
        &vector_reader(word)?,
        &clk,
        &[
            &[
                ("cmd_valid", &cmd_valid),
                ("cmd_data", &cmd),
                ("out_ready", &gear_in_ready),
            ],
            rd.inputs().as_slice(),
        ]
        .concat(),
    );
    rd.drive(&mut m, &r);
    let gear = gearbox(&GearboxParams {
        in_width: word,
        out_width: w,
        end: End::Pad,
    })?;
    let beat_ready = m.wire_decl("beat_ready", uint(1));
    let g = m.instance(
        "u_gear",
        &gear,
        &clk,
        &[
            ("in_valid", &r.get("out_valid")),
            ("in_data", &r.get("out_data")),
            ("in_last", &r.get("out_last")),
            ("out_ready", &beat_ready),
        ],
    );
    m.assign(&gear_in_ready, g.get("in_ready"));
    let more = m.wire("more", beats.ne(lit(0, BEATS_BITS)));
    let beat_valid = m.wire("beat_valid", g.get("out_valid"));
    m.assign(&data.valid, &beat_valid & &more);
    m.assign(&beat_ready, &data.ready | !&more);
    let beat = g.get("out_data");
    let (bytes, strobes) = match p.place_bits() {
        0 => (beat.clone(), repeat(wb, one())),
        k => {
            let place = o.offset.bits(k - 1, 0);
            let bits: Vec<Expr> = (0..w / 32).map(|i| repeat(4, place.is(i.into()))).collect();
            let first = cat(bits.iter().rev());
            let copies = repeat(w / 32, beat.bits(31, 0));
            (
                mux(&scalar, copies, &beat),
                mux(&scalar, first, repeat(wb, one())),
            )
        }
    };
    m.assign(&data.data, cat([&strobes, &bytes]));

    m.section("Finished when memory has answered and the gearbox is empty again");
    let answered = m.reg("answered", uint(1));
    let flushed = m.reg("flushed", uint(1));
    let flush = m.wire("flush", &beat_valid & &beat_ready & g.get("out_last"));
    let empty = m.wire("empty", &compute & !&refuse & total.is(0));
    let both = m.wire("both", all([&state.is(MOVE), &answered, &flushed]));
    m.clocked(&clk, |b| {
        b.when(&take, |b| {
            b.set(&state, lit(COMPUTE, 3));
        })
        .elif(&compute, |b| {
            b.set(&state, mux(&refuse | &empty, lit(IDLE, 3), lit(REQUEST, 3)));
        })
        .elif(state.is(REQUEST) & &req.ready, |b| {
            b.set(&state, lit(COMMAND, 3));
        })
        .elif(&cmd_valid & r.get("cmd_ready"), |b| {
            b.set(&state, lit(MOVE, 3));
        })
        .elif(&both, |b| {
            b.set(&state, lit(IDLE, 3));
        });
        b.when(&compute, |b| {
            b.set(&beats, &total);
        })
        .elif(data.fire(), |b| {
            b.set(&beats, beats.minus(1));
        });
        b.when(&compute, |b| {
            b.set(&answered, zero());
            b.set(&flushed, zero());
        })
        .otherwise(|b| {
            b.set(&answered, &answered | &answer);
            b.set(&flushed, &flushed | &flush);
        });
    });
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&done_q, &empty | &both);
    });
    m.assign(&port.done, &done_q);
    m.finish()
}
