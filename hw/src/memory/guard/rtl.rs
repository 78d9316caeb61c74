//! The guard: both sides, the AXI port, the first fault.

use std::sync::Arc;

use super::{GuardParams, Report, read::read, write::write};
use crate::isa::{FaultUnit, Unit};
use crate::memory::{PC_BITS, request_bits};
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, lit, mux, one, uint, zero};

/// Inputs of the AXI port: name without prefix, 0 for the width of data.
const AXI_IN: [(&str, u32); 9] = [
    ("arready", 1),
    ("rvalid", 1),
    ("rdata", 0),
    ("rresp", 2),
    ("rlast", 1),
    ("awready", 1),
    ("wready", 1),
    ("bvalid", 1),
    ("bresp", 2),
];

/// The guard; ports in the folder's index.
///
/// # Errors
/// Sizes outside the ranges of [`GuardParams`].
pub fn guard(p: &GuardParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = "guard".into();
        return Err(RtlError { module, faults });
    }
    let (a, w, wb) = (p.addr_bits, p.bus_bits, p.bus_bits / 8);
    let mut m = Module::new("guard").doc(format!(
        "AXI4 master of {w} bits: requests checked against their windows, cut into bursts of at most {} beats,\n\
         at most {} in flight in each direction. The first fault is kept; with a fault or `cancel` it drains.\n\
         `port_reset` forgets what memory owes: only together with a reset of the interconnect.",
        p.max_burst, p.outstanding
    ));
    let clk = m.clock_reset("clk", "rst");
    let port_reset = m.input("port_reset", uint(1), "forget everything");
    let cancel = m.input("cancel", uint(1), "issue nothing, drain");
    let clear = m.input(
        "clear",
        uint(1),
        "pulse before a start: forget the fault; nothing owed",
    );
    let names = [
        "program_base",
        "program_limit",
        "image_base",
        "image_limit",
        "state_base",
        "state_limit",
    ];
    let windows = names.map(|n| {
        (
            n,
            m.input(n, uint(a), "byte address; a limit is the first byte past"),
        )
    });
    let fetch = m.sink(
        "fetch_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let fetch_rsp = m.source_last("fetch_rsp", uint(w), "beats, last of the request");
    let load = m.sink(
        "load_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let load_rsp = m.source_last("load_rsp", uint(w), "beats, last of the request");
    let store = m.sink(
        "store_req",
        uint(request_bits(a)),
        "{pc, beats, byte address}",
    );
    let store_wr = m.sink("store_wr", uint(w + wb), "{strobes, data}");
    let store_rsp = m.output(
        "store_rsp_valid",
        uint(1),
        "pulse: the oldest request is written",
    );
    let fault_valid = m.output("fault_valid", uint(1), "held until clear");
    let fault_cause = m.output("fault_cause", uint(8), "");
    let fault_unit = m.output("fault_unit", uint(4), "whose request it was");
    let fault_addr = m.output("fault_addr", uint(64), "byte address");
    let fault_pc = m.output("fault_pc", uint(PC_BITS), "");
    let drained = m.output("drained", uint(1), "memory owes nothing");
    let stuck = m.output("stuck", uint(1), "memory does not drain");
    let read_beat = m.output("read_beat", uint(1), "a beat moves on R");
    let write_beat = m.output("write_beat", uint(1), "a beat moves on W");
    let axi_in = AXI_IN.map(|(n, bits)| {
        let bits = if bits == 0 { w } else { bits };
        (n, m.input(&format!("m_axi_0_{n}"), uint(bits), ""))
    });
    let rid = m.input("m_axi_0_rid", uint(1), "always 0");
    let bid = m.input("m_axi_0_bid", uint(1), "always 0");
    m.unused(&rid);
    m.unused(&bid);

    let reset = m.wire("reset", &clk.rst | &port_reset);
    let clk = Clock {
        clk: clk.clk,
        rst: reset,
    };
    let faulted = m.reg_init("faulted", uint(1), 0);
    let halt = m.wire("halt", &faulted | &cancel);

    m.section("Both sides");
    let pick = |names: &[&str]| -> Vec<(&'static str, Expr)> {
        axi_in
            .iter()
            .filter(|(n, _)| names.contains(n))
            .map(|(n, e)| (*n, e.clone()))
            .collect()
    };
    let mut conns = pick(&["arready", "rvalid", "rdata", "rresp", "rlast"]);
    conns.extend(windows.iter().map(|(n, e)| (*n, e.clone())));
    conns.extend([
        ("halt", halt.clone()),
        ("fetch_req_valid", fetch.valid.clone()),
        ("fetch_req_data", fetch.data.clone()),
        ("load_req_valid", load.valid.clone()),
        ("load_req_data", load.data.clone()),
        ("fetch_rsp_ready", fetch_rsp.ready.clone()),
        ("load_rsp_ready", load_rsp.ready.clone()),
    ]);
    let conns: Vec<_> = conns.iter().map(|(n, e)| (*n, e)).collect();
    let r = m.instance("u_reads", &read(p)?, &clk, &conns);
    let mut conns = pick(&["awready", "wready", "bvalid", "bresp"]);
    conns.extend(windows.iter().skip(4).map(|(n, e)| (*n, e.clone())));
    conns.extend([
        ("halt", halt.clone()),
        ("store_req_valid", store.valid.clone()),
        ("store_req_data", store.data.clone()),
        ("store_wr_valid", store_wr.valid.clone()),
        ("store_wr_data", store_wr.data.clone()),
    ]);
    let conns: Vec<_> = conns.iter().map(|(n, e)| (*n, e)).collect();
    let s = m.instance("u_writes", &write(p)?, &clk, &conns);

    m.section("Clients");
    m.assign(&fetch.ready, r.get("fetch_req_ready"));
    m.assign(&load.ready, r.get("load_req_ready"));
    for (name, rsp) in [("fetch_rsp", &fetch_rsp), ("load_rsp", &load_rsp)] {
        m.assign(&rsp.valid, r.get(&format!("{name}_valid")));
        m.assign(&rsp.data, r.get(&format!("{name}_data")));
        if let Some(last) = &rsp.last {
            m.assign(last, r.get(&format!("{name}_last")));
        }
    }
    m.assign(&store.ready, s.get("store_req_ready"));
    m.assign(&store_wr.ready, s.get("store_wr_ready"));
    m.assign(&store_rsp, s.get("store_rsp_valid"));
    m.assign(&read_beat, r.get("beat"));
    m.assign(&write_beat, s.get("beat"));

    m.section("AXI port");
    for (side, name) in [(&r, "ar"), (&s, "aw")] {
        address_channel(&mut m, name, p, side);
    }
    for (side, name, bits) in [
        (&r, "rready", 1),
        (&s, "wvalid", 1),
        (&s, "wdata", w),
        (&s, "wstrb", wb),
        (&s, "wlast", 1),
        (&s, "bready", 1),
    ] {
        let out = m.output(&format!("m_axi_0_{name}"), uint(bits), "");
        m.assign(&out, side.get(name));
    }

    m.section("The first fault is kept; of two in one cycle the read's");
    let report = |i: &crate::rtl::Instance| Report {
        valid: i.get("bad_valid"),
        cause: i.get("bad_cause"),
        addr: i.get("bad_addr"),
        pc: i.get("bad_pc"),
    };
    let bad = report(&r).or(&report(&s));
    let store_code = lit(FaultUnit::Queue(Unit::Store).code().into(), 4);
    let unit = mux(r.get("bad_valid"), r.get("bad_unit"), store_code);
    let cause_q = m.reg("cause_q", uint(8));
    let unit_q = m.reg("unit_q", uint(4));
    let addr_q = m.reg("addr_q", uint(p.request_addr_bits()));
    let pc_q = m.reg("pc_q", uint(PC_BITS));
    let done = m.wire("owes_nothing", !(r.get("busy") | s.get("busy")));
    m.clocked(&clk, |b| {
        b.when(&clear & &done, |b| {
            b.set(&faulted, zero());
        })
        .elif(&bad.valid & !&faulted, |b| {
            b.set(&faulted, one());
            b.set(&cause_q, &bad.cause);
            b.set(&unit_q, unit);
            b.set(&addr_q, &bad.addr);
            b.set(&pc_q, &bad.pc);
        });
    });
    m.assign(&fault_valid, &faulted);
    m.assign(&fault_cause, &cause_q);
    m.assign(&fault_unit, &unit_q);
    m.assign(&fault_addr, addr_q.extend(64));
    m.assign(&fault_pc, &pc_q);
    m.assign(&drained, &done);
    m.assign(&stuck, r.get("stuck") | s.get("stuck"));
    m.finish()
}

/// Outputs of AR or AW: what the side gives, and the constants of a plain incrementing burst.
fn address_channel(
    m: &mut ModuleBuilder,
    name: &str,
    p: &GuardParams,
    side: &crate::rtl::Instance,
) {
    for (field, bits) in [("valid", 1), ("addr", p.addr_bits), ("len", 8)] {
        let out = m.output(&format!("m_axi_0_{name}{field}"), uint(bits), "");
        m.assign(&out, side.get(&format!("{name}{field}")));
    }
    let size = p.beat_bits().into();
    for (field, bits, value, doc) in [
        ("id", 1, 0, ""),
        ("size", 3, size, "whole bus"),
        ("burst", 2, 1, "incrementing"),
        ("cache", 4, 3, "normal, not cacheable, bufferable"),
        ("prot", 3, 0, ""),
    ] {
        let out = m.output(&format!("m_axi_0_{name}{field}"), uint(bits), doc);
        m.assign(&out, lit(value, bits));
    }
}
