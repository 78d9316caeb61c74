//! Sums of one row.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{MemStyle, Module, RtlError, clog2, mux, repeat, sint, uint};

/// Ports: `clk`; `partial`, `valid`, `first`, `axpy`, `column` of a beat; `total` one cycle later.
pub(super) fn sum(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (bits, partial_bits) = (p.sum_bits(), p.partial_bits());
    let columns = u64::from(p.max_axpy);
    let cw = clog2(columns);
    let mut m = Module::new("pe_sum").doc(format!(
        "pedot: the sum since the first beat. peaxpy: {columns} sums, one a column; a column comes again no sooner than\n\
         two cycles later."
    ));
    let clk = m.clock("clk");
    let partial = m.input("partial", sint(partial_bits), "sum of a beat");
    let valid = m.input("valid", uint(1), "there is one");
    let first = m.input("first", uint(1), "nothing was before it");
    let axpy = m.input("axpy", uint(1), "stable while there are beats");
    let column = m.input("column", uint(cw), "peaxpy: its column");
    let total_out = m.output("total", sint(bits), "sum with it, one cycle later");

    let total = m.reg("sum", sint(bits));
    let sums = m.ram(
        "sums",
        bits,
        columns,
        MemStyle::Distributed,
        "of the columns",
    );
    let kept = m.read_async(&sums, &column);
    let kept = m.wire("kept", kept);
    let base = mux(&axpy, &kept, total.unsigned()) & repeat(bits, !&first);
    let base = m.wire("base", base.signed());
    let next = m.wire("next", &base + &partial.extend(bits));
    m.clocked(&clk, |b| {
        b.when(&valid, |b| {
            b.set(&total, &next);
        });
    });
    let valid_1 = m.delay("valid_1", &clk, None, &valid & &axpy);
    let column_1 = m.delay("column_1", &clk, None, &column);
    m.write(&sums, &clk, &valid_1, &column_1, total.unsigned(), None);
    m.assign(&total_out, &total);
    m.finish()
}
