//! From a request to bursts: window check, then cuts at 4 KB and at the longest burst.

use std::sync::Arc;

use super::{GuardParams, Report};
use crate::isa::Cause;
use crate::memory::{BEATS_BITS, PC_BITS, request_bits};
use crate::rtl::{Module, RtlError, any, cat, lit, mux, uint};

// States: one request at a time, each step one cycle.
const IDLE: u64 = 0;
const SUM: u64 = 1;
const CHECK: u64 = 2;
const SIZE: u64 = 3;
const OFFER: u64 = 4;

/// Ports: `clk`, `rst`, sink `req`, `windows` bits of `allow` and for each window k `base_<k>`, `limit_<k>`, `halt`;
/// `burst_valid/_ready/_addr/_len/_end`, `pc`; `bad_valid/_cause/_addr` (its pc is `pc`).
pub(super) fn cutter(p: &GuardParams, windows: u32) -> Result<Arc<Module>, RtlError> {
    let (ra, beat_bits) = (p.request_addr_bits(), p.beat_bits());
    let mut m = Module::new(format!("guard_cutter_{windows}")).doc(format!(
        "Checks a request against {windows} window(s), then cuts it into bursts of at most {} beats\n\
         inside 4 KB. First burst 3 cycles after the request, then one in 2 cycles. `halt` forgets the request.",
        p.max_burst
    ));
    let clk = m.clock_reset("clk", "rst");
    let req = m.sink(
        "req",
        uint(request_bits(p.addr_bits)),
        "{pc, beats, byte address}",
    );
    let allow = m.input(
        "allow",
        uint(windows),
        "windows open to the client of the request in hand",
    );
    let bounds: Vec<_> = (0..windows)
        .map(|k| {
            let base = m.input(&format!("base_{k}"), uint(p.addr_bits), "first byte");
            let limit = m.input(
                &format!("limit_{k}"),
                uint(p.addr_bits),
                "first byte past it",
            );
            (base, limit)
        })
        .collect();
    let halt = m.input("halt", uint(1), "draining");
    let burst_valid = m.output("burst_valid", uint(1), "");
    let burst_ready = m.input("burst_ready", uint(1), "");
    let burst_addr = m.output("burst_addr", uint(p.addr_bits), "");
    let burst_len = m.output("burst_len", uint(8), "beats - 1");
    let burst_end = m.output("burst_end", uint(1), "last burst of the request");
    let pc_out = m.output("pc", uint(PC_BITS), "of the request in hand");
    let bad_valid = m.output("bad_valid", uint(1), "the request is refused");
    let bad_cause = m.output("bad_cause", uint(8), "");
    let bad_addr = m.output("bad_addr", uint(ra), "");

    m.section("The request in hand");
    let state = m.reg_init("state", uint(3), IDLE);
    m.note(&state, "0 idle, 1 sum, 2 check, 3 size, 4 offer");
    let addr = m.reg("addr", uint(ra));
    let left = m.reg("left", uint(BEATS_BITS));
    m.note(&left, "beats not yet in a burst");
    let pc = m.reg("pc_q", uint(PC_BITS));
    let end = m.reg("end_addr", uint(ra + 1));
    m.assign(&req.ready, state.is(IDLE) & !&halt);

    m.section("Check: wholly inside one window that the client may use");
    let bytes = cat([&left, &lit(0, beat_bits)]);
    let inside: Vec<_> = bounds
        .iter()
        .enumerate()
        .map(|(k, (base, limit))| {
            let above = addr.ge(base.extend(ra));
            let below = end.le(limit.extend(ra + 1));
            m.wire(&format!("inside_{k}"), allow.bit(k as u32) & above & below)
        })
        .collect();
    let aligned = m.wire("aligned", addr.bits(beat_bits - 1, 0).is(0));
    let good = m.wire("good", any(&inside) & &aligned);
    let refuse = m.wire("refuse", state.is(CHECK) & !&halt);
    m.assign(&bad_valid, &refuse & !&good);
    let cause = mux(
        &aligned,
        lit(Cause::Window.code().into(), 8),
        lit(Cause::Align.code().into(), 8),
    );
    m.assign(&bad_cause, cause);
    m.assign(&bad_addr, &addr);

    m.section("Size of the next burst");
    let page = 4096 / u64::from(p.bus_bits / 8);
    let place = addr.bits(11, beat_bits).extend(BEATS_BITS);
    let room = m.wire("room", lit(page, BEATS_BITS) - place);
    m.note(&room, "beats up to the next 4 KB");
    let longest = lit(p.max_burst.into(), BEATS_BITS);
    let most = m.wire("most", mux(room.lt(&longest), &room, longest));
    let fits = m.wire("fits", left.le(&most));
    let step_next = m.wire("step_next", mux(&fits, &left, &most));
    let step = m.reg("step", uint(9));
    let last = m.reg("last", uint(1));
    let fire = m.wire("fire", state.is(OFFER) & &burst_ready & !&halt);
    m.unused(step_next.bits(BEATS_BITS - 1, 9));
    m.clocked(&clk, |b| {
        b.when(&halt, |b| {
            b.set(&state, lit(IDLE, 3));
        })
        .elif(state.is(IDLE), |b| {
            b.when(&req.valid, |b| {
                b.set(&state, lit(SUM, 3));
            });
            b.set(&addr, req.data.bits(ra - 1, 0));
            b.set(&left, req.data.bits(ra + BEATS_BITS - 1, ra));
            b.set(
                &pc,
                req.data
                    .bits(ra + BEATS_BITS + PC_BITS - 1, ra + BEATS_BITS),
            );
        })
        .elif(state.is(SUM), |b| {
            b.set(&end, addr.extend(ra + 1) + bytes.extend(ra + 1));
            b.set(&state, mux(left.is(0), lit(IDLE, 3), lit(CHECK, 3)));
        })
        .elif(state.is(CHECK), |b| {
            b.set(&state, mux(&good, lit(SIZE, 3), lit(IDLE, 3)));
        })
        .elif(state.is(SIZE), |b| {
            b.set(&step, step_next.truncate(9));
            b.set(&last, &fits);
            b.set(&state, lit(OFFER, 3));
        })
        .elif(&fire, |b| {
            b.set(&addr, &addr + cat([&step, &lit(0, beat_bits)]).extend(ra));
            b.set(&left, &left - step.extend(BEATS_BITS));
            b.set(&state, mux(&last, lit(IDLE, 3), lit(SIZE, 3)));
        });
    });
    let less = m.wire("beats_less_1", step.minus(1));
    m.unused(less.bit(8));
    m.assign(&burst_valid, state.is(OFFER) & !&halt);
    m.assign(&burst_addr, addr.bits(p.addr_bits - 1, 0));
    m.assign(&burst_len, less.bits(7, 0));
    m.assign(&burst_end, &last);
    m.assign(&pc_out, &pc);
    m.finish()
}

impl Report {
    /// The cutter's refusal.
    pub(super) fn refusal(c: &crate::rtl::Instance) -> Report {
        Report {
            valid: c.get("bad_valid"),
            cause: c.get("bad_cause"),
            addr: c.get("bad_addr"),
            pc: c.get("pc"),
        }
    }
}
