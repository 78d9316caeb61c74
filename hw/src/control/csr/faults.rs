//! RTL of `faults`.

use std::sync::Arc;

use crate::control::PC_BITS;
use crate::isa::{Cause, FaultUnit, Unit};
use crate::params::MachineParams;
use crate::rtl::{Expr, Module, RtlError, lit, mux, uint};

/// Unit of each scratchpad port: read ports vec_a, vec_b, tlmm, pe, store, sample, issue; then write ports vec, tlmm, pe,
/// load, sample, issue.
const PORT_UNITS: [FaultUnit; 13] = [
    FaultUnit::Queue(Unit::Vec),
    FaultUnit::Queue(Unit::Vec),
    FaultUnit::Queue(Unit::Tlmm),
    FaultUnit::Queue(Unit::Pe),
    FaultUnit::Queue(Unit::Store),
    FaultUnit::Queue(Unit::Sample),
    FaultUnit::Issue,
    FaultUnit::Queue(Unit::Vec),
    FaultUnit::Queue(Unit::Tlmm),
    FaultUnit::Queue(Unit::Pe),
    FaultUnit::Queue(Unit::Load),
    FaultUnit::Queue(Unit::Sample),
    FaultUnit::Issue,
];

/// One source of faults with all that the CSRs want.
struct Fault {
    valid: Expr,
    cause: Expr,
    unit: Expr,
    info: Expr,
    pc: Expr,
}

/// Collector of faults; name `faults_a<addr_bits>`.
///
/// # Errors
/// `addr_bits` above 64.
pub fn faults(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let name = format!("faults_a{}", p.addr_bits);
    let mut m = Module::new(name).doc(
        "Keeps the first fault since reset; of several in one cycle the first of guard, units,\n\
         scratchpad, issue, fetch, watchdog. One cycle.",
    );
    let clk = m.clock_reset("clk", "rst");
    let code = |u: FaultUnit| lit(u.code().into(), 4);
    let guard = Fault {
        valid: m.input("guard_fault_valid", uint(1), "held until reset"),
        cause: m.input("guard_fault_cause", uint(8), ""),
        unit: m.input(
            "guard_fault_unit",
            uint(4),
            "the client: load, store or fetch",
        ),
        info: m
            .input("guard_fault_info", uint(p.addr_bits), "byte address")
            .extend(64),
        pc: m
            .input("guard_fault_pc", uint(PC_BITS), "of the request")
            .extend(32),
    };
    let mut sources = vec![guard];
    let mut unit_pcs = Vec::new();
    for unit in Unit::ALL {
        let valid = m.input(&format!("{unit}_fault_valid"), uint(1), "held until reset");
        let cause = m.input(&format!("{unit}_fault_cause"), uint(8), "");
        let info = m
            .input(&format!("{unit}_fault_info"), uint(32), "")
            .extend(64);
        let pc = m.input(
            &format!("{unit}_pc"),
            uint(PC_BITS),
            "instruction it works on",
        );
        unit_pcs.push(pc.extend(32));
        sources.push(Fault {
            valid,
            cause,
            unit: code(FaultUnit::Queue(unit)),
            info,
            pc: pc.extend(32),
        });
    }
    let issue_pc = m.input("issue_pc", uint(32), "instruction issue works on");
    let port = m.input(
        "scratch_fault_port",
        uint(4),
        "read ports, then write ports",
    );
    let arms = |value: &dyn Fn(FaultUnit) -> Expr| -> Vec<(u64, Expr)> {
        PORT_UNITS
            .iter()
            .enumerate()
            .map(|(k, &u)| (k as u64, value(u)))
            .collect()
    };
    let port_pc = |u: FaultUnit| match u {
        FaultUnit::Queue(unit) => unit_pcs[unit.index()].clone(),
        _ => issue_pc.clone(),
    };
    let port_unit = m.case("port_unit", &port, arms(&code), code(FaultUnit::Issue));
    let port_pc = m.case("port_pc", &port, arms(&port_pc), &issue_pc);
    sources.push(Fault {
        valid: m.input("scratch_fault_valid", uint(1), "held until reset"),
        cause: lit(Cause::ScratchRange.code().into(), 8),
        unit: port_unit,
        info: m
            .input("scratch_fault_info", uint(32), "word address")
            .extend(64),
        pc: port_pc,
    });
    sources.push(Fault {
        valid: m.input("issue_fault_valid", uint(1), "held until reset"),
        cause: m.input("issue_fault_cause", uint(8), ""),
        unit: code(FaultUnit::Issue),
        info: m.input("issue_fault_info", uint(32), "").extend(64),
        pc: issue_pc,
    });
    sources.push(Fault {
        valid: m.input("fetch_fault_valid", uint(1), "held until reset"),
        cause: m.input("fetch_fault_cause", uint(8), ""),
        unit: code(FaultUnit::Fetch),
        info: m.input("fetch_fault_info", uint(32), "").extend(64),
        pc: lit(0, 32),
    });
    sources.push(Fault {
        valid: m.input("watchdog_fault_valid", uint(1), "held until reset"),
        cause: lit(Cause::Deadlock.code().into(), 8),
        unit: m.input("watchdog_fault_unit", uint(4), ""),
        info: lit(0, 64),
        pc: m.input("watchdog_fault_pc", uint(32), ""),
    });
    let fault_valid = m.output("fault_valid", uint(1), "held until reset");
    let outputs = [
        m.output("fault_cause", uint(8), ""),
        m.output("fault_unit", uint(4), ""),
        m.output("fault_info", uint(64), ""),
        m.output("fault_pc", uint(32), ""),
    ];

    m.section("First fault");
    let held = m.reg_init("held", uint(1), 0);
    let mut any = held.clone();
    let mut picks = [lit(0, 8), lit(0, 4), lit(0, 64), lit(0, 32)];
    for s in sources.iter().rev() {
        any = &any | &s.valid;
        for (pick, value) in picks.iter_mut().zip([&s.cause, &s.unit, &s.info, &s.pc]) {
            *pick = mux(&s.valid, value, &*pick);
        }
    }
    let names = ["cause", "unit", "info", "pc"];
    let kept = names
        .iter()
        .zip(&picks)
        .map(|(name, pick)| m.reg(name, pick.ty()))
        .collect::<Vec<_>>();
    m.clocked(&clk, |b| {
        b.set(&held, &any);
        b.when(!&held, |b| {
            for (reg, pick) in kept.iter().zip(&picks) {
                b.set(reg, pick);
            }
        });
    });
    m.assign(&fault_valid, &held);
    for (output, reg) in outputs.iter().zip(&kept) {
        m.assign(output, reg);
    }
    m.finish()
}
