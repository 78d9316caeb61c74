//! Host, program and queues; watchdog and faults.

use super::board::Board;
use crate::isa::Unit;
use crate::params::MachineParams;
use crate::rtl::{Clock, Expr, any, mux};

/// Connects csr, fetch, issue, the queues with their tokens, watchdog and faults.
pub(super) fn control(b: &mut Board, always: &Clock, units: &Clock, abi: &Expr, p: &MachineParams) {
    b.m.section("Host, program, queues");
    let idle = b.of_queues("idle");
    let (busy, stalled, retire) = (
        b.of_queues("busy"),
        b.of_queues("stalled"),
        b.of_queues("retire"),
    );
    let idle = b.m.wire("idle", idle);
    let busy = b.m.wire("busy", busy);
    let stalled = b.m.wire("stalled", stalled);
    let retire = b.m.wire("retire", retire);
    let read_stall = b.m.wire("read_stall", {
        let (valid, ready) = (b.get("guard.m_axi_0_rvalid"), b.get("guard.m_axi_0_rready"));
        valid & !ready
    });
    let mut inputs = b.wired(&[
        ("drained", "guard.drained"),
        ("port_stuck", "guard.stuck"),
        ("halted", "issue.halted"),
        ("token_valid", "issue.token_valid"),
        ("token_data", "issue.token_data"),
        ("pc", "issue.pc"),
        ("read_beat", "guard.read_beat"),
        ("write_beat", "guard.write_beat"),
        ("fault_valid", "faults.fault_valid"),
        ("fault_cause", "faults.fault_cause"),
        ("fault_unit", "faults.fault_unit"),
        ("fault_info", "faults.fault_info"),
        ("fault_pc", "faults.fault_pc"),
    ]);
    for (name, value) in [
        ("abi", abi),
        ("retire", &retire),
        ("busy", &busy),
        ("stalled", &stalled),
        ("read_stall", &read_stall),
    ] {
        inputs.push((name.into(), value.clone()));
    }
    b.place("csr", always, &inputs);

    let mut inputs = b.wired(&[
        ("start", "csr.start"),
        ("prog_base", "csr.prog_base"),
        ("image_base", "csr.image_base"),
        ("req_ready", "guard.fetch_req_ready"),
        ("rsp_valid", "guard.fetch_rsp_valid"),
        ("rsp_data", "guard.fetch_rsp_data"),
        ("rsp_last", "guard.fetch_rsp_last"),
    ]);
    inputs.push(("abi".into(), abi.clone()));
    b.place("fetch", units, &inputs);

    let ready = b.of_queues("in_ready");
    let mut inputs = b.wired(&[
        ("imem_we", "fetch.imem_we"),
        ("imem_addr", "fetch.imem_addr"),
        ("imem_data", "fetch.imem_data"),
        ("run", "fetch.run"),
        ("count", "fetch.count"),
        ("args", "csr.args"),
        ("rd_req_ready", "scratchpad.issue_req_ready"),
        ("rd_rsp_valid", "scratchpad.issue_rsp_valid"),
        ("rd_rsp_data", "scratchpad.issue_rsp_data"),
        ("wr_ready", "scratchpad.issue_ready"),
    ]);
    inputs.push(("dispatch_ready".into(), ready));
    inputs.push(("idle".into(), idle.clone()));
    b.place("issue", units, &inputs);

    let valids = b.get("issue.dispatch_valid");
    let mut token_inputs = Vec::new();
    for unit in Unit::ALL {
        let q = format!("queue_{unit}");
        let mut inputs = b.wired(&[
            ("in_data", "issue.dispatch_data"),
            ("op_ready", &format!("{unit}.op_ready")),
            ("done", &format!("{unit}.done")),
            ("tokens_ready", &format!("tokens.{unit}_ready")),
            ("tokens_space", &format!("tokens.{unit}_space")),
        ]);
        inputs.push(("in_valid".into(), valids.bit(unit.index() as u32)));
        b.place(&q, units, &inputs);
        for (to, from) in [
            ("wait", "wait_mask"),
            ("take", "take"),
            ("release", "release_mask"),
            ("give", "give"),
        ] {
            token_inputs.push((format!("{unit}_{to}"), b.get(&format!("{q}.{from}"))));
        }
    }
    b.place("tokens", units, &token_inputs);

    b.m.section("Watchdog and faults");
    let beats = [b.get("guard.read_beat"), b.get("guard.write_beat")];
    let moved = [
        beats[0].clone(),
        beats[1].clone(),
        retire.reduce_or(),
        valids.reduce_or() & b.of_queues("in_ready").reduce_or(),
        b.get("issue.token_valid"),
    ];
    let progress = b.m.wire("progress", any(&moved));
    let mut inputs = b.wired(&[("running", "csr.running"), ("issue_pc", "issue.pc")]);
    inputs.push(("progress".into(), progress));
    inputs.push(("busy".into(), busy));
    inputs.push(("idle".into(), idle));
    for unit in Unit::ALL {
        inputs.push((format!("{unit}_pc"), b.get(&format!("queue_{unit}.pc"))));
    }
    b.place("watchdog", units, &inputs);

    let mut inputs = b.wired(&[
        ("guard_fault_valid", "guard.fault_valid"),
        ("guard_fault_cause", "guard.fault_cause"),
        ("guard_fault_unit", "guard.fault_unit"),
        ("guard_fault_pc", "guard.fault_pc"),
        ("issue_pc", "issue.pc"),
        ("scratch_fault_valid", "scratchpad.fault_valid"),
        ("scratch_fault_port", "scratchpad.fault_port"),
        ("scratch_fault_info", "scratchpad.fault_info"),
        ("issue_fault_valid", "issue.fault_valid"),
        ("issue_fault_cause", "issue.fault_cause"),
        ("issue_fault_info", "issue.fault_info"),
        ("fetch_fault_valid", "fetch.fault_valid"),
        ("fetch_fault_cause", "fetch.fault_cause"),
        ("fetch_fault_info", "fetch.fault_info"),
        ("watchdog_fault_valid", "watchdog.fault_valid"),
        ("watchdog_fault_unit", "watchdog.fault_unit"),
        ("watchdog_fault_pc", "watchdog.fault_pc"),
    ]);
    // A request can lie past what the bus can address; the CSRs report as many bits as an address has.
    let address = b.get("guard.fault_addr");
    if p.addr_bits < 64 {
        b.m.unused(address.bits(63, p.addr_bits));
    }
    inputs.push(("guard_fault_info".into(), address.bits(p.addr_bits - 1, 0)));
    for unit in Unit::ALL {
        for port in ["valid", "cause", "info"] {
            let name = format!("{unit}_fault_{port}");
            inputs.push((name, b.get(&format!("{unit}.fault_{port}"))));
        }
        // load and store fault while they take an instruction, when older ones may still be in flight.
        let oldest = b.get(&format!("queue_{unit}.pc"));
        let pc = if matches!(unit, Unit::Load | Unit::Store) {
            let own = b.get(&format!("{unit}.fault_valid"));
            mux(&own, b.get(&format!("{unit}.fault_pc")), oldest)
        } else {
            oldest
        };
        inputs.push((format!("{unit}_pc"), pc));
    }
    b.place("faults", units, &inputs);
    for unit in Unit::ALL {
        let newest = b.get(&format!("queue_{unit}.pc_newest"));
        b.m.unused(newest);
        if !p.trace {
            let pc = b.get(&format!("queue_{unit}.retire_pc"));
            b.m.unused(pc);
        }
    }
}
