//! RTL of the top.

use std::sync::Arc;

use indexmap::IndexMap;

use super::TOP;
use super::monitor::{Watch, trace_monitor};
use crate::control::csr::{csr, faults};
use crate::control::fetch::fetch;
use crate::control::issue::issue;
use crate::control::queue::{token_queue, tokens, watchdog};
use crate::glue::{FifoParams, sync_fifo};
use crate::isa::{Unit, isa_text};
use crate::memory::MoveParams;
use crate::memory::guard::{GuardParams, guard};
use crate::memory::load::load;
use crate::memory::store::store;
use crate::params::MachineParams;
use crate::pe::{PeParams, pe};
use crate::rtl::{
    Clock, Expr, MemStyle, Module, ModuleBuilder, PortDir, RtlError, any, cat, lit, mux, uint,
};
use crate::sample::{SampleParams, sample};
use crate::scratchpad::{ScratchpadParams, scratchpad};
use crate::tlmm::{TlmmParams, tlmm};
use crate::vec::{VecParams, vec};

/// Instances with their output wires, which are declared before any instance so that each may be used anywhere.
struct Board {
    m: ModuleBuilder,
    parts: IndexMap<String, Arc<Module>>,
    wires: IndexMap<String, Expr>,
}

impl Board {
    /// Declares the outputs of `module` as wires `<name>_<port>`; ports of the package keep their names and are
    /// made ports of the top.
    fn part(&mut self, name: &str, module: Arc<Module>) {
        for port in &module.ports {
            let key = format!("{name}.{}", port.name);
            let package = port.name.starts_with("s_axil_") || port.name.starts_with("m_axi_");
            let net = match (port.dir, package) {
                (PortDir::Input, true) => self.m.input(&port.name, port.ty, &port.doc),
                (PortDir::Output, true) => self.m.output(&port.name, port.ty, &port.doc),
                _ => continue,
            };
            self.wires.insert(key, net);
        }
        self.parts.insert(name.to_string(), module);
    }

    fn declare(&mut self) {
        for (name, module) in &self.parts {
            self.m.section(&format!("Outputs of {name}"));
            for port in module.ports.iter().filter(|p| p.dir == PortDir::Output) {
                let key = format!("{name}.{}", port.name);
                if !self.wires.contains_key(&key) {
                    let wire = self.m.wire_decl(&format!("{name}_{}", port.name), port.ty);
                    self.wires.insert(key, wire);
                }
            }
        }
    }

    /// Output `port` of instance `name`, as `name.port`.
    #[track_caller]
    fn get(&self, key: &str) -> Expr {
        self.wires.get(key).cloned().unwrap_or_else(|| lit(0, 0))
    }

    /// Places the instance with its inputs; outputs and package ports are connected by name.
    fn place(&mut self, name: &str, clock: &Clock, inputs: &[(String, Expr)]) {
        let Some(module) = self.parts.get(name).cloned() else {
            return;
        };
        let mut conns: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
        let own: Vec<(String, Expr)> = module
            .ports
            .iter()
            .filter_map(|p| {
                Some((
                    p.name.clone(),
                    self.wires.get(&format!("{name}.{}", p.name))?.clone(),
                ))
            })
            .collect();
        conns.extend(own.iter().map(|(n, e)| (n.as_str(), e)));
        self.m
            .instance(&format!("u_{name}"), &module, clock, &conns);
    }
}

/// `(input of this instance, output of another)` pairs by key.
fn wired(b: &Board, pairs: &[(&str, &str)]) -> Vec<(String, Expr)> {
    pairs
        .iter()
        .map(|(to, from)| (to.to_string(), b.get(from)))
        .collect()
}

/// Prefixes of a unit's scratchpad read ports on the unit, and names of these ports on the scratchpad.
const READERS: [(&str, &str, &str); 7] = [
    ("vec", "a", "vec_a"),
    ("vec", "b", "vec_b"),
    ("tlmm", "rd", "tlmm"),
    ("pe", "rd", "pe"),
    ("store", "", "store"),
    ("sample", "rd", "sample"),
    ("issue", "rd", "issue"),
];

const WRITERS: [&str; 6] = ["vec", "tlmm", "pe", "load", "sample", "issue"];

fn joined(prefix: &str, port: &str) -> String {
    if prefix.is_empty() {
        port.to_string()
    } else {
        format!("{prefix}_{port}")
    }
}

/// The whole machine; name [`TOP`].
///
/// # Errors
/// Parameters that a unit refuses; the unit names the rule.
pub fn top(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let m = Module::new(TOP).doc(
        "Tritforge: overlay processor for ternary language models.\n\
         Host: AXI4-Lite slave s_axil (see csr.h) and irq. Memory: AXI4 master m_axi_0.",
    );
    let mut b = Board {
        m,
        parts: IndexMap::new(),
        wires: IndexMap::new(),
    };
    let aclk = b.m.input("aclk", uint(1), "clock, rising edge");
    let aresetn =
        b.m.input("aresetn", uint(1), "reset, active low, synchronous");
    let moves = MoveParams::from(p);
    b.part("csr", csr(p)?);
    b.part("guard", guard(&GuardParams::from(p))?);
    let irq = b.m.output("irq", uint(1), "interrupt, level");
    for (name, module) in [
        ("fetch", fetch(p)?),
        ("issue", issue(p)?),
        ("tokens", tokens()?),
        ("watchdog", watchdog(p)?),
        ("faults", faults(p)?),
        ("scratchpad", scratchpad(&ScratchpadParams::from(p))?),
        ("load", load(&moves)?),
        ("store", store(&moves)?),
        ("tlmm", tlmm(&TlmmParams::new(p))?),
        ("pe", pe(&PeParams::new(p))?),
        ("vec", vec(&VecParams::from(p))?),
        ("sample", sample(&SampleParams::from(p))?),
    ] {
        b.part(name, module);
    }
    for unit in Unit::ALL {
        b.part(&format!("queue_{unit}"), token_queue(p)?);
    }
    for (name, depth) in [
        ("weights", p.weight_buffer_beats),
        ("vectors", p.stream_buffer_beats),
    ] {
        let params = FifoParams {
            width: p.bus_bits + 1,
            depth: depth.into(),
            style: MemStyle::Block,
        };
        b.part(name, sync_fifo(&params)?);
    }
    let (lanes, beat) = (p.vec_lanes, p.bus_bits / 32);
    if p.trace {
        for unit in Unit::ALL {
            let words = Watch {
                name: "word",
                lanes,
                counts: false,
            };
            let beats = |name| Watch {
                name,
                lanes: beat,
                counts: true,
            };
            let watches = match unit {
                Unit::Load => vec![words, beats("weight"), beats("vector")],
                Unit::Store => vec![beats("beat")],
                _ => vec![words],
            };
            let name = format!("trace_{unit}");
            let monitor = trace_monitor(unit.name(), &watches, unit == Unit::Load)?;
            for port in ["valid", "pc", "sig"] {
                let ty = monitor
                    .port(&format!("trace_{port}"))
                    .map_or(uint(1), |p| p.ty);
                let doc = if port == "valid" {
                    "retired instruction"
                } else {
                    ""
                };
                let net = b.m.output(&format!("{name}_{port}"), ty, doc);
                b.wires.insert(format!("{name}.trace_{port}"), net);
            }
            b.part(&name, monitor);
        }
    }
    b.declare();

    b.m.section("Reset; abort resets everything but csr and guard");
    b.m.comment("Not registered: the ports answer in the first cycle after aresetn has risen.");
    let core_rst = b.m.wire("core_rst", !&aresetn);
    let abort = b.get("csr.abort_units");
    let unit_rst = b.m.wire("unit_rst", &core_rst | &abort);
    let always = Clock {
        clk: aclk.clone(),
        rst: core_rst,
    };
    let units = Clock {
        clk: aclk,
        rst: unit_rst,
    };
    let abi = b.m.wire("abi", lit(p.abi_hash(&isa_text()), 64));

    control(&mut b, &always, &units, &abi, p);
    memory(&mut b, &always, &units);
    compute(&mut b, &units);
    if p.trace {
        trace(&mut b, &units, p);
    }
    let level = b.get("csr.irq");
    b.m.assign(&irq, level);
    b.m.finish()
}

/// One bit a queue unit, bit u from output `port` of its queue.
fn of_queues(b: &Board, port: &str) -> Expr {
    let bits: Vec<Expr> = Unit::ALL
        .iter()
        .rev()
        .map(|u| b.get(&format!("queue_{u}.{port}")))
        .collect();
    cat(&bits)
}

fn control(b: &mut Board, always: &Clock, units: &Clock, abi: &Expr, p: &MachineParams) {
    b.m.section("Host, program, queues");
    let idle = of_queues(b, "idle");
    let (busy, stalled, retire) = (
        of_queues(b, "busy"),
        of_queues(b, "stalled"),
        of_queues(b, "retire"),
    );
    let idle = b.m.wire("idle", idle);
    let busy = b.m.wire("busy", busy);
    let stalled = b.m.wire("stalled", stalled);
    let retire = b.m.wire("retire", retire);
    let read_stall = b.m.wire("read_stall", {
        let (valid, ready) = (b.get("guard.m_axi_0_rvalid"), b.get("guard.m_axi_0_rready"));
        valid & !ready
    });
    let mut inputs = wired(
        b,
        &[
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
        ],
    );
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

    let mut inputs = wired(
        b,
        &[
            ("start", "csr.start"),
            ("prog_base", "csr.prog_base"),
            ("image_base", "csr.image_base"),
            ("req_ready", "guard.fetch_req_ready"),
            ("rsp_valid", "guard.fetch_rsp_valid"),
            ("rsp_data", "guard.fetch_rsp_data"),
            ("rsp_last", "guard.fetch_rsp_last"),
        ],
    );
    inputs.push(("abi".into(), abi.clone()));
    b.place("fetch", units, &inputs);

    let ready = of_queues(b, "in_ready");
    let mut inputs = wired(
        b,
        &[
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
        ],
    );
    inputs.push(("dispatch_ready".into(), ready));
    inputs.push(("idle".into(), idle.clone()));
    b.place("issue", units, &inputs);

    let valids = b.get("issue.dispatch_valid");
    let mut token_inputs = Vec::new();
    for unit in Unit::ALL {
        let q = format!("queue_{unit}");
        let mut inputs = wired(
            b,
            &[
                ("in_data", "issue.dispatch_data"),
                ("op_ready", &format!("{unit}.op_ready")),
                ("done", &format!("{unit}.done")),
                ("tokens_ready", &format!("tokens.{unit}_ready")),
                ("tokens_space", &format!("tokens.{unit}_space")),
            ],
        );
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
        valids.reduce_or() & of_queues(b, "in_ready").reduce_or(),
        b.get("issue.token_valid"),
    ];
    let progress = b.m.wire("progress", any(&moved));
    let mut inputs = wired(b, &[("running", "csr.running"), ("issue_pc", "issue.pc")]);
    inputs.push(("progress".into(), progress));
    inputs.push(("busy".into(), busy));
    inputs.push(("idle".into(), idle));
    for unit in Unit::ALL {
        inputs.push((format!("{unit}_pc"), b.get(&format!("queue_{unit}.pc"))));
    }
    b.place("watchdog", units, &inputs);

    let mut inputs = wired(
        b,
        &[
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
        ],
    );
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

fn memory(b: &mut Board, always: &Clock, units: &Clock) {
    b.m.section("Memory path");
    let mut inputs = wired(
        b,
        &[
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
        ],
    );
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

    let inputs = wired(
        b,
        &[
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
        ],
    );
    b.place("load", units, &inputs);
    for (name, stream, consumer) in [("weights", "wgt", "tlmm"), ("vectors", "str", "pe")] {
        let mut inputs = wired(
            b,
            &[
                ("in_valid", &format!("load.{stream}_valid")),
                ("out_ready", &format!("{consumer}.w_ready")),
            ],
        );
        let (last, data) = (
            b.get(&format!("load.{stream}_last")),
            b.get(&format!("load.{stream}_data")),
        );
        inputs.push(("in_data".into(), cat([&last, &data])));
        b.place(name, units, &inputs);
        let level = b.get(&format!("{name}.level"));
        b.m.unused(level);
    }

    let inputs = wired(
        b,
        &[
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
        ],
    );
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

fn compute(b: &mut Board, units: &Clock) {
    b.m.section("Compute units");
    for unit in ["tlmm", "pe", "vec", "sample"] {
        let mut inputs = wired(
            b,
            &[
                ("op_valid", &format!("queue_{unit}.op_valid")),
                ("op_data", &format!("queue_{unit}.op_data")),
                ("wr_ready", &format!("scratchpad.{unit}_ready")),
            ],
        );
        for (_, prefix, port) in READERS.iter().filter(|r| r.0 == unit) {
            for signal in ["req_ready", "rsp_valid", "rsp_data"] {
                let from = b.get(&format!("scratchpad.{port}_{signal}"));
                inputs.push((joined(prefix, signal), from));
            }
        }
        let buffer = match unit {
            "tlmm" => Some("weights"),
            "pe" => Some("vectors"),
            _ => None,
        };
        if let Some(buffer) = buffer {
            let (valid, word) = (
                b.get(&format!("{buffer}.out_valid")),
                b.get(&format!("{buffer}.out_data")),
            );
            let top_bit = word.width() - 1;
            inputs.push(("w_valid".into(), valid));
            inputs.push(("w_data".into(), word.bits(top_bit - 1, 0)));
            inputs.push(("w_last".into(), word.bit(top_bit)));
        }
        b.place(unit, units, &inputs);
    }
}

fn trace(b: &mut Board, units: &Clock, p: &MachineParams) {
    b.m.section("Trace: monitors that only listen");
    let w = p.bus_bits;
    for unit in Unit::ALL {
        let mut inputs = wired(
            b,
            &[
                ("done", &format!("{unit}.done")),
                ("retire", &format!("queue_{unit}.retire")),
                ("retire_pc", &format!("queue_{unit}.retire_pc")),
            ],
        );
        if unit == Unit::Store {
            let fire = b.get("store.mem_wr_valid") & b.get("guard.store_wr_ready");
            let beat = b.get("store.mem_wr_data");
            let bytes: Vec<Expr> = (0..w / 8)
                .rev()
                .map(|i| {
                    let keep = crate::rtl::repeat(8, beat.bit(w + i));
                    beat.element(i, 8) & keep
                })
                .collect();
            let data = b.m.wire("store_written", cat(&bytes));
            inputs.push(("beat_fire".into(), fire));
            inputs.push(("beat_data".into(), data));
            // One instruction at a time, and its responses come after all its beats.
            inputs.push(("beat_end".into(), b.get("store.done")));
        } else {
            let fire =
                b.get(&format!("{unit}.wr_valid")) & b.get(&format!("scratchpad.{unit}_ready"));
            inputs.push(("word_fire".into(), fire));
            inputs.push(("word_index".into(), b.get(&format!("{unit}.wr_addr"))));
            inputs.push(("word_data".into(), b.get(&format!("{unit}.wr_data"))));
        }
        if unit == Unit::Load {
            for (name, stream, buffer) in
                [("weight", "wgt", "weights"), ("vector", "str", "vectors")]
            {
                let fire =
                    b.get(&format!("load.{stream}_valid")) & b.get(&format!("{buffer}.in_ready"));
                let end = &fire & b.get(&format!("load.{stream}_last"));
                inputs.push((format!("{name}_fire"), fire));
                inputs.push((format!("{name}_end"), end));
                inputs.push((
                    format!("{name}_data"),
                    b.get(&format!("load.{stream}_data")),
                ));
            }
        }
        b.place(&format!("trace_{unit}"), units, &inputs);
    }
}
