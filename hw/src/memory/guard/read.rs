//! The read side: AR and R, clients fetch and load.

use std::sync::Arc;

use super::cutter::cutter;
use super::{AddressChannel, GuardParams, Owed, Report, silence, stuck_flag};
use crate::isa::{Cause, FaultUnit, Unit};
use crate::memory::{PC_BITS, request_bits};
use crate::rtl::{Module, RtlError, cat, lit, mux, one, uint};

/// Ports: `clk`, `rst`, `halt`, windows, sinks `fetch_req`, `load_req`, sources `fetch_rsp`, `load_rsp`, AR and R without
/// prefix and constants, `bad_valid/_cause/_unit/_addr/_pc`, `busy`, `stuck`, `beat`.
pub(super) fn read(p: &GuardParams) -> Result<Arc<Module>, RtlError> {
    let (a, ra) = (p.addr_bits, p.request_addr_bits());
    let mut m = Module::new("guard_read").doc(
        "Requests of fetch (first) and load to bursts on AR; R to the client that asked, in order.\n\
         While `halt` is high nothing new is issued and read data is dropped.",
    );
    let clk = m.clock_reset("clk", "rst");
    let halt = m.input("halt", uint(1), "draining");
    let windows = ["program", "image", "state"].map(|w| {
        let base = m.input(&format!("{w}_base"), uint(a), "first byte");
        (
            base,
            m.input(&format!("{w}_limit"), uint(a), "first byte past it"),
        )
    });
    let fetch = m.sink(
        "fetch_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let load = m.sink(
        "load_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let fetch_rsp = m.source_last("fetch_rsp", uint(p.bus_bits), "beats, last of the request");
    let load_rsp = m.source_last("load_rsp", uint(p.bus_bits), "beats, last of the request");
    let ar = AddressChannel::ports(&mut m, "ar", p);
    let rvalid = m.input("rvalid", uint(1), "");
    let rready = m.output("rready", uint(1), "");
    let rdata = m.input("rdata", uint(p.bus_bits), "");
    let rresp = m.input("rresp", uint(2), "");
    let rlast = m.input("rlast", uint(1), "");
    let bad_valid = m.output("bad_valid", uint(1), "something went wrong");
    let bad_cause = m.output("bad_cause", uint(8), "");
    let bad_unit = m.output("bad_unit", uint(4), "");
    let bad_addr = m.output("bad_addr", uint(ra), "");
    let bad_pc = m.output("bad_pc", uint(PC_BITS), "");
    let busy_out = m.output("busy", uint(1), "memory owes something");
    let stuck_out = m.output("stuck", uint(1), "memory does not drain");
    let beat_out = m.output("beat", uint(1), "a beat was read");

    m.section("One request at a time, fetch first");
    let for_fetch = m.reg("for_fetch", uint(1));
    m.note(&for_fetch, "the request in hand is fetch's");
    let either = m.wire("either", &fetch.valid | &load.valid);
    let asked = m.wire("asked", mux(&fetch.valid, &fetch.data, &load.data));
    m.comment("Fetch may read program and image, load image and state.");
    let allow = m.wire("allow", cat([&!&for_fetch, &one(), &for_fetch]));
    let take = m.wire_decl("take_burst", uint(1));
    let mut conns = vec![
        ("req_valid", &either),
        ("req_data", &asked),
        ("allow", &allow),
    ];
    conns.extend([("halt", &halt), ("burst_ready", &take)]);
    for ((base, limit), (b, l)) in windows.iter().zip([
        ("base_0", "limit_0"),
        ("base_1", "limit_1"),
        ("base_2", "limit_2"),
    ]) {
        conns.extend([(b, base), (l, limit)]);
    }
    let cut = m.instance("u_cutter", &cutter(p, 3)?, &clk, &conns);
    m.assign(&fetch.ready, cut.get("req_ready"));
    m.assign(&load.ready, cut.get("req_ready") & !&fetch.valid);
    m.clocked(&clk, |b| {
        b.when(cut.get("req_ready"), |b| {
            b.set(&for_fetch, &fetch.valid);
        });
    });

    m.section("AR: a register, so that valid stays whatever happens behind it");
    let pop = m.wire_decl("pop", uint(1));
    let push = m.wire("push", cut.get("burst_valid") & &take);
    let ar_valid = ar.register(&mut m, &clk, "ar", &cut, &push);

    m.section("Bursts that memory owes beats for");
    let tag = cat([&for_fetch, &cut.get("burst_end"), &cut.get("burst_len")]);
    let owed = Owed::new(&mut m, &clk, p, &cut, &tag, (&push, &pop))?;
    m.assign(&take, (!&ar_valid | &ar.ready) & &owed.room);

    m.section("R: the oldest burst owns the beats");
    let head_len = m.wire("head_len", owed.tag.bits(7, 0));
    let head_end = m.wire("head_end", owed.tag.bit(8));
    let head_fetch = m.wire("head_fetch", owed.tag.bit(9));
    let beat = m.reg_init("beat_q", uint(8), 0);
    m.note(&beat, "beat of the burst");
    let last = m.wire("last", beat.eq(&head_len));
    let wrong = m.wire("wrong", rresp.ne(lit(0, 2)) | rlast.ne(&last));
    let deliver = m.wire("deliver", &rvalid & &owed.owing & !&halt & !&wrong);
    let client = mux(&head_fetch, &fetch_rsp.ready, &load_rsp.ready);
    let ready = m.wire("ready", &owed.owing & (&halt | &wrong | client));
    let fire = m.wire("fire", &rvalid & &ready);
    m.assign(&rready, &ready);
    m.assign(&pop, &fire & &last);
    m.clocked(&clk, |b| {
        b.when(&fire, |b| {
            b.set(&beat, mux(&last, lit(0, 8), beat.plus(1)));
        });
    });
    for (rsp, mine) in [(&fetch_rsp, head_fetch.clone()), (&load_rsp, !&head_fetch)] {
        m.assign(&rsp.valid, &deliver & mine);
        m.assign(&rsp.data, &rdata);
        if let Some(l) = &rsp.last {
            m.assign(l, &last & &head_end);
        }
    }
    m.assign(&beat_out, &fire);

    m.section("Silence, faults");
    let busy = m.wire("busy_w", &ar_valid | &owed.owing);
    let progress = m.wire("progress", (&ar_valid & &ar.ready) | &rvalid);
    let expired = silence(&mut m, &clk, p, &busy, &progress);
    let stuck = stuck_flag(&mut m, &clk, &expired, &halt, &busy);
    m.assign(&stuck_out, &stuck);
    m.assign(&busy_out, &busy);
    let oldest = owed.addr.extend(ra);
    let wrong_now = m.wire("wrong_now", &fire & &wrong & !&halt);
    let silent_now = m.wire("silent_now", &expired & !&halt);
    let refused = Report::refusal(&cut);
    let bad = Report::of(Cause::AxiRead, &wrong_now, &oldest, &owed.pc)
        .or(&refused)
        .or(&Report::of(Cause::Timeout, &silent_now, &oldest, &owed.pc));
    let culprit = mux(&refused.valid & !&wrong_now, &for_fetch, &head_fetch);
    let code = |unit: FaultUnit| lit(unit.code().into(), 4);
    m.assign(&bad_valid, &bad.valid);
    m.assign(&bad_cause, &bad.cause);
    m.assign(
        &bad_unit,
        mux(
            culprit,
            code(FaultUnit::Fetch),
            code(FaultUnit::Queue(Unit::Load)),
        ),
    );
    m.assign(&bad_addr, &bad.addr);
    m.assign(&bad_pc, &bad.pc);
    m.finish()
}
