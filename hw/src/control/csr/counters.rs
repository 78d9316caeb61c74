//! RTL of `perf_counters`.

use std::sync::Arc;

use crate::isa::{Unit, csr};
use crate::rtl::{Module, RtlError, lit, one, uint};

/// Bits of a counter.
const WIDTH: u32 = 64;

/// Performance counters of the machine.
///
/// # Errors
/// A counter of this module is not in the CSR table.
pub fn perf_counters() -> Result<Arc<Module>, RtlError> {
    let units = Unit::COUNT as u32;
    let mut m =
        Module::new("perf_counters").doc("Counters of cycles and beats; they count while running.");
    let clk = m.clock_reset("clk", "rst");
    let clear = m.input("clear", uint(1), "all to 0");
    let running = m.input("running", uint(1), "count");
    let busy = m.input("busy", uint(units), "units with instructions in flight");
    let stalled = m.input("stalled", uint(units), "units whose head waits for tokens");
    let read_beat = m.input("read_beat", uint(1), "a beat came from memory");
    let write_beat = m.input("write_beat", uint(1), "a beat went to memory");
    let read_stall = m.input("read_stall", uint(1), "a beat was offered and not taken");
    let read_addr = m.input("read_addr", uint(10), "CSR word address");
    let read_data = m.output("read_data", uint(32), "0 at other addresses");

    let mut events = vec![("CYCLES".to_string(), one())];
    for (name, bits) in [("BUSY", &busy), ("STALLED", &stalled)] {
        for unit in Unit::ALL {
            let name = format!("{name}_{}", unit.name().to_uppercase());
            events.push((name, bits.bit(unit.index() as u32)));
        }
    }
    events.push(("READ_BEATS".into(), read_beat.clone()));
    events.push(("WRITE_BEATS".into(), write_beat));
    events.push(("READ_IDLE".into(), !&read_beat));
    events.push(("READ_STALL".into(), read_stall));

    m.section("Counters");
    let mut arms = Vec::new();
    let mut missing = Vec::new();
    for (name, event) in &events {
        let count = m.reg_init(&format!("{}_count", name.to_lowercase()), uint(WIDTH), 0);
        m.clocked(&clk, |b| {
            b.when(&clear, |b| {
                b.set(&count, lit(0, WIDTH));
            })
            .elif(&running & event, |b| {
                b.set(&count, count.plus(1));
            });
        });
        for (half, bits) in [("LO", count.bits(31, 0)), ("HI", count.bits(63, 32))] {
            match csr::named(&format!("{name}_{half}")) {
                Some(row) => arms.push((u64::from(row.offset / 4), bits)),
                None => missing.push(format!("no CSR {name}_{half}")),
            }
        }
    }
    if !missing.is_empty() {
        return Err(RtlError {
            module: "perf_counters".into(),
            faults: missing,
        });
    }
    let value = m.case("value", &read_addr, arms, lit(0, 32));
    m.assign(&read_data, &value);
    m.finish()
}
