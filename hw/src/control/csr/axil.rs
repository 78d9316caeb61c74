//! RTL of `axil_port`.

use std::sync::Arc;

use crate::rtl::{Module, RtlError, all, cat, lit, mux, repeat, uint};

/// AXI4-Lite slave in front of registers.
///
/// # Errors
/// None that a caller can cause.
pub fn axil_port() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("axil_port").doc(
        "AXI4-Lite slave of 32 data and 12 address bits to single-cycle register accesses.\n\
         One write and one read at a time; answers wait as long as the host likes.",
    );
    let clk = m.clock_reset("clk", "rst");
    let awvalid = m.input("awvalid", uint(1), "write address");
    let awready = m.output("awready", uint(1), "");
    let awaddr = m.input("awaddr", uint(12), "bytes");
    let wvalid = m.input("wvalid", uint(1), "write data");
    let wready = m.output("wready", uint(1), "");
    let wdata = m.input("wdata", uint(32), "");
    let wstrb = m.input("wstrb", uint(4), "");
    let bvalid = m.output("bvalid", uint(1), "write response");
    let bready = m.input("bready", uint(1), "");
    let bresp = m.output("bresp", uint(2), "OKAY or SLVERR");
    let arvalid = m.input("arvalid", uint(1), "read address");
    let arready = m.output("arready", uint(1), "");
    let araddr = m.input("araddr", uint(12), "bytes");
    let rvalid = m.output("rvalid", uint(1), "read data");
    let rready = m.input("rready", uint(1), "");
    let rdata = m.output("rdata", uint(32), "");
    let rresp = m.output("rresp", uint(2), "OKAY or SLVERR");
    let write_valid = m.output("write_valid", uint(1), "a register write, one cycle");
    let write_addr = m.output("write_addr", uint(10), "in words of 4 bytes");
    let write_data = m.output("write_data", uint(32), "");
    let write_mask = m.output("write_mask", uint(32), "bits to be written");
    let write_error = m.input("write_error", uint(1), "in the same cycle");
    let read_addr = m.output("read_addr", uint(10), "in words of 4 bytes");
    let read_data = m.input("read_data", uint(32), "in the same cycle");
    let read_error = m.input("read_error", uint(1), "in the same cycle");
    m.unused(awaddr.bits(1, 0));
    m.unused(araddr.bits(1, 0));

    m.section("Write: address and data are kept apart until both are there");
    let has_addr = m.reg_init("has_addr", uint(1), 0);
    let has_data = m.reg_init("has_data", uint(1), 0);
    let addr = m.reg("addr", uint(10));
    let data = m.reg("data", uint(32));
    let strobes = m.reg("strobes", uint(4));
    let responding = m.reg_init("responding", uint(1), 0);
    let write_failed = m.reg("write_failed", uint(1));
    let act = m.wire("act", all([&has_addr, &has_data, &!&responding]));
    m.assign(&awready, !&has_addr);
    m.assign(&wready, !&has_data);
    m.clocked(&clk, |b| {
        b.when(&act, |b| {
            b.set(&has_addr, lit(0, 1));
            b.set(&has_data, lit(0, 1));
            b.set(&responding, lit(1, 1));
            b.set(&write_failed, &write_error);
        });
        b.when(&awvalid & !&has_addr, |b| {
            b.set(&has_addr, lit(1, 1));
            b.set(&addr, awaddr.bits(11, 2));
        });
        b.when(&wvalid & !&has_data, |b| {
            b.set(&has_data, lit(1, 1));
            b.set(&data, &wdata);
            b.set(&strobes, &wstrb);
        });
        b.when(&responding & &bready, |b| {
            b.set(&responding, lit(0, 1));
        });
    });
    m.assign(&write_valid, &act);
    m.assign(&write_addr, &addr);
    m.assign(&write_data, &data);
    let mask: Vec<_> = (0..4).rev().map(|i| repeat(8, strobes.bit(i))).collect();
    m.assign(&write_mask, cat(&mask));
    m.assign(&bvalid, &responding);
    m.assign(&bresp, mux(&write_failed, lit(2, 2), lit(0, 2)));

    m.section("Read");
    let asked = m.reg_init("asked", uint(1), 0);
    let from = m.reg("from", uint(10));
    let offering = m.reg_init("offering", uint(1), 0);
    let read_word = m.reg("read_word", uint(32));
    let read_failed = m.reg("read_failed", uint(1));
    m.assign(&arready, !&asked);
    let answer = m.wire("answer", &asked & !&offering);
    m.clocked(&clk, |b| {
        b.when(&arvalid & !&asked, |b| {
            b.set(&asked, lit(1, 1));
            b.set(&from, araddr.bits(11, 2));
        });
        b.when(&offering & &rready, |b| {
            b.set(&offering, lit(0, 1));
        });
        b.when(&answer, |b| {
            b.set(&asked, lit(0, 1));
            b.set(&offering, lit(1, 1));
            b.set(&read_word, &read_data);
            b.set(&read_failed, &read_error);
        });
    });
    m.assign(&read_addr, &from);
    m.assign(&rvalid, &offering);
    m.assign(&rdata, &read_word);
    m.assign(&rresp, mux(&read_failed, lit(2, 2), lit(0, 2)));
    m.finish()
}
