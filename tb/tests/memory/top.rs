//! The top under test: guard, load, store and scratchpad, with a host port of the scratchpad.

use std::sync::Arc;

use hw::memory::MoveParams;
use hw::memory::guard::{GuardParams, guard};
use hw::memory::load::load;
use hw::memory::store::store;
use hw::rtl::{Clock, Expr, Instance, Module, ModuleBuilder, PortDir};
use hw::scratchpad::{ScratchpadParams, scratchpad};

use crate::rig::{TIMEOUT, WORDS};

/// Makes every port of `module` that starts with one of `stems` a port of the top, under the same name with `prefix`.
fn expose(
    m: &mut ModuleBuilder,
    module: &Module,
    prefix: &str,
    stems: &[&str],
) -> Vec<(String, Expr)> {
    let mut inputs = Vec::new();
    for p in module.ports.iter().filter(|p| p.dir == PortDir::Input) {
        if stems.iter().any(|s| p.name.starts_with(s)) {
            inputs.push((
                p.name.clone(),
                m.input(&format!("{prefix}{}", p.name), p.ty, ""),
            ));
        }
    }
    inputs
}

fn reveal(m: &mut ModuleBuilder, module: &Module, inst: &Instance, prefix: &str, stems: &[&str]) {
    for p in module.ports.iter().filter(|p| p.dir == PortDir::Output) {
        if stems.iter().any(|s| p.name.starts_with(s)) {
            let out = m.output(&format!("{prefix}{}", p.name), p.ty, "");
            m.assign(&out, inst.get(&p.name));
        }
    }
}

/// Streams and pulses between two instances: driven by one, read by the other.
type Wires = Vec<(&'static str, Expr)>;

/// The top for units of shape `p`.
pub fn top(p: &MoveParams) -> Arc<Module> {
    let g = guard(&GuardParams {
        bus_bits: p.bus_bits,
        addr_bits: p.addr_bits,
        max_burst: 128 / (p.bus_bits / 8),
        outstanding: 4,
        timeout: TIMEOUT,
    })
    .unwrap();
    let (l, s) = (load(p).unwrap(), store(p).unwrap());
    let pad = scratchpad(&ScratchpadParams {
        word_bits: 32 * p.lanes,
        words: WORDS,
        banks: 4,
        reads: vec!["store".into(), "host".into()],
        writes: vec!["load".into(), "host".into()],
    })
    .unwrap();
    let mut m = Module::new(format!("memory_rig_{}_{}", p.bus_bits, p.lanes));
    let clk = m.clock_reset("clk", "rst");
    let mut from_guard = expose(
        &mut m,
        &g,
        "",
        &[
            "m_axi",
            "port_reset",
            "cancel",
            "clear",
            "program",
            "image",
            "state",
            "fetch",
        ],
    );
    let of = |list: &[(String, Expr)], name: &str| {
        list.iter()
            .find(|(n, _)| n == name)
            .map(|(_, e)| e.clone())
            .unwrap()
    };
    let unit_reset = m.wire("unit_reset", &clk.rst | of(&from_guard, "cancel"));
    let unit_clk = Clock {
        clk: clk.clk.clone(),
        rst: unit_reset,
    };
    let mut for_load = expose(&mut m, &l, "load_", &["op", "wgt", "str"]);
    let mut for_store = expose(&mut m, &s, "store_", &["op"]);
    let mut for_pad = expose(&mut m, &pad, "", &["host"]);
    let mut declare = |list: &[(&'static str, &Arc<Module>, &'static str)]| -> Wires {
        list.iter()
            .map(|(name, of, port)| {
                (
                    *name,
                    m.wire_decl(&format!("net_{name}"), of.port(port).unwrap().ty),
                )
            })
            .collect()
    };
    // What each instance takes from the others.
    let g_nets = declare(&[
        ("load_req_valid", &l, "mem_req_valid"),
        ("load_req_data", &l, "mem_req_data"),
        ("load_rsp_ready", &l, "mem_rsp_ready"),
        ("store_req_valid", &s, "mem_req_valid"),
        ("store_req_data", &s, "mem_req_data"),
        ("store_wr_valid", &s, "mem_wr_valid"),
        ("store_wr_data", &s, "mem_wr_data"),
    ]);
    let p_nets = declare(&[
        ("load_valid", &l, "wr_valid"),
        ("load_addr", &l, "wr_addr"),
        ("load_data", &l, "wr_data"),
        ("store_req_valid_2", &s, "req_valid"),
        ("store_req_addr_2", &s, "req_addr"),
    ]);
    let owned = |nets: &Wires| -> Vec<(String, Expr)> {
        nets.iter()
            .map(|(n, e)| (n.trim_end_matches("_2").to_string(), e.clone()))
            .collect()
    };
    from_guard.extend(owned(&g_nets));
    for_pad.extend(owned(&p_nets));
    let bases = ["image_base", "state_base"].map(|b| (b.to_string(), of(&from_guard, b)));
    let place = |m: &mut ModuleBuilder,
                 name: &str,
                 module: &Arc<Module>,
                 clk: &Clock,
                 list: &[(String, Expr)]| {
        let conns: Vec<_> = list.iter().map(|(n, e)| (n.as_str(), e)).collect();
        m.instance(name, module, clk, &conns)
    };
    let gi = place(&mut m, "u_guard", &g, &clk, &from_guard);
    let pi = place(&mut m, "u_scratch", &pad, &unit_clk, &for_pad);
    for_load.extend(bases.clone());
    for (mine, theirs) in [
        ("mem_req_ready", "load_req_ready"),
        ("mem_rsp_valid", "load_rsp_valid"),
        ("mem_rsp_data", "load_rsp_data"),
        ("mem_rsp_last", "load_rsp_last"),
    ] {
        for_load.push((mine.into(), gi.get(theirs)));
    }
    for_load.push(("wr_ready".into(), pi.get("load_ready")));
    let li = place(&mut m, "u_mover_in", &l, &unit_clk, &for_load);
    for_store.extend(bases);
    for (mine, theirs) in [
        ("mem_req_ready", "store_req_ready"),
        ("mem_wr_ready", "store_wr_ready"),
        ("mem_rsp_valid", "store_rsp_valid"),
    ] {
        for_store.push((mine.into(), gi.get(theirs)));
    }
    for (mine, theirs) in [
        ("req_ready", "store_req_ready"),
        ("rsp_valid", "store_rsp_valid"),
        ("rsp_data", "store_rsp_data"),
    ] {
        for_store.push((mine.into(), pi.get(theirs)));
    }
    let si = place(&mut m, "u_mover_out", &s, &unit_clk, &for_store);
    for (name, net) in g_nets.iter().chain(&p_nets) {
        let source = match *name {
            "load_req_valid" => li.get("mem_req_valid"),
            "load_req_data" => li.get("mem_req_data"),
            "load_rsp_ready" => li.get("mem_rsp_ready"),
            "store_req_valid" => si.get("mem_req_valid"),
            "store_req_data" => si.get("mem_req_data"),
            "store_wr_valid" => si.get("mem_wr_valid"),
            "store_wr_data" => si.get("mem_wr_data"),
            "load_valid" => li.get("wr_valid"),
            "load_addr" => li.get("wr_addr"),
            "load_data" => li.get("wr_data"),
            "store_req_valid_2" => si.get("req_valid"),
            _ => si.get("req_addr"),
        };
        m.assign(net, source);
    }
    let shown = [
        "m_axi",
        "fault",
        "drained",
        "stuck",
        "read_beat",
        "write_beat",
        "fetch",
    ];
    reveal(&mut m, &g, &gi, "", &shown);
    reveal(
        &mut m,
        &l,
        &li,
        "load_",
        &["op", "wgt", "str", "done", "fault"],
    );
    reveal(&mut m, &s, &si, "store_", &["op", "done", "fault"]);
    reveal(&mut m, &pad, &pi, "", &["host"]);
    reveal(&mut m, &pad, &pi, "pad_", &["fault"]);
    m.finish().unwrap_or_else(|e| panic!("{e}"))
}
