//! RTL of the top: its instances, reset, and the order in which they are connected.

use std::sync::Arc;

use super::TOP;
use super::board::Board;
use super::compute::compute;
use super::control::control;
use super::memory::memory;
use super::trace::{trace, trace_parts};
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
use crate::rtl::{Clock, MemStyle, Module, RtlError, lit, uint};
use crate::sample::{SampleParams, sample};
use crate::scratchpad::{ScratchpadParams, scratchpad};
use crate::tlmm::{TlmmParams, tlmm};
use crate::vec::{VecParams, vec};

/// The whole machine; name [`TOP`].
///
/// # Errors
/// Parameters that a unit refuses; the unit names the rule.
pub fn top(p: &MachineParams) -> Result<Arc<Module>, RtlError> {
    let mut b = Board::new(Module::new(TOP).doc(
        "Tritforge: overlay processor for ternary language models.\n\
         Host: AXI4-Lite slave s_axil (see csr.h) and irq. Memory: AXI4 master m_axi_0.",
    ));
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
    if p.trace {
        trace_parts(&mut b, p)?;
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
