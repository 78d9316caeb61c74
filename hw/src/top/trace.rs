//! Monitors of the retired-instruction trace; they only listen.

use super::board::Board;
use super::monitor::{Watch, trace_monitor};
use crate::isa::Unit;
use crate::params::MachineParams;
use crate::rtl::{Clock, Expr, RtlError, cat, repeat, uint};

/// Puts a monitor for each queue unit on the board; its outputs are ports of the top.
pub(super) fn trace_parts(b: &mut Board, p: &MachineParams) -> Result<(), RtlError> {
    let (lanes, beat) = (p.vec_lanes, p.bus_bits / 32);
    for unit in Unit::ALL {
        let words = Watch {
            name: "word",
            lanes,
            counts: false,
        };
        let beats = |name| Watch {
            name,
            lanes: beat,
            counts: true,
        };
        let watches = match unit {
            Unit::Load => vec![words, beats("weight"), beats("vector")],
            Unit::Store => vec![beats("beat")],
            _ => vec![words],
        };
        let name = format!("trace_{unit}");
        let monitor = trace_monitor(unit.name(), &watches, unit == Unit::Load)?;
        for port in ["valid", "pc", "sig"] {
            let ty = monitor
                .port(&format!("trace_{port}"))
                .map_or(uint(1), |p| p.ty);
            let doc = if port == "valid" {
                "retired instruction"
            } else {
                ""
            };
            let net = b.m.output(&format!("{name}_{port}"), ty, doc);
            b.wires.insert(format!("{name}.trace_{port}"), net);
        }
        b.part(&name, monitor);
    }
    Ok(())
}

/// Connects the monitors.
pub(super) fn trace(b: &mut Board, units: &Clock, p: &MachineParams) {
    b.m.section("Trace: monitors that only listen");
    let w = p.bus_bits;
    for unit in Unit::ALL {
        let mut inputs = b.wired(&[
            ("done", &format!("{unit}.done")),
            ("retire", &format!("queue_{unit}.retire")),
            ("retire_pc", &format!("queue_{unit}.retire_pc")),
        ]);
        if unit == Unit::Store {
            let fire = b.get("store.mem_wr_valid") & b.get("guard.store_wr_ready");
            let beat = b.get("store.mem_wr_data");
            let bytes: Vec<Expr> = (0..w / 8)
                .rev()
                .map(|i| {
                    let keep = repeat(8, beat.bit(w + i));
                    beat.element(i, 8) & keep
                })
                .collect();
            let data = b.m.wire("store_written", cat(&bytes));
            inputs.push(("beat_fire".into(), fire));
            inputs.push(("beat_data".into(), data));
            // One instruction at a time, and its responses come after all its beats.
            inputs.push(("beat_end".into(), b.get("store.done")));
        } else {
            let fire =
                b.get(&format!("{unit}.wr_valid")) & b.get(&format!("scratchpad.{unit}_ready"));
            inputs.push(("word_fire".into(), fire));
            inputs.push(("word_index".into(), b.get(&format!("{unit}.wr_addr"))));
            inputs.push(("word_data".into(), b.get(&format!("{unit}.wr_data"))));
        }
        if unit == Unit::Load {
            for (name, stream, buffer) in
                [("weight", "wgt", "weights"), ("vector", "str", "vectors")]
            {
                let fire =
                    b.get(&format!("load.{stream}_valid")) & b.get(&format!("{buffer}.in_ready"));
                let end = &fire & b.get(&format!("load.{stream}_last"));
                inputs.push((format!("{name}_fire"), fire));
                inputs.push((format!("{name}_end"), end));
                inputs.push((
                    format!("{name}_data"),
                    b.get(&format!("load.{stream}_data")),
                ));
            }
        }
        b.place(&format!("trace_{unit}"), units, &inputs);
    }
}
