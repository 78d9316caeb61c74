//! The load unit.

use std::sync::Arc;

use super::IN_FLIGHT;
use crate::glue::{End, FifoParams, GearboxParams, gearbox, sync_fifo};
use crate::isa::Op;
use crate::memory::{BEATS_BITS, MoveParams, MovePorts, Operation, ceil_shift, request};
use crate::rtl::{
    Expr, MemStyle, Module, ModuleBuilder, RtlError, cat, lit, mux, one, repeat, uint, zero,
};
use crate::scratchpad::{ADDR_BITS, COUNT_BITS, WriterPort};

// Where the beats of an instruction go; 0 is to words of the scratchpad.
const SCALAR: u64 = 1;
const WEIGHTS: u64 = 2;

// States of the front: take an instruction, compute its request, send it.
const IDLE: u64 = 0;
const COMPUTE: u64 = 1;
const SEND: u64 = 2;

/// The load unit; ports in the folder's index.
///
/// # Errors
/// Sizes outside the ranges of [`MoveParams`].
pub fn load(p: &MoveParams) -> Result<Arc<Module>, RtlError> {
    p.check("load")?;
    let (w, word) = (p.bus_bits, p.word_bits());
    let mut m = Module::new("load").doc(format!(
        "ld, ld1, ldw, ldp: beats of {w} bits from DRAM to scratchpad words of {word} bits and to two packet streams.\n\
         Up to {IN_FLIGHT} instructions in flight, done in order.",
    ));
    let clk = m.clock_reset("clk", "rst");
    let port = MovePorts::new(&mut m, p, "pulse: the oldest instruction is finished");
    let req = &port.req;
    let rsp = m.sink_last("mem_rsp", uint(w), "beats, last of the request");
    let wgt = m.source_last("wgt", uint(w), "packets for tlmm");
    let stream = m.source_last("str", uint(w), "packets for pe");
    let wr = WriterPort::new(&mut m, word);

    m.section("Front: take an instruction, compute its request, send it");
    let state = m.reg_init("state", uint(2), IDLE);
    m.note(&state, "0 idle, 1 compute, 2 send");
    let faulted = port.fault.flag(&mut m);
    m.assign(&port.op.ready, state.is(IDLE) & !&faulted);
    let take = m.wire("take", port.op.fire());
    let o = Operation::capture(&mut m, &clk, &take, &port.op.data);
    let code = |op: Op| o.opcode.is(op.opcode().into());
    let (is_ld, is_scalar) = (
        m.wire("is_ld", code(Op::Ld)),
        m.wire("is_ld1", code(Op::Ld1)),
    );
    let is_ldw = code(Op::Ldw);
    let size = Sizes::new(&mut m, p, &o.n, &is_ld);
    let compute = m.wire("compute", state.is(COMPUTE));
    let astray = m.wire("astray", Operation::off_beat(p, &o.offset) & !&is_scalar);
    let oversize = m.wire("oversize", &size.too_large & !&is_scalar);
    let asked = (&faulted, &compute);
    let refuse = port.refuse(&mut m, &clk, asked, &o, (&astray, &oversize));

    let address = o.address(p, &port.image_base, &port.state_base);
    let addr = m.delay("addr", &clk, Some(&compute), address);
    let beats = mux(&is_scalar, lit(1, BEATS_BITS), &size.beats);
    let beats = m.delay("beats", &clk, Some(&compute), beats);
    let count = mux(&is_scalar, lit(1, COUNT_BITS), &size.words);
    let count = m.delay("count", &clk, Some(&compute), count);
    let kind = cat([
        &!(&is_ld | &is_scalar),
        &mux(&is_ld | &is_ldw, zero(), one()),
    ]);
    let kind = m.delay("kind", &clk, Some(&compute), kind);
    m.note(&kind, "0 words, 1 scalar, 2 weights, 3 stream");
    let empty = m.wire("empty", beats.is(0));
    m.assign(&req.data, request(&o.pc, &beats, &addr));

    m.section("Instructions whose beats are on their way");
    let pb = p.place_bits().max(1);
    let place = o.offset.bits(pb - 1, 0);
    let entry = m.wire("entry", cat([&place, &empty, &kind, &count, &o.f0]));
    let fifo = sync_fifo(&FifoParams {
        width: entry.width(),
        depth: IN_FLIGHT,
        style: MemStyle::Distributed,
    })?;
    let push = m.wire_decl("push", uint(1));
    let retire = m.wire_decl("retire", uint(1));
    let f = m.instance(
        "u_flight",
        &fifo,
        &clk,
        &[
            ("in_valid", &push),
            ("in_data", &entry),
            ("out_ready", &retire),
        ],
    );
    m.unused(f.get("level"));
    let sending = m.wire("sending", state.is(SEND) & f.get("in_ready"));
    m.assign(&req.valid, &sending & !&empty);
    m.assign(&push, &sending & (&empty | &req.ready));
    m.clocked(&clk, |b| {
        b.when(&take, |b| {
            b.set(&state, lit(COMPUTE, 2));
        })
        .elif(&compute, |b| {
            b.set(&state, mux(&refuse, lit(IDLE, 2), lit(SEND, 2)));
        })
        .elif(&push, |b| {
            b.set(&state, lit(IDLE, 2));
        });
    });
    let head = f.get("out_data");
    let cut = |low: u32, bits: u32| head.bits(low + bits - 1, low);
    let dst = m.wire("dst", cut(0, ADDR_BITS));
    let words = m.wire("words", cut(ADDR_BITS, COUNT_BITS));
    let to = m.wire("to", cut(ADDR_BITS + COUNT_BITS, 2));
    let nothing = m.wire("nothing", cut(ADDR_BITS + COUNT_BITS + 2, 1));
    let place = m.wire("place", cut(ADDR_BITS + COUNT_BITS + 3, pb));
    let head_valid = m.wire("head_valid", f.get("out_valid"));
    let active = m.wire("active", &head_valid & !&nothing);
    let rsp_last = rsp.last.clone().unwrap_or_else(zero);

    m.section("Packets pass straight through");
    let to_words = m.wire("to_words", &active & !to.bit(1));
    let to_wgt = m.wire("to_wgt", &active & to.is(WEIGHTS));
    let to_str = m.wire("to_str", &active & to.is(WEIGHTS + 1));
    for (source, on) in [(&wgt, &to_wgt), (&stream, &to_str)] {
        m.assign(&source.valid, &rsp.valid & on);
        m.assign(&source.data, &rsp.data);
        if let Some(last) = &source.last {
            m.assign(last, &rsp_last);
        }
    }

    m.section("Words: the gearbox, then the scratchpad; beats past the last word are dropped");
    let scalar = m.wire("scalar", to.is(SCALAR));
    let chosen = match p.place_bits() {
        0 => {
            m.unused(&place);
            rsp.data.clone()
        }
        _ => repeat(w / 32, rsp.data.part(&place, 32)),
    };
    let beat = m.wire("beat", mux(&scalar, chosen, &rsp.data));
    let ended = m.reg_init("ended", uint(1), 0);
    m.note(
        &ended,
        "the gearbox has the last beat; the next one belongs to the next instruction",
    );
    let offer = m.wire("offer", &rsp.valid & &to_words & !&ended);
    let gear_ready = m.wire_decl("word_ready", uint(1));
    let gear = gearbox(&GearboxParams {
        in_width: w,
        out_width: word,
        end: End::Pad,
    })?;
    let g = m.instance(
        "u_gear",
        &gear,
        &clk,
        &[
            ("in_valid", &offer),
            ("in_data", &beat),
            ("in_last", &rsp_last),
            ("out_ready", &gear_ready),
        ],
    );
    let written = m.reg("written", uint(COUNT_BITS));
    m.note(&written, "words of the instruction written");
    let more = m.wire("more", written.ne(&words));
    m.assign(&gear_ready, &wr.ready | !&more);
    m.assign(&wr.valid, g.get("out_valid") & &more);
    m.assign(&wr.addr, &dst + written.extend(ADDR_BITS));
    let data = g.get("out_data");
    m.assign(
        &wr.data,
        mux(&scalar, repeat(p.lanes, data.bits(31, 0)), &data),
    );
    let word_fire = m.wire("word_fire", g.get("out_valid") & &gear_ready);

    m.section("Retire");
    let feed = m.wire("feed", !&ended & g.get("in_ready"));
    let accept = mux(
        &to_words,
        &feed,
        mux(&to_wgt, &wgt.ready, &to_str & &stream.ready),
    );
    let accept = m.wire("accept", accept);
    m.assign(&rsp.ready, &accept);
    let beat_last = m.wire("beat_last", &rsp.valid & &accept & &rsp_last);
    let word_last = m.wire("word_last", &word_fire & g.get("out_last"));
    let finished = mux(&to_words, &word_last, &beat_last);
    m.assign(&retire, &head_valid & (&nothing | finished));
    m.clocked(&clk, |b| {
        b.when(&retire, |b| {
            b.set(&ended, zero());
        })
        .elif(&offer & g.get("in_ready") & &rsp_last, |b| {
            b.set(&ended, one());
        });
        b.when(&retire | !&head_valid, |b| {
            b.set(&written, lit(0, COUNT_BITS));
        })
        .elif(&word_fire & &more, |b| {
            b.set(&written, written.plus(1));
        });
    });
    let done_q = m.reg_init("done_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&done_q, &retire);
    });
    m.assign(&port.done, &done_q);
    m.finish()
}

/// What `n` 4-byte units come to.
struct Sizes {
    /// Beats, rounded up to whole words for `ld`.
    beats: Expr,
    /// Scratchpad words.
    words: Expr,
    too_large: Expr,
}

impl Sizes {
    fn new(m: &mut ModuleBuilder, p: &MoveParams, n: &Expr, is_ld: &Expr) -> Sizes {
        let (lane_bits, place_bits) = (p.lanes.trailing_zeros(), p.place_bits());
        let words = ceil_shift(m, "words_of", n, lane_bits);
        let words = m.wire("words_33", words);
        let plain = ceil_shift(m, "beats_of", n, place_bits);
        let beats = match lane_bits.checked_sub(place_bits) {
            // A word is several beats: whole words.
            Some(k) if k > 0 => {
                let whole = cat([&words.bits(32 - k, 0), &lit(0, k)]);
                mux(is_ld, whole, plain)
            }
            _ => plain,
        };
        let beats = m.wire("beats_33", beats);
        let many_words = is_ld & words.bits(32, COUNT_BITS).reduce_or();
        let many_beats = beats.bits(32, BEATS_BITS).reduce_or();
        Sizes {
            beats: beats.bits(BEATS_BITS - 1, 0),
            too_large: many_words | many_beats,
            words: words.bits(COUNT_BITS - 1, 0),
        }
    }
}
