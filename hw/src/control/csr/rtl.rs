//! RTL of `csr`.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{ABORT_CYCLES, axil_port, perf_counters};
use crate::isa::csr::{Access, TABLE};
use crate::isa::{ARGS, Unit, csr as map};
use crate::params::MachineParams;
use crate::rtl::{
    Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, one, sum_tree, uint, zero,
};

const IDLE: u64 = 0;
const ABORT: u64 = 1;
const LAUNCH: u64 = 2;
const RUN: u64 = 3;

/// Windows in the order of their ports.
const WINDOWS: [&str; 6] = [
    "PROG_BASE",
    "PROG_LIMIT",
    "IMAGE_BASE",
    "IMAGE_LIMIT",
    "STATE_BASE",
    "STATE_LIMIT",
];

/// What a write carries.
struct Write {
    valid: Expr,
    addr: Expr,
    data: Expr,
    mask: Expr,
}

impl Write {
    /// The register at a byte offset is written.
    fn to(&self, offset: u32) -> Expr {
        &self.valid & self.addr.is(u64::from(offset / 4))
    }

    /// Bits written as one.
    fn ones(&self, bits: u32) -> Expr {
        (&self.data.bits(bits - 1, 0)) & &self.mask.bits(bits - 1, 0)
    }

    /// `old` with the written bytes replaced.
    fn merged(&self, old: &Expr) -> Expr {
        let mask = self.mask.bits(old.width() - 1, 0);
        (old & !&mask) | self.ones(old.width())
    }
}

/// CSRs with their AXI4-Lite port and counters; name `csr_a<addr_bits>`.
///
/// # Errors
/// A register of the table that this module does not make.
pub fn csr(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let a = p.addr_bits;
    let units = Unit::COUNT as u32;
    let mut m = Module::new(format!("csr_a{a}")).doc(
        "Control and status registers on AXI4-Lite, start and abort of the machine, first fault,\n\
         interrupt, counters.",
    );
    let clk = m.clock_reset("clk", "rst");
    let abi = m.input("abi", uint(64), "ABI hash of this machine");
    let bus = AxilPorts::new(&mut m);
    let start_out = m.output("start", uint(1), "pulse: fetch begins");
    let abort = m.output(
        "abort_units",
        uint(1),
        "resets all units but this and the guard",
    );
    let running = m.output("running", uint(1), "a program runs");
    let port_reset = m.output("port_reset", uint(1), "pulse: forget what memory owes");
    let irq = m.output("irq", uint(1), "interrupt, level");
    let windows: Vec<Expr> = WINDOWS
        .iter()
        .map(|w| m.output(&w.to_lowercase(), uint(a), "byte address"))
        .collect();
    let args = m.output("args", uint(32 * ARGS as u32), "ARG0 in the low bits");
    let drained = m.input("drained", uint(1), "the guard owes and is owed nothing");
    let stuck = m.input("port_stuck", uint(1), "memory never answered");
    let halted = m.input("halted", uint(1), "pulse: the program has ended");
    let token_valid = m.input("token_valid", uint(1), "pulse: a value for the host");
    let token_data = m.input("token_data", uint(32), "");
    let pc = m.input("pc", uint(32), "instruction issue works on");
    let retire = m.input("retire", uint(units), "instructions that retire");
    let busy = m.input("busy", uint(units), "units with instructions in flight");
    let stalled = m.input("stalled", uint(units), "units whose head waits for tokens");
    let read_beat = m.input("read_beat", uint(1), "a beat came from memory");
    let write_beat = m.input("write_beat", uint(1), "a beat went to memory");
    let read_stall = m.input("read_stall", uint(1), "a beat was offered and not taken");
    let fault_valid = m.input("fault_valid", uint(1), "first fault; held until abort");
    let fault = [
        ("FAULT_CAUSE", m.input("fault_cause", uint(8), "")),
        ("FAULT_UNIT", m.input("fault_unit", uint(4), "")),
        ("FAULT_INFO", m.input("fault_info", uint(64), "")),
        ("FAULT_PC", m.input("fault_pc", uint(32), "")),
    ];

    m.section("Host port");
    let write_error = m.wire_decl("write_error", uint(1));
    let read_data = m.wire_decl("read_data", uint(32));
    let read_error = m.wire_decl("read_error", uint(1));
    let port = bus.instance(&mut m, &clk, &[&write_error, &read_data, &read_error])?;
    let write = Write {
        valid: port.get("write_valid"),
        addr: port.get("write_addr"),
        data: port.get("write_data"),
        mask: port.get("write_mask"),
    };
    let read_addr = port.get("read_addr");

    m.section("Run");
    let state = m.reg_init("state", uint(2), IDLE);
    let launch = m.reg_init("launch", uint(1), 0);
    let hold = m.reg_init("hold", uint(3), 0);
    let done = m.reg_init("done", uint(1), 0);
    let faulted = m.reg_init("faulted", uint(1), 0);
    let idle = m.wire("idle", state.is(IDLE));
    let run = m.wire("run", state.is(RUN));
    let command = write.to(map::CTRL);
    let ctrl = m.wire("ctrl", write.ones(3));
    let wants = |bit: u32| all([&command, &ctrl.bit(bit.trailing_zeros())]);
    let clear = m.wire("clear", wants(map::CTRL_CLEAR));
    let accept = m.wire(
        "accept",
        all([&wants(map::CTRL_START), &idle, &!&stuck, &!&clear]),
    );
    m.assign(&port_reset, wants(map::CTRL_PORT_RESET));
    let fail = m.wire("fail", all([&run, &fault_valid, &!&clear]));
    let complete = m.wire("complete", all([&run, &halted, &!&fault_valid, &!&clear]));
    let quiet = m.wire(
        "quiet",
        all([&state.is(ABORT), &hold.is(0), &(&drained | &stuck)]),
    );
    m.clocked(&clk, |b| {
        b.when(hold.reduce_or(), |b| {
            b.set(&hold, hold.minus(1));
        });
        b.when(&quiet, |b| {
            let go = &launch & !&stuck;
            b.set(&state, mux(go, lit(LAUNCH, 2), lit(IDLE, 2)));
            b.set(&launch, zero());
        });
        b.when(state.is(LAUNCH), |b| {
            b.set(&state, lit(RUN, 2));
        });
        b.when(&complete, |b| {
            b.set(&state, lit(IDLE, 2));
            b.set(&done, one());
        });
        b.when(any([&accept, &fail, &clear]), |b| {
            b.set(&state, lit(ABORT, 2));
            b.set(&hold, lit(ABORT_CYCLES - 1, 3));
            b.set(&launch, &accept);
            b.set(&done, zero());
            b.set(&faulted, &fail);
        });
    });
    m.assign(&abort, state.is(ABORT));
    m.assign(&start_out, state.is(LAUNCH));
    m.assign(&running, &run);

    let mut values: IndexMap<&str, Expr> = IndexMap::new();
    let status = cat([&stuck, &faulted, &done, &!&idle, &idle]);
    values.insert("STATUS", status);
    values.insert("ABI_LO", abi.bits(31, 0));
    values.insert("ABI_HI", abi.bits(63, 32));

    m.section("First fault of the run");
    let forget = m.wire("forget", &accept | &clear);
    for (name, input) in &fault {
        let reg = m.reg_init(
            &name.to_lowercase().replace("fault", "first"),
            input.ty(),
            0,
        );
        m.clocked(&clk, |b| {
            b.when(&forget, |b| {
                b.set(&reg, lit(0, reg.width()));
            })
            .elif(&fail, |b| {
                b.set(&reg, input);
            });
        });
        if *name == "FAULT_INFO" {
            values.insert("FAULT_INFO_LO", reg.bits(31, 0));
            values.insert("FAULT_INFO_HI", reg.bits(63, 32));
        } else {
            values.insert(name, reg);
        }
    }

    m.section("Tokens, position");
    let token = m.reg_init("token", uint(32), 0);
    let token_count = m.reg_init("token_count", uint(32), 0);
    let retired = m.reg_init("retired", uint(32), 0);
    let emit = m.wire("emit", &run & &token_valid);
    let bits: Vec<Expr> = (0..units).map(|i| retire.bit(i).extend(32)).collect();
    let last_pc = m.reg_init("last_pc", uint(32), 0);
    m.clocked(&clk, |b| {
        b.when(&run, |b| {
            b.set(&retired, &retired + sum_tree(&bits));
            b.set(&last_pc, &pc);
        });
        b.when(&emit, |b| {
            b.set(&token, &token_data);
            b.set(&token_count, token_count.plus(1));
        });
        b.when(&forget, |b| {
            b.set(&token, lit(0, 32));
            b.set(&token_count, lit(0, 32));
            b.set(&retired, lit(0, 32));
        });
    });
    values.insert("TOKEN", token);
    values.insert("TOKEN_COUNT", token_count);
    values.insert("RETIRED", retired);
    values.insert("PC", last_pc);

    m.section("Interrupts: an event wins over the host's clear");
    let pending = m.reg_init("irq_pending", uint(3), 0);
    let enable = m.reg_init("irq_enable", uint(3), 0);
    let events = m.wire("events", cat([&fail, &emit, &complete]));
    let cleared = mux(write.to(map::IRQ_STATUS), write.ones(3), lit(0, 3));
    let kept = mux(&clear, lit(0, 3), &pending & !cleared);
    m.clocked(&clk, |b| {
        b.set(&pending, kept | &events);
        b.when(write.to(map::IRQ_ENABLE), |b| {
            b.set(&enable, write.merged(&enable));
        });
    });
    m.assign(&irq, (&pending & &enable).reduce_or());
    values.insert("IRQ_STATUS", pending);
    values.insert("IRQ_ENABLE", enable);

    m.section("Windows, locked on demand; arguments");
    let lock = m.reg_init("lock", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(write.to(map::LOCK), |b| {
            b.set(&lock, &lock | write.ones(1));
        });
    });
    for row in TABLE {
        let window = row.access == Access::Locked;
        if !window && !row.name.starts_with("ARG") {
            continue;
        }
        let width = match window {
            true if row.name.ends_with("_HI") => a.saturating_sub(32),
            true => a.min(32),
            false => 32,
        };
        if width == 0 {
            values.insert(row.name, lit(0, 32));
            continue;
        }
        let reg = m.reg_init(
            &format!("{}_reg", row.name.to_lowercase()),
            uint(width),
            row.reset.into(),
        );
        let open = if window { !&lock } else { one() };
        m.clocked(&clk, |b| {
            b.when(write.to(row.offset) & &open, |b| {
                b.set(&reg, write.merged(&reg));
            });
        });
        values.insert(row.name, reg);
    }
    values.insert("LOCK", lock);
    values.insert("CTRL", lit(0, 32));
    let known = |name: String| values.get(name.as_str()).cloned().unwrap_or_else(zero);
    for (name, output) in WINDOWS.iter().zip(&windows) {
        let low = known(format!("{name}_LO"));
        if a > 32 {
            m.assign(output, cat([&known(format!("{name}_HI")), &low]));
        } else {
            m.assign(output, &low);
        }
    }
    let all_args: Vec<Expr> = (0..ARGS).rev().map(|i| known(format!("ARG{i}"))).collect();
    m.assign(&args, cat(&all_args));

    m.section("Counters");
    let counters = m.instance(
        "u_counters",
        &perf_counters()?,
        &clk,
        &[
            ("clear", &accept),
            ("running", &run),
            ("busy", &busy),
            ("stalled", &stalled),
            ("read_beat", &read_beat),
            ("write_beat", &write_beat),
            ("read_stall", &read_stall),
            ("read_addr", &read_addr),
        ],
    );

    m.section("Reads and errors, from the table");
    let counted = |name: &str| {
        TABLE
            .iter()
            .any(|r| r.name == name && r.offset >= map::CYCLES_LO)
    };
    let mut arms = Vec::new();
    let mut missing = Vec::new();
    for row in TABLE {
        let value = match values.get(row.name) {
            Some(value) => value.resize(32),
            None if counted(row.name) => counters.get("read_data"),
            None if row.access == Access::ReadOnly && ["ID", "VERSION"].contains(&row.name) => {
                lit(row.reset.into(), 32)
            }
            None => {
                missing.push(format!("CSR {} has no value", row.name));
                continue;
            }
        };
        arms.push((u64::from(row.offset / 4), value));
    }
    if !missing.is_empty() {
        return Err(RtlError {
            module: format!("csr_a{a}"),
            faults: missing,
        });
    }
    let value = m.case("value", &read_addr, arms, lit(0, 32));
    m.assign(&read_data, &value);
    let rows = |pick: &dyn Fn(Access) -> bool| -> Vec<(u64, Expr)> {
        TABLE
            .iter()
            .filter(|row| pick(row.access))
            .map(|row| (u64::from(row.offset / 4), zero()))
            .collect()
    };
    let unknown = m.case("unknown", &read_addr, rows(&|_| true), one());
    m.assign(&read_error, &unknown);
    let refused = m.case("refused", &write.addr, rows(&Access::writable), one());
    m.assign(&write_error, &refused);
    m.finish()
}

/// AXI4-Lite ports of the block, handed through to `axil_port`.
struct AxilPorts {
    inputs: Vec<(&'static str, Expr)>,
    outputs: Vec<(&'static str, Expr)>,
}

impl AxilPorts {
    fn new(m: &mut ModuleBuilder) -> AxilPorts {
        const PORTS: [(&str, u32, bool); 17] = [
            ("awvalid", 1, true),
            ("awready", 1, false),
            ("awaddr", 12, true),
            ("wvalid", 1, true),
            ("wready", 1, false),
            ("wdata", 32, true),
            ("wstrb", 4, true),
            ("bvalid", 1, false),
            ("bready", 1, true),
            ("bresp", 2, false),
            ("arvalid", 1, true),
            ("arready", 1, false),
            ("araddr", 12, true),
            ("rvalid", 1, false),
            ("rready", 1, true),
            ("rdata", 32, false),
            ("rresp", 2, false),
        ];
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (name, width, input) in PORTS {
            let full = format!("s_axil_{name}");
            if input {
                inputs.push((name, m.input(&full, uint(width), "AXI4-Lite")));
            } else {
                outputs.push((name, m.output(&full, uint(width), "AXI4-Lite")));
            }
        }
        AxilPorts { inputs, outputs }
    }

    fn instance(
        &self,
        m: &mut ModuleBuilder,
        clk: &crate::rtl::Clock,
        answers: &[&Expr; 3],
    ) -> Result<crate::rtl::Instance, RtlError> {
        let mut inputs: Vec<(&str, &Expr)> = self.inputs.iter().map(|(n, e)| (*n, e)).collect();
        let names = ["write_error", "read_data", "read_error"];
        inputs.extend(names.into_iter().zip(answers.iter().copied()));
        let port = m.instance("u_port", &axil_port()?, clk, &inputs);
        for (name, output) in &self.outputs {
            m.assign(output, port.get(name));
        }
        Ok(port)
    }
}
