//! The compute units: instructions from their queues, operands from the scratchpad, packets from the buffers.

use super::board::Board;
use super::memory::{READERS, joined};
use crate::rtl::Clock;

/// Connects tlmm, pe, vec and sample.
pub(super) fn compute(b: &mut Board, units: &Clock) {
    b.m.section("Compute units");
    for unit in ["tlmm", "pe", "vec", "sample"] {
        let mut inputs = b.wired(&[
            ("op_valid", &format!("queue_{unit}.op_valid")),
            ("op_data", &format!("queue_{unit}.op_data")),
            ("wr_ready", &format!("scratchpad.{unit}_ready")),
        ]);
        for (_, prefix, port) in READERS.iter().filter(|r| r.0 == unit) {
            for signal in ["req_ready", "rsp_valid", "rsp_data"] {
                let from = b.get(&format!("scratchpad.{port}_{signal}"));
                inputs.push((joined(prefix, signal), from));
            }
        }
        let buffer = match unit {
            "tlmm" => Some("weights"),
            "pe" => Some("vectors"),
            _ => None,
        };
        if let Some(buffer) = buffer {
            let (valid, word) = (
                b.get(&format!("{buffer}.out_valid")),
                b.get(&format!("{buffer}.out_data")),
            );
            let top_bit = word.width() - 1;
            inputs.push(("w_valid".into(), valid));
            inputs.push(("w_data".into(), word.bits(top_bit - 1, 0)));
            inputs.push(("w_last".into(), word.bit(top_bit)));
        }
        b.place(unit, units, &inputs);
    }
}
