//! RTL of `token_queue` and `tokens`.

use std::sync::Arc;

use super::{IN_FLIGHT, PLACES};
use crate::control::{DISPATCH_BITS, OP_BITS, PC_BITS};
use crate::glue::{FifoParams, sync_fifo};
use crate::isa::Unit;
use crate::params::MachineParams;
use crate::rtl::{MemStyle, Module, RtlError, all, bits_for, cat, lit, mux, uint};

/// Queue of one unit; the same module for all. Name `token_queue_d<depth>`.
///
/// # Errors
/// `queue_depth` is not a power of two of at least 2.
pub fn token_queue(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let units = Unit::COUNT as u32;
    let mut m = Module::new(format!("token_queue_d{}", p.queue_depth)).doc(format!(
        "Instruction queue of one unit: starts its head when every token is there, at most {IN_FLIGHT} in\n\
         flight, and retires in order, each retirement giving its tokens."
    ));
    let clk = m.clock_reset("clk", "rst");
    let input = m.sink("in", uint(DISPATCH_BITS), "op, wait mask, release mask");
    let op = m.source("op", uint(OP_BITS), "operation for the unit");
    let done = m.input("done", uint(1), "pulse: the oldest operation has finished");
    let wait_mask = m.output("wait_mask", uint(units), "tokens the head needs");
    let tokens_ready = m.input("tokens_ready", uint(1), "all of them are there");
    let take = m.output("take", uint(1), "the head starts");
    let release_mask = m.output("release_mask", uint(units), "tokens the oldest gives");
    let tokens_space = m.input("tokens_space", uint(1), "all of them have a place");
    let give = m.output("give", uint(1), "the oldest retires");
    let busy = m.output("busy", uint(1), "something is in flight");
    let stalled = m.output("stalled", uint(1), "the head waits for tokens");
    let idle = m.output("idle", uint(1), "nothing queued, nothing in flight");
    let pc = m.output("pc", uint(PC_BITS), "oldest in flight, else the head");
    let pc_newest = m.output("pc_newest", uint(PC_BITS), "started last");
    let retire = m.output("retire", uint(1), "pulse: an instruction retired");
    let retire_pc = m.output("retire_pc", uint(PC_BITS), "its number");

    m.section("Waiting instructions");
    let queue = m.instance(
        "u_queue",
        &sync_fifo(&FifoParams {
            width: DISPATCH_BITS,
            depth: p.queue_depth.into(),
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &input.valid),
            ("in_data", &input.data),
            ("out_ready", &take),
        ],
    );
    m.assign(&input.ready, queue.get("in_ready"));
    let head = queue.get("out_data");
    let head_valid = queue.get("out_valid");
    let head_pc = m.wire("head_pc", head.bits(31, 16));

    m.section("Start: only this queue takes its tokens, so an offer is never withdrawn");
    let flight_ready = m.wire_decl("flight_ready", uint(1));
    m.assign(&op.valid, all([&head_valid, &tokens_ready, &flight_ready]));
    m.assign(&op.data, head.bits(OP_BITS - 1, 0));
    m.assign(&wait_mask, head.bits(OP_BITS + units - 1, OP_BITS));
    m.assign(&take, op.fire());
    m.assign(&stalled, &head_valid & !&tokens_ready);

    m.section("In flight: release mask and number of each");
    let head_release = m.wire(
        "head_release",
        head.bits(DISPATCH_BITS - 1, OP_BITS + units),
    );
    let entry = m.wire("entry", cat([&head_release, &head_pc]));
    let flight = m.instance(
        "u_flight",
        &sync_fifo(&FifoParams {
            width: units + PC_BITS,
            depth: IN_FLIGHT,
            style: MemStyle::Distributed,
        })?,
        &clk,
        &[
            ("in_valid", &take),
            ("in_data", &entry),
            ("out_ready", &give),
        ],
    );
    m.assign(&flight_ready, flight.get("in_ready"));
    let oldest = flight.get("out_data");
    let oldest_valid = flight.get("out_valid");
    let oldest_pc = m.wire("oldest_pc", oldest.bits(PC_BITS - 1, 0));
    m.assign(&release_mask, oldest.bits(PC_BITS + units - 1, PC_BITS));

    m.section("Retirement");
    m.comment("A full counter delays retirement, so finished instructions are counted.");
    let finished = m.reg_init("finished", uint(bits_for(IN_FLIGHT)), 0);
    let pending = m.wire("pending", &done | finished.reduce_or());
    m.assign(&give, all([&pending, &oldest_valid, &tokens_space]));
    let newest = m.reg_init("newest", uint(PC_BITS), 0);
    m.clocked(&clk, |b| {
        b.when(&done & !&give, |b| {
            b.set(&finished, finished.plus(1));
        })
        .elif(!&done & &give, |b| {
            b.set(&finished, finished.minus(1));
        });
        b.when(&take, |b| {
            b.set(&newest, &head_pc);
        });
    });
    m.assign(&busy, &oldest_valid);
    m.assign(&idle, !&oldest_valid & !&head_valid);
    let waiting_pc = m.wire("waiting_pc", mux(&head_valid, &head_pc, lit(0, PC_BITS)));
    m.assign(&pc, mux(&oldest_valid, &oldest_pc, &waiting_pc));
    m.assign(&pc_newest, &newest);
    m.assign(&retire, &give);
    m.assign(&retire_pc, &oldest_pc);
    m.unused(queue.get("level"));
    m.unused(flight.get("level"));
    m.finish()
}

/// Counters between units; ports in the order of [`Unit::ALL`].
///
/// # Errors
/// None that a caller can cause.
pub fn tokens() -> Result<Arc<Module>, RtlError> {
    let units = Unit::COUNT as u32;
    let width = bits_for(PLACES);
    let mut m = Module::new("tokens").doc(format!(
        "Token counters between every ordered pair of units, {PLACES} places each.\n\
         A token given in one cycle can be taken in the next."
    ));
    let clk = m.clock_reset("clk", "rst");
    let mut ports = Vec::new();
    for unit in Unit::ALL {
        ports.push((
            m.input(
                &format!("{unit}_wait"),
                uint(units),
                "tokens its head needs",
            ),
            m.output(&format!("{unit}_ready"), uint(1), "all of them are there"),
            m.input(&format!("{unit}_take"), uint(1), "pulse: take them"),
            m.input(
                &format!("{unit}_release"),
                uint(units),
                "tokens it is to give",
            ),
            m.output(
                &format!("{unit}_space"),
                uint(1),
                "all of them have a place",
            ),
            m.input(&format!("{unit}_give"), uint(1), "pulse: give them"),
        ));
    }
    let mut counters = Vec::new();
    for from in Unit::ALL {
        m.section(&format!("From {from}"));
        for to in Unit::ALL {
            let (i, j) = (from.index() as u32, to.index() as u32);
            let count = m.reg_init(&format!("{from}_to_{to}"), uint(width), 0);
            let give = &ports[from.index()].5 & ports[from.index()].3.bit(j);
            let take = &ports[to.index()].2 & ports[to.index()].0.bit(i);
            let give = m.wire(&format!("{from}_gives_{to}"), give);
            let take = m.wire(&format!("{to}_takes_{from}"), take);
            m.clocked(&clk, |b| {
                b.when(&give & !&take, |b| {
                    b.set(&count, count.plus(1));
                })
                .elif(&take & !&give, |b| {
                    b.set(&count, count.minus(1));
                });
            });
            counters.push(count);
        }
    }
    m.section("Answers: a mask bit blocks while its counter is empty (ready) or full (space)");
    let at = |from: Unit, to: Unit| &counters[from.index() * Unit::COUNT + to.index()];
    for unit in Unit::ALL {
        let (needs, ready, _, gives, space, _) = &ports[unit.index()];
        let k = |u: Unit| u.index() as u32;
        let has: Vec<_> = Unit::ALL
            .iter()
            .map(|&v| !needs.bit(k(v)) | at(v, unit).reduce_or())
            .collect();
        let room: Vec<_> = Unit::ALL
            .iter()
            .map(|&v| !gives.bit(k(v)) | at(unit, v).ne(lit(PLACES, width)))
            .collect();
        m.assign(ready, all(&has));
        m.assign(space, all(&room));
    }
    m.finish()
}
