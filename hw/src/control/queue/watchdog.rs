//! RTL of `watchdog`.

use std::sync::Arc;

use crate::control::PC_BITS;
use crate::isa::{FaultUnit, Unit};
use crate::params::MachineParams;
use crate::rtl::{Module, RtlError, bits_for, lit, mux, uint};

/// Deadlock detector; name `watchdog_<cycles>`.
///
/// # Errors
/// None that a caller can cause.
pub fn watchdog(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let units = Unit::COUNT as u32;
    let cycles = u64::from(p.watchdog);
    let width = bits_for(cycles);
    let mut m = Module::new(format!("watchdog_{cycles}")).doc(format!(
        "Raises a fault after {cycles} cycles in which the machine runs and nothing moves."
    ));
    let clk = m.clock_reset("clk", "rst");
    let running = m.input("running", uint(1), "a program runs");
    let progress = m.input("progress", uint(1), "dispatch, retirement, token or beat");
    let busy = m.input("busy", uint(units), "units with instructions in flight");
    let idle = m.input("idle", uint(units), "units with nothing to do");
    let pcs: Vec<_> = Unit::ALL
        .iter()
        .map(|u| m.input(&format!("{u}_pc"), uint(PC_BITS), "instruction it works on"))
        .collect();
    let issue_pc = m.input("issue_pc", uint(32), "instruction issue works on");
    let fault_valid = m.output("fault_valid", uint(1), "nothing moved; held until reset");
    let fault_unit = m.output("fault_unit", uint(4), "who is stuck");
    let fault_pc = m.output("fault_pc", uint(32), "its instruction");

    m.section("Silence");
    let count = m.reg_init("count", uint(width), 0);
    let expired = m.wire("expired", count.is(cycles));
    let fired = m.reg_init("fired", uint(1), 0);
    let unit = m.reg("unit", uint(4));
    let pc = m.reg("pc", uint(32));

    m.section("Suspect: lowest busy unit, else lowest unit with work, else issue");
    let mut suspect = lit(FaultUnit::Issue.code().into(), 4);
    let mut suspect_pc = issue_pc;
    let loaded = m.wire("loaded", !&idle);
    for work in [&loaded, &busy] {
        for u in Unit::ALL.iter().rev() {
            let bit = work.bit(u.index() as u32);
            suspect = mux(&bit, lit(u.index() as u64, 4), &suspect);
            suspect_pc = mux(&bit, pcs[u.index()].extend(32), &suspect_pc);
        }
    }
    m.clocked(&clk, |b| {
        b.when(&progress | !&running, |b| {
            b.set(&count, lit(0, width));
        })
        .elif(!&expired, |b| {
            b.set(&count, count.plus(1));
        });
        b.when(&expired & !&fired, |b| {
            b.set(&fired, lit(1, 1));
            b.set(&unit, &suspect);
            b.set(&pc, &suspect_pc);
        });
    });
    m.assign(&fault_valid, &fired);
    m.assign(&fault_unit, &unit);
    m.assign(&fault_pc, &pc);
    m.finish()
}
