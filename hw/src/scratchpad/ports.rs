//! The ports of a unit that reads or writes the scratchpad through a mover.

use super::ADDR_BITS;
use crate::rtl::{Expr, Instance, ModuleBuilder, uint};

/// Read port `<prefix>_req_valid/_ready/_addr`, `<prefix>_rsp_valid/_data` of a unit.
pub struct ReaderPort {
    pub req_valid: Expr,
    pub req_ready: Expr,
    pub req_addr: Expr,
    pub rsp_valid: Expr,
    pub rsp_data: Expr,
}

impl ReaderPort {
    /// Declares the port; an empty prefix leaves the names bare.
    #[track_caller]
    pub fn new(m: &mut ModuleBuilder, prefix: &str, word_bits: u32) -> ReaderPort {
        let name = |signal: &str| match prefix {
            "" => signal.to_string(),
            _ => format!("{prefix}_{signal}"),
        };
        ReaderPort {
            req_valid: m.output(&name("req_valid"), uint(1), "read port of the scratchpad"),
            req_ready: m.input(&name("req_ready"), uint(1), ""),
            req_addr: m.output(&name("req_addr"), uint(ADDR_BITS), "word"),
            rsp_valid: m.input(&name("rsp_valid"), uint(1), "2 cycles after the grant"),
            rsp_data: m.input(&name("rsp_data"), uint(word_bits), ""),
        }
    }

    /// What goes to the reader, or to the module with the reader in it.
    pub fn inputs(&self) -> [(&'static str, &Expr); 3] {
        [
            ("req_ready", &self.req_ready),
            ("rsp_valid", &self.rsp_valid),
            ("rsp_data", &self.rsp_data),
        ]
    }

    /// Drives the port from the reader.
    #[track_caller]
    pub fn drive(&self, m: &mut ModuleBuilder, reader: &Instance) {
        m.assign(&self.req_valid, reader.get("req_valid"));
        m.assign(&self.req_addr, reader.get("req_addr"));
    }
}

/// Write port `wr_valid/_ready/_addr/_data` of a unit.
pub struct WriterPort {
    pub valid: Expr,
    pub ready: Expr,
    pub addr: Expr,
    pub data: Expr,
}

impl WriterPort {
    /// Declares the port.
    #[track_caller]
    pub fn new(m: &mut ModuleBuilder, word_bits: u32) -> WriterPort {
        WriterPort {
            valid: m.output("wr_valid", uint(1), "write port of the scratchpad"),
            ready: m.input("wr_ready", uint(1), ""),
            addr: m.output("wr_addr", uint(ADDR_BITS), "word"),
            data: m.output("wr_data", uint(word_bits), ""),
        }
    }

    /// Drives the port from the writer, or from the module with the writer in it.
    #[track_caller]
    pub fn drive(&self, m: &mut ModuleBuilder, writer: &Instance) {
        m.assign(&self.valid, writer.get("wr_valid"));
        m.assign(&self.addr, writer.get("wr_addr"));
        m.assign(&self.data, writer.get("wr_data"));
    }
}
