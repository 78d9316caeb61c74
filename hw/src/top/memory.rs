//! Between the units and DRAM: guard, load with the packet buffers, store; and the scratchpad.

use super::board::Board;
use crate::rtl::{Clock, cat};

/// Prefixes of a unit's scratchpad read ports on the unit, and names of these ports on the scratchpad.
pub(super) const READERS: [(&str, &str, &str); 7] = [
    ("vec", "a", "vec_a"),
    ("vec", "b", "vec_b"),
    ("tlmm", "rd", "tlmm"),
    ("pe", "rd", "pe"),
    ("store", "", "store"),
    ("sample", "rd", "sample"),
    ("issue", "rd", "issue"),
];

const WRITERS: [&str; 6] = ["vec", "tlmm", "pe", "load", "sample", "issue"];

/// Port `port` with the prefix, if there is one.
pub(super) fn joined(prefix: &str, port: &str) -> String {
    if prefix.is_empty() {
        port.to_string()
    } else {
        format!("{prefix}_{port}")
    }
}

/// Connects the memory path.
pub(super) fn memory(b: &mut Board, always: &Clock, units: &Clock) {
    b.m.section("Memory path");
    let mut inputs = b.wired(&[
        ("port_reset", "csr.port_reset"),
        ("cancel", "csr.abort_units"),
        ("program_base", "csr.prog_base"),
        ("program_limit", "csr.prog_limit"),
        ("image_base", "csr.image_base"),
        ("image_limit", "csr.image_limit"),
        ("state_base", "csr.state_base"),
        ("state_limit", "csr.state_limit"),
        ("fetch_req_valid", "fetch.req_valid"),
        ("fetch_req_data", "fetch.req_data"),
        ("fetch_rsp_ready", "fetch.rsp_ready"),
    ]);
    // Before start, not with it: a fault still held when abort falls would be taken for a new one.
    let clear = b.get("csr.abort_units") & b.get("guard.drained");
    inputs.push(("clear".into(), clear));
    for unit in ["load", "store"] {
        for port in ["req_valid", "req_data", "rsp_ready", "wr_valid", "wr_data"] {
            let from = format!("{unit}.mem_{port}");
            if let Some(wire) = b.wires.get(&from) {
                inputs.push((format!("{unit}_{port}"), wire.clone()));
            }
        }
    }
    b.place("guard", always, &inputs);

    let inputs = b.wired(&[
        ("op_valid", "queue_load.op_valid"),
        ("op_data", "queue_load.op_data"),
        ("image_base", "csr.image_base"),
        ("state_base", "csr.state_base"),
        ("mem_req_ready", "guard.load_req_ready"),
        ("mem_rsp_valid", "guard.load_rsp_valid"),
        ("mem_rsp_data", "guard.load_rsp_data"),
        ("mem_rsp_last", "guard.load_rsp_last"),
        ("wgt_ready", "weights.in_ready"),
        ("str_ready", "vectors.in_ready"),
        ("wr_ready", "scratchpad.load_ready"),
    ]);
    b.place("load", units, &inputs);
    for (name, stream, consumer) in [("weights", "wgt", "tlmm"), ("vectors", "str", "pe")] {
        let mut inputs = b.wired(&[
            ("in_valid", &format!("load.{stream}_valid")),
            ("out_ready", &format!("{consumer}.w_ready")),
        ]);
        let (last, data) = (
            b.get(&format!("load.{stream}_last")),
            b.get(&format!("load.{stream}_data")),
        );
        inputs.push(("in_data".into(), cat([&last, &data])));
        b.place(name, units, &inputs);
        let level = b.get(&format!("{name}.level"));
        b.m.unused(level);
    }

    let inputs = b.wired(&[
        ("op_valid", "queue_store.op_valid"),
        ("op_data", "queue_store.op_data"),
        ("image_base", "csr.image_base"),
        ("state_base", "csr.state_base"),
        ("mem_req_ready", "guard.store_req_ready"),
        ("mem_wr_ready", "guard.store_wr_ready"),
        ("mem_rsp_valid", "guard.store_rsp_valid"),
        ("req_ready", "scratchpad.store_req_ready"),
        ("rsp_valid", "scratchpad.store_rsp_valid"),
        ("rsp_data", "scratchpad.store_rsp_data"),
    ]);
    b.place("store", units, &inputs);

    let mut inputs = Vec::new();
    for (unit, prefix, port) in READERS {
        for signal in ["req_valid", "req_addr"] {
            let from = format!("{unit}.{}", joined(prefix, signal));
            inputs.push((format!("{port}_{signal}"), b.get(&from)));
        }
    }
    for unit in WRITERS {
        for signal in ["valid", "addr", "data"] {
            inputs.push((
                format!("{unit}_{signal}"),
                b.get(&format!("{unit}.wr_{signal}")),
            ));
        }
    }
    b.place("scratchpad", units, &inputs);
}
