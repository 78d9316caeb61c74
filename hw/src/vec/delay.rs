//! `delay_line`: a value some enabled cycles later.

use std::sync::Arc;

use crate::rtl::{Module, RtlError, cat, uint};

/// Ports: `clk`, `en`, `d`, `q`: q is d of `cycles` enabled cycles ago. One shift register without reset, which
/// FPGA tools put into look-up tables.
///
/// # Errors
/// No cycles or no bits.
pub fn delay_line(width: u32, cycles: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("delay_line_w{width}_n{cycles}"))
        .doc(format!("q = d of {cycles} enabled cycles ago."));
    let clk = m.clock("clk");
    let en = m.input("en", uint(1), "clock enable");
    let d = m.input("d", uint(width), "");
    let q = m.output("q", uint(width), "");
    let held = m.reg("held", uint(width * cycles));
    let next = match cycles {
        0 | 1 => d,
        _ => cat([&held.bits(width * (cycles - 1) - 1, 0), &d]),
    };
    m.clocked(&clk, |b| {
        b.when(&en, |b| {
            b.set(&held, &next);
        });
    });
    m.assign(
        &q,
        held.bits(width * cycles.max(1) - 1, width * (cycles.max(1) - 1)),
    );
    m.finish()
}
