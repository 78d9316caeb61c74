//! The write side: AW, W and B, client store.

use std::sync::Arc;

use super::cutter::cutter;
use super::{AddressChannel, GuardParams, Owed, Report, burst_fifo, silence, stuck_flag};
use crate::isa::Cause;
use crate::memory::{PC_BITS, request_bits};
use crate::rtl::{Expr, Module, RtlError, lit, mux, one, uint, zero};

/// Ports: `clk`, `rst`, `halt`, `state_base`, `state_limit`, sinks `store_req`, `store_wr`, `store_rsp_valid`, AW, W and
/// B without prefix and constants, `bad_valid/_cause/_addr/_pc`, `busy`, `stuck`, `beat`.
pub(super) fn write(p: &GuardParams) -> Result<Arc<Module>, RtlError> {
    let (a, ra, w, wb) = (
        p.addr_bits,
        p.request_addr_bits(),
        p.bus_bits,
        p.bus_bits / 8,
    );
    let mut m = Module::new("guard_write").doc(
        "Requests of store to bursts on AW, its beats to W, one pulse for each request answered on B.\n\
         While `halt` is high nothing new is issued and owed beats go out without strobes.",
    );
    let clk = m.clock_reset("clk", "rst");
    let halt = m.input("halt", uint(1), "draining");
    let base = m.input("state_base", uint(a), "first byte");
    let limit = m.input("state_limit", uint(a), "first byte past it");
    let req = m.sink(
        "store_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let data = m.sink("store_wr", uint(w + wb), "{strobes, data}");
    let rsp = m.output(
        "store_rsp_valid",
        uint(1),
        "pulse: the oldest request is written",
    );
    let aw = AddressChannel::ports(&mut m, "aw", p);
    let wvalid = m.output("wvalid", uint(1), "");
    let wready = m.input("wready", uint(1), "");
    let wdata = m.output("wdata", uint(w), "");
    let wstrb = m.output("wstrb", uint(wb), "");
    let wlast = m.output("wlast", uint(1), "");
    let bvalid = m.input("bvalid", uint(1), "");
    let bready = m.output("bready", uint(1), "");
    let bresp = m.input("bresp", uint(2), "");
    let bad_valid = m.output("bad_valid", uint(1), "something went wrong");
    let bad_cause = m.output("bad_cause", uint(8), "");
    let bad_addr = m.output("bad_addr", uint(ra), "");
    let bad_pc = m.output("bad_pc", uint(PC_BITS), "");
    let busy_out = m.output("busy", uint(1), "memory owes something");
    let stuck_out = m.output("stuck", uint(1), "memory does not drain");
    let beat_out = m.output("beat", uint(1), "a beat was written");

    m.section("One request at a time");
    let take = m.wire_decl("take_burst", uint(1));
    let cut = m.instance(
        "u_cutter",
        &cutter(p, 1)?,
        &clk,
        &[
            ("req_valid", &req.valid),
            ("req_data", &req.data),
            ("allow", &one()),
            ("base_0", &base),
            ("limit_0", &limit),
            ("halt", &halt),
            ("burst_ready", &take),
        ],
    );
    m.assign(&req.ready, cut.get("req_ready"));

    m.section("AW: a register, so that valid stays whatever happens behind it");
    let push = m.wire("push", cut.get("burst_valid") & &take);
    let aw_valid = aw.register(&mut m, &clk, "aw", &cut, &push);

    m.section("W: beats of the oldest burst not yet sent");
    let sent = m.wire_decl("sent", uint(1));
    let lengths = burst_fifo(
        &mut m,
        "u_lengths",
        &clk,
        p,
        &push,
        &cut.get("burst_len"),
        &sent,
    )?;
    m.unused(lengths.get("level"));
    let w_valid = m.reg_init("w_valid", uint(1), 0);
    let w_data = m.reg("w_data", uint(w));
    let w_strb = m.reg("w_strb", uint(wb));
    let w_last = m.reg("w_last", uint(1));
    let beat = m.reg_init("beat_q", uint(8), 0);
    let free = m.wire("free", (!&w_valid | &wready) & lengths.get("out_valid"));
    let next = m.wire("next", &free & (&halt | &data.valid));
    let last = m.wire("last", beat.eq(lengths.get("out_data")));
    m.assign(&data.ready, &free & !&halt);
    m.assign(&sent, &next & &last);
    let silent_beat = Expr::constant(0.into(), uint(wb));
    m.clocked(&clk, |b| {
        b.when(&next, |b| {
            b.set(&w_valid, one());
            b.set(&w_data, data.data.bits(w - 1, 0));
            b.set(
                &w_strb,
                mux(&halt, silent_beat, data.data.bits(w + wb - 1, w)),
            );
            b.set(&w_last, &last);
            b.set(&beat, mux(&last, lit(0, 8), beat.plus(1)));
        })
        .elif(&wready, |b| {
            b.set(&w_valid, zero());
        });
    });
    m.assign(&wvalid, &w_valid);
    m.assign(&wdata, &w_data);
    m.assign(&wstrb, &w_strb);
    m.assign(&wlast, &w_last);
    m.assign(&beat_out, &w_valid & &wready);

    m.section("B: one response a burst");
    let pop = m.wire_decl("pop", uint(1));
    let owed = Owed::new(&mut m, &clk, p, &cut, &cut.get("burst_end"), (&push, &pop))?;
    let places = &owed.room & lengths.get("in_ready");
    m.assign(&take, (!&aw_valid | &aw.ready) & places);
    m.assign(&bready, &owed.owing);
    m.assign(&pop, &bvalid);
    let wrong = m.wire("wrong", bresp.ne(lit(0, 2)));
    let answered = m.wire("answered", &bvalid & &owed.owing & !&halt);
    m.assign(&rsp, &answered & !&wrong & &owed.tag);

    m.section("Silence, faults");
    m.comment("While beats are owed and W is empty it is the client that is waited for.");
    let busy = m.wire("busy_w", &aw_valid | &w_valid | &owed.owing);
    let waiting = m.wire(
        "waiting",
        &aw_valid | &w_valid | (&owed.owing & !lengths.get("out_valid")),
    );
    let moved = (&aw_valid & &aw.ready) | (&w_valid & &wready);
    let progress = m.wire("progress", moved | &bvalid);
    let expired = silence(&mut m, &clk, p, &waiting, &progress);
    let stuck = stuck_flag(&mut m, &clk, &expired, &halt, &busy);
    m.assign(&stuck_out, &stuck);
    m.assign(&busy_out, &busy);
    let oldest = owed.addr.extend(ra);
    let wrong_now = m.wire("wrong_now", &answered & &wrong);
    let silent_now = m.wire("silent_now", &expired & !&halt);
    let bad = Report::of(Cause::AxiWrite, &wrong_now, &oldest, &owed.pc)
        .or(&Report::refusal(&cut))
        .or(&Report::of(Cause::Timeout, &silent_now, &oldest, &owed.pc));
    m.assign(&bad_valid, &bad.valid);
    m.assign(&bad_cause, &bad.cause);
    m.assign(&bad_addr, &bad.addr);
    m.assign(&bad_pc, &bad.pc);
    m.finish()
}
