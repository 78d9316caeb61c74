//! Synchronous FIFO on one memory.
//!
//! Contract: a beat accepted in cycle t is offered at the earliest in cycle t + 2 (block RAM) or t + 1 (registers
//! and distributed RAM); one beat a cycle in and out in steady state; holds `depth` beats (block RAM: plus the
//! output register). Order is kept; nothing is lost or doubled under any stall.

use std::sync::Arc;

use crate::rtl::{MemStyle, Module, RtlError, bits_for, clog2, lit, uint};

/// Parameters of [`sync_fifo`].
#[derive(Clone, Debug)]
pub struct FifoParams {
    /// Bits of a beat.
    pub width: u32,
    /// Beats held; a power of two, at least 2.
    pub depth: u64,
    /// `Distributed`: the head is read combinationally. `Block`: the head passes an output register.
    pub style: MemStyle,
}

impl FifoParams {
    pub fn name(&self) -> String {
        let style = if self.style == MemStyle::Block {
            "_bram"
        } else {
            ""
        };
        format!("sync_fifo_w{}_d{}{style}", self.width, self.depth)
    }
}

/// Ports: `clk`, `rst`, sink `in`, source `out`, `level` (beats inside).
pub fn sync_fifo(p: &FifoParams) -> Result<Arc<Module>, RtlError> {
    let aw = clog2(p.depth);
    let mut m = Module::new(p.name()).doc(format!(
        "Synchronous FIFO: {} beats of {} bits, first in first out under any stall.",
        p.depth, p.width
    ));
    let clk = m.clock_reset("clk", "rst");
    let input = m.sink("in", uint(p.width), "beats to store");
    let output = m.source("out", uint(p.width), "beats in the order they came");
    let level_out = m.output("level", uint(bits_for(p.depth) + 1), "beats inside");
    if !p.depth.is_power_of_two() || p.depth < 2 {
        return Err(RtlError {
            module: p.name(),
            faults: vec![format!(
                "depth {} is not a power of two of at least 2",
                p.depth
            )],
        });
    }

    m.section("Pointers: one bit more than the address tells full from empty");
    let head = m.reg_init("head", uint(aw + 1), 0);
    let tail = m.reg_init("tail", uint(aw + 1), 0);
    let count = m.wire("count", &tail - &head);
    let full = m.wire("full", count.is(p.depth));
    m.assign(&input.ready, !&full);
    let push = m.wire("push", input.fire());

    m.section("Storage");
    let mem = m.ram("mem", p.width, p.depth, p.style, "");
    m.write(&mem, &clk, &push, tail.bits(aw - 1, 0), &input.data, None);
    let filled = m.wire("filled", count.ne(lit(0, aw + 1)));
    let lw = bits_for(p.depth) + 1;
    if p.style == MemStyle::Block {
        m.comment(
            "The block RAM's registered read is the output stage: refilled when empty or moving.",
        );
        let held = m.reg_init("held", uint(1), 0);
        let pop = m.wire("pop", &filled & (!&held | &output.ready));
        let data = m.read_sync("out_word", &mem, &clk, &pop, head.bits(aw - 1, 0));
        m.clocked(&clk, |b| {
            b.when(&push, |b| {
                b.set(&tail, tail.plus(1));
            });
            b.when(&pop, |b| {
                b.set(&head, head.plus(1));
            });
            b.set(&held, &pop | (&held & !&output.ready));
        });
        m.assign(&output.valid, &held);
        m.assign(&output.data, &data);
        m.assign(&level_out, count.extend(lw) + held.extend(lw));
    } else {
        let pop = m.wire("pop", &filled & &output.ready);
        m.clocked(&clk, |b| {
            b.when(&push, |b| {
                b.set(&tail, tail.plus(1));
            });
            b.when(&pop, |b| {
                b.set(&head, head.plus(1));
            });
        });
        m.assign(&output.valid, &filled);
        let word = m.read_async(&mem, head.bits(aw - 1, 0));
        m.assign(&output.data, word);
        m.assign(&level_out, count.extend(lw));
    }
    m.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::rtl::NativeSim;

    const STYLES: [MemStyle; 2] = [MemStyle::Distributed, MemStyle::Block];

    fn fifo(style: MemStyle) -> Arc<Module> {
        let p = FifoParams {
            width: 8,
            depth: 16,
            style,
        };
        sync_fifo(&p).unwrap()
    }

    #[test]
    fn order_level_and_capacity_under_random_stalls() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        for style in STYLES {
            let mut sim = NativeSim::new(&fifo(style)).unwrap();
            sim.scramble(3);
            sim.reset("clk", "rst");
            let mut inside = VecDeque::new();
            let mut most = 0;
            for cycle in 0..3000 {
                // Phases that fill, drain and balance.
                let (offer, take) = [(7, 1), (1, 7), (8, 8), (4, 4)][cycle / 100 % 4];
                let data = rng.random_range(0..256);
                let (offer, take) = (
                    rng.random_range(0..8) < offer,
                    rng.random_range(0..8) < take,
                );
                sim.set("in_valid", offer.into());
                sim.set("in_data", data);
                sim.set("out_ready", take.into());
                assert_eq!(sim.get("level"), inside.len() as u64);
                most = most.max(inside.len());
                if take && sim.get("out_valid") == 1 {
                    assert_eq!(inside.pop_front(), Some(sim.get("out_data")));
                }
                if offer && sim.get("in_ready") == 1 {
                    inside.push_back(data);
                }
                sim.tick("clk");
            }
            assert_eq!(most, 16 + usize::from(style == MemStyle::Block));
        }
    }

    #[test]
    fn emitted_text() {
        for style in STYLES {
            let m = fifo(style);
            insta::assert_snapshot!(m.name.clone(), m.verilog());
        }
    }
}
