//! Register slice on a stream: cuts every combinational path between its two sides.
//!
//! Contract: a beat accepted in cycle t is offered in t + 1; one beat a cycle; holds two beats; `in_ready`,
//! `out_valid` and the data come straight from registers. Order is kept under any stall.

use std::sync::Arc;

use crate::rtl::{Module, RtlError, cat, mux, uint};

/// Parameters of [`skid`].
#[derive(Clone, Debug)]
pub struct SkidParams {
    /// Bits of a beat.
    pub width: u32,
    /// The streams have `last`.
    pub last: bool,
}

impl SkidParams {
    pub fn name(&self) -> String {
        let last = if self.last { "_last" } else { "" };
        format!("skid_w{}{last}", self.width)
    }
}

/// Ports: `clk`, `rst`, sink `in`, source `out`, both with last when asked for.
///
/// # Errors
/// Width 0.
pub fn skid(p: &SkidParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(p.name()).doc(format!(
        "Register slice on a stream of {} bits: no combinational path from side to side, full throughput.",
        p.width
    ));
    let clk = m.clock_reset("clk", "rst");
    let (input, output) = if p.last {
        (
            m.sink_last("in", uint(p.width), "beats"),
            m.source_last("out", uint(p.width), "the same beats"),
        )
    } else {
        (
            m.sink("in", uint(p.width), "beats"),
            m.source("out", uint(p.width), "the same beats"),
        )
    };
    let beat = match &input.last {
        Some(last) => cat([last, &input.data]),
        None => input.data.clone(),
    };

    m.section("Two places: the one offered and the one that catches a beat when the sink stalls");
    let offered = m.reg_init("offered", uint(1), 0);
    let caught = m.reg_init("caught", uint(1), 0);
    let first = m.reg("first", beat.ty());
    let second = m.reg("second", beat.ty());
    m.assign(&input.ready, !&caught);
    m.assign(&output.valid, &offered);
    m.assign(&output.data, first.bits(p.width - 1, 0));
    if let Some(last) = &output.last {
        m.assign(last, first.bit(p.width));
    }
    let push = m.wire("push", input.fire());
    let advance = m.wire("advance", !&offered | &output.ready);
    m.note(&advance, "the first place is free after this cycle");
    m.clocked(&clk, |b| {
        b.when(&advance, |b| {
            b.set(&first, mux(&caught, &second, &beat));
            b.set(&offered, &caught | &push);
            b.set(&caught, crate::rtl::zero());
        })
        .elif(&push, |b| {
            b.set(&second, &beat);
            b.set(&caught, crate::rtl::one());
        });
    });
    m.finish()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::rtl::NativeSim;

    #[test]
    fn order_is_kept_and_a_beat_moves_every_cycle() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let p = SkidParams {
            width: 20,
            last: true,
        };
        let mut sim = NativeSim::new(&skid(&p).unwrap()).unwrap();
        for (offer, take) in [(8, 8), (8, 3), (3, 8), (4, 4)] {
            sim.scramble(rng.random());
            sim.reset("clk", "rst");
            let (mut sent, mut got, mut offered) = (Vec::new(), Vec::new(), false);
            let mut beat = (0, 0);
            for _ in 0..1000 {
                if !offered && rng.random_range(0..8) < offer {
                    beat = (rng.random_range(0..1 << 20), rng.random_range(0..2));
                    offered = true;
                }
                sim.set("in_valid", offered.into());
                sim.set("in_data", beat.0);
                sim.set("in_last", beat.1);
                let ready = sim.get("in_ready");
                let take = rng.random_range(0..8) < take;
                sim.set("out_ready", take.into());
                assert_eq!(sim.get("in_ready"), ready, "ready waits for the sink");
                if take && sim.get("out_valid") == 1 {
                    got.push((sim.get("out_data"), sim.get("out_last")));
                }
                if offered && ready == 1 {
                    sent.push(beat);
                    offered = false;
                }
                sim.tick("clk");
            }
            assert_eq!(got[..], sent[..got.len()]);
            assert!(sent.len() - got.len() <= 2);
            if (offer, take) == (8, 8) {
                assert_eq!(got.len(), 999, "one cycle of latency, then every cycle");
            }
        }
    }

    #[test]
    fn emitted_text() {
        for last in [false, true] {
            let p = SkidParams { width: 8, last };
            insta::assert_snapshot!(p.name(), skid(&p).unwrap().verilog());
        }
    }
}
