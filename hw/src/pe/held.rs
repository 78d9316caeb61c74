//! Operands of two rows that stay: one memory for each two lanes, so that each is read when its chain wants it.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{ByteEnable, Expr, MemStyle, Module, RtlError, cat, repeat, uint};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u32 = 64;

/// Ports: `clk`, `low_we`, `high_we`, `wr_addr`, `low`, `high`; `addr`, one address for each two lanes; `a`, operands of the
/// chains one cycle later.
pub(super) fn held(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let (lanes, aw) = (p.macs(), p.held_addr_bits());
    let mut m = Module::new("pe_held").doc(format!(
        "Codes of two rows for {lanes} lanes, {} beats of them. An operand is low + high 2^19; high is one less where low is\n\
         negative, and so stands ready.",
        p.held_depth()
    ));
    let clk = m.clock("clk");
    let low_we = m.input("low_we", uint(1), "write the lower row");
    let high_we = m.input("high_we", uint(1), "write the upper row");
    let wr_addr = m.input("wr_addr", uint(aw), "");
    let low = m.input("low", uint(8 * lanes), "codes of the lower row");
    let high = m.input("high", uint(8 * lanes), "of the upper row, less the borrow");
    let addr = m.input(
        "addr",
        uint(aw * lanes / 2),
        "beats to read, one each two lanes",
    );
    let a = m.output("a", uint(27 * lanes), "operands, one cycle later");

    let style = match p.held_depth() {
        ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
        _ => MemStyle::Block,
    };
    let enable = m.wire("enable", &low_we | &high_we);
    let bytes = m.wire("bytes", cat([&repeat(2, &high_we), &repeat(2, &low_we)]));
    let mut operands: Vec<Expr> = Vec::new();
    for g in 0..lanes / 2 {
        let mem = m.ram(&format!("lanes{g}"), 32, p.held_depth().into(), style, "");
        let word = cat([&high.element(g, 16), &low.element(g, 16)]);
        let word = m.wire(&format!("word{g}"), word);
        let byte_enable = ByteEnable {
            enable: bytes.clone(),
            width: 8,
        };
        m.write(&mem, &clk, &enable, &wr_addr, word, Some(byte_enable));
        let here = addr.element(g, aw);
        let codes = m.read_sync(&format!("codes{g}"), &mem, &clk, crate::rtl::one(), here);
        for lane in 0..2 {
            let (low, high) = (codes.element(lane, 8), codes.element(2 + lane, 8));
            let sign = codes.bit(8 * lane + 7);
            operands.push(cat([&high, &repeat(11, sign), &low]));
        }
    }
    m.assign(&a, cat(operands.iter().rev()));
    m.finish()
}
