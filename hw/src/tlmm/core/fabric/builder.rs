//! Tables are made ahead of time, A groups at once: few walkers take the blocks of a K tile in turn and leave their
//! entries in block RAM, while the rows use the tables of the K tile before.

use std::sync::Arc;

use super::super::lookup::ENTRY_BITS;
use super::super::walk::{Step, walk};
use super::super::{Code, CoreParams, flip_flops};
use super::tree::BIAS;
use crate::glue::valids;
use crate::rtl::{
    Expr, MemStyle, Module, RtlError, any, bits_for, cat, clog2, lit, one, repeat, uint, zero,
};

/// Cycles from the address of an activation to the entry that it makes: memory, operand register, sum.
const LATE: u32 = 3;

/// Cycles from the last block of a K tile to the first of the next: its last entry, and the count of made tables.
const PAUSE: u64 = LATE as u64 + 2;

/// Steps of a block: from zero, then those of the walk.
fn block_steps(code: Code) -> u64 {
    1 + walk(code).len() as u64
}

/// Cycles that the tables of a K tile take to be made.
pub(super) fn build_cycles(p: &CoreParams) -> u64 {
    u64::from(p.act_blocks()) * block_steps(p.code) + PAUSE
}

/// Ports: `clk`, `rst`; `act_we`, `act_addr`, `act_data`, `act_half`, `act_tiles`, `k_tiles` as those of the core, the last
/// and `act_half` taken at `start`; `free` (a K tile's tables may be written), `made` (they are), `busy` (a product's tables are not
/// all made); for the store `entries` (A), `store_addr` (half, code), `store_we` (one for each block).
pub(super) fn builder(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_builder").doc(format!(
        "Tables of a K tile, block after block of {} groups. {} steps make a block.",
        p.act_lanes,
        block_steps(p.code)
    ));
    let (blocks, kw) = (p.act_blocks(), p.tile_bits());
    let (lanes, bw) = (p.act_lanes, clog2(blocks.into()).max(1));
    let clk = m.clock_reset("clk", "rst");
    let act_we = m.input("act_we", uint(blocks), "write of a block; at most one");
    let act_addr = m.input("act_addr", uint(p.act_addr_bits()), "half, K tile, element");
    let act_data = m.input("act_data", uint(8 * lanes), "an element of each group");
    let start = m.input("start", uint(1), "pulse while not busy");
    let act_half = m.input("act_half", uint(1), "half of the activation memory");
    let act_tiles = m.input("act_tiles", uint(kw + 1), "K tiles of it that are written");
    let k_tiles = m.input("k_tiles", uint(kw), "K tiles minus one");
    let free = m.input("free", uint(1), "the store has room for a K tile");
    let made = m.output(
        "made",
        uint(1),
        "pulse: the tables of a K tile are in the store",
    );
    let busy = m.output("busy", uint(1), "K tiles remain");
    let entries = m.output("entries", uint(ENTRY_BITS * lanes), "entries of a block");
    let store_addr = m.output("store_addr", uint(6), "half, code");
    let store_we = m.output("store_we", uint(blocks), "block");

    m.section("Order");
    let order = m.instance(
        "u_order",
        &order(p)?,
        &clk,
        &[
            ("start", &start),
            ("act_half", &act_half),
            ("act_tiles", &act_tiles),
            ("k_tiles", &k_tiles),
            ("free", &free),
        ],
    );
    let out = |name: &str| order.get(name);
    m.assign(&busy, out("busy"));
    m.assign(&made, out("made"));
    m.assign(&store_addr, out("store_addr"));

    m.section("Activations: one memory for all blocks, so that nothing chooses among them");
    let bit_of = |j: u32| {
        let with_bit: Vec<Expr> = (0..blocks)
            .filter(|k| k >> j & 1 == 1)
            .map(|k| act_we.bit(k))
            .collect();
        if with_bit.is_empty() {
            zero()
        } else {
            any(&with_bit)
        }
    };
    let block: Vec<Expr> = (0..bw).map(bit_of).collect();
    let write = m.reg_init("write", uint(1), 0);
    m.clocked(&clk, |b| {
        b.set(&write, act_we.reduce_or());
    });
    let word = cat(block.iter().rev().chain([&act_addr]));
    let write_addr = m.delay("write_addr", &clk, None, word);
    let write_data = m.delay("write_data", &clk, None, &act_data);
    let depth = 1u64 << (bw + p.act_addr_bits());
    let mem = m.ram(
        "acts",
        8 * lanes,
        depth,
        MemStyle::Block,
        "block, half, K tile, element",
    );
    m.write(&mem, &clk, &write, &write_addr, &write_data, None);
    let act = m.read_sync("act", &mem, &clk, one(), out("addr"));
    let act = m.delay("act_q", &clk, None, act);

    m.section("Walkers");
    let walker = walker()?;
    let steer = out("steer");
    let sums: Vec<Expr> = (0..lanes)
        .map(|g| {
            let inputs = [
                ("act", &act.element(g, 8)),
                ("restart", &steer.bit(0)),
                ("subtract", &steer.bit(1)),
                ("double", &steer.bit(2)),
            ];
            m.instance(&format!("u_walker{g}"), &walker, &clk, &inputs)
                .get("entry")
        })
        .collect();
    m.assign(&entries, cat(sums.iter().rev()));

    m.section("Blocks: a one moves along");
    let place = m.reg_init("place", uint(blocks), 0);
    let moved = match blocks {
        1 => out("enter"),
        _ => cat([&place.bits(blocks - 2, 0), &out("enter")]),
    };
    m.clocked(&clk, |b| {
        b.when(out("shift"), |b| {
            b.set(&place, moved);
        });
    });
    m.assign(&store_we, &place);
    m.finish()
}

/// Order of the steps. Ports beside those of the builder: `addr` (block, half, K tile, element) of a step, `steer` (restart,
/// subtract, double) two cycles later, and three cycles later, with its entry, `store_addr`, and `shift`, `enter` for the next step.
fn order(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let steps = walk(p.code);
    let end = steps.len() as u64;
    let (kw, blocks) = (p.tile_bits(), p.act_blocks());
    let bw = clog2(blocks.into()).max(1);
    let mut m = Module::new("tlmm_builder_order").doc(
        "Steps of the walk for one block after the other, as soon as a K tile's activations are there and\n\
         the store has room. On its way to the next code a walk writes there what it has; the code's own entry follows.",
    );
    let clk = m.clock_reset("clk", "rst");
    let start = m.input("start", uint(1), "pulse while not busy");
    let act_half = m.input("act_half", uint(1), "half of the activation memory");
    let act_tiles = m.input("act_tiles", uint(kw + 1), "K tiles of it that are written");
    let k_tiles = m.input("k_tiles", uint(kw), "K tiles minus one");
    let free = m.input("free", uint(1), "the store has room for a K tile");
    let made = m.output(
        "made",
        uint(1),
        "pulse: the tables of a K tile are in the store",
    );
    let busy_out = m.output("busy", uint(1), "K tiles remain");
    let addr_bits = bw + p.act_addr_bits();
    let addr = m.output("addr", uint(addr_bits), "block, half, K tile, element");
    let steer = m.output("steer", uint(3), "restart, subtract, double");
    let store_addr = m.output("store_addr", uint(6), "half, code");
    let shift = m.output("shift", uint(1), "next block");
    let enter = m.output("enter", uint(1), "it is the first");

    let busy = m.reg_init("busy_q", uint(1), 0);
    let half = m.reg("half", uint(1));
    let last_k = m.reg("last_k", uint(kw));
    let tile = m.reg("tile", uint(kw));
    let block = m.reg("block", uint(bw));
    let running = m.reg_init("running", uint(1), 0);
    let count_bits = bits_for(end);
    let count = m.reg_init("count", uint(count_bits), 0);
    m.section("Steps: one table has all, the next count too, since a counter would be slower");
    let next_code = |from: usize| {
        let reached = steps[from..].iter().find_map(|s: &Step| s.code);
        reached.unwrap_or(0)
    };
    let word = |step: Option<&Step>, count: u64| {
        let (element, operation) = step.map_or((0, 0), |s| {
            (s.element, u64::from(s.subtract) | u64::from(s.double) << 1)
        });
        let from = count.saturating_sub(1) as usize;
        let after = if count < end { count + 1 } else { 0 };
        let bits = u64::from(element) | operation << 2 | next_code(from) << 4 | after << 9;
        lit(bits, 9 + count_bits)
    };
    let all = steps.iter().zip(1u64..);
    let step = m.case(
        "step",
        &count,
        all.map(|(s, c)| (c, word(Some(s), c))),
        word(None, 0),
    );
    m.note(
        &step,
        "next count, code that is reached next, double, subtract, element",
    );
    let element = step.bits(1, 0);
    let operation = step.bits(3, 2);
    let code = m.wire("code", step.bits(8, 4));
    let after = step.bits(8 + count_bits, 9);

    m.section("Counters");
    let there = m.delay("there", &clk, None, act_tiles.gt(tile.extend(kw + 1)));
    let last_tile = m.delay("last_tile", &clk, None, tile.eq(&last_k));
    let last_block = m.delay("last_block", &clk, None, block.is(u64::from(blocks) - 1));
    let at_end = m.delay("at_end", &clk, None, count.is(end - 1));
    let block_end = m.wire("block_end", &running & &at_end);
    let tile_end = m.wire("tile_end", &block_end & &last_block);
    // After a K tile `free`, `there` and `last_tile` are old for as long as its last entry is on its way.
    let ends = valids(&mut m, &clk, "tile_end", &tile_end, LATE + 1);
    let settled = m.wire("settled", !any(&ends[1..]));
    let begun = m.reg_init("begun", uint(1), 0);
    m.note(
        &begun,
        "a product was begun in the cycle before: `there` is of an old one",
    );
    let go = m.wire(
        "go",
        &busy & !&running & !&begun & &there & &free & &settled,
    );
    m.clocked(&clk, |b| {
        b.set(&begun, &start);
        b.when(&start, |b| {
            b.set(&busy, one());
            b.set(&half, &act_half);
            b.set(&last_k, &k_tiles);
            b.set(&tile, lit(0, kw));
        })
        .elif(&tile_end, |b| {
            b.set(&busy, !&last_tile);
            b.set(&tile, tile.plus(1));
        });
        b.when(&go, |b| {
            b.set(&running, one());
            b.set(&block, lit(0, bw));
        })
        .elif(&block_end, |b| {
            b.set(&running, !&last_block);
            b.set(&block, block.plus(1));
        });
        b.when(&running, |b| {
            b.set(&count, after);
        });
    });
    m.assign(&busy_out, &busy);

    m.section("To memory, walkers and store");
    m.assign(&addr, cat([&block, &half, &tile, &element]));
    let steer_now = m.wire("steer_now", cat([&operation, &count.is(0)]));
    let steers = flip_flops(&mut m, &clk, "steer_now", &steer_now, LATE - 1);
    m.assign(&steer, &steers[LATE as usize - 1]);
    let codes = flip_flops(&mut m, &clk, "code", &code, LATE);
    let store_half = m.reg_init("store_half", uint(1), 0);
    let made_now = &ends[LATE as usize];
    m.clocked(&clk, |b| {
        b.set(&store_half, &store_half ^ made_now);
    });
    m.assign(&made, made_now);
    m.assign(&store_addr, cat([&store_half, &codes[LATE as usize]]));
    let next = m.wire("next", &go | &block_end);
    let shifts = valids(&mut m, &clk, "next", &next, LATE);
    let enters = flip_flops(&mut m, &clk, "go", &go, LATE);
    m.assign(&shift, &shifts[LATE as usize]);
    m.assign(&enter, &enters[LATE as usize]);
    m.finish()
}

/// Entry of one group. Ports: `clk`, `act`; `restart` (from the sum zero), `subtract`, `double`; `entry` one cycle later.
fn walker() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_walker").doc(format!(
        "Adds an activation, or twice that, to the entry or takes it off; {BIAS} stands for the sum zero.\n\
         One look-up table a bit: the choice of the operand is part of the adder."
    ));
    let clk = m.clock("clk");
    let act = m.input("act", uint(8), "activation, signed");
    let restart = m.input("restart", uint(1), "to zero; the activation is not added");
    let subtract = m.input("subtract", uint(1), "");
    let double = m.input("double", uint(1), "");
    let entry = m.output("entry", uint(ENTRY_BITS), "");
    let sum = m.reg("sum", uint(ENTRY_BITS));
    // Inputs: sum, bit of the activation, the bit below, double, subtract.
    let propagate = (0..32u32).fold(0, |all, i| {
        let bit = |k: u32| i >> k & 1;
        let operand = if bit(3) == 1 { bit(2) } else { bit(1) };
        all | (bit(0) ^ operand ^ bit(4)) << i
    });
    let wide = m.wire("wide", cat([&repeat(2, act.bit(7)), &act]));
    let mut s: [Expr; 16] = std::array::from_fn(|_| zero());
    let mut d = s.clone();
    for i in 0..ENTRY_BITS {
        let below = if i == 0 { zero() } else { wide.bit(i - 1) };
        let inputs = [
            sum.bit(i),
            wide.bit(i),
            below,
            double.clone(),
            subtract.clone(),
        ];
        let u = m.lut6_2(&format!("u_bit{i}"), &inputs, 0, propagate);
        m.unused(u.get("O5"));
        s[i as usize] = u.get("O6");
        d[i as usize] = sum.bit(i);
    }
    let mut carry = subtract;
    let mut parts = Vec::new();
    for k in 0..2 {
        let of = |x: &[Expr; 16]| std::array::from_fn(|i| x[8 * k + i].clone());
        let u = m.carry8(&format!("u_carry{k}"), &carry, &of(&s), &of(&d));
        let co = u.get("CO");
        carry = co.bit(7);
        m.unused(&co);
        parts.push(u.get("O"));
    }
    m.unused(parts[1].bits(7, ENTRY_BITS - 8));
    let next = cat([&parts[1].bits(ENTRY_BITS - 9, 0), &parts[0]]);
    m.clocked(&clk, |b| {
        b.when(&restart, |b| {
            b.set(&sum, lit(BIAS, ENTRY_BITS));
        })
        .otherwise(|b| {
            b.set(&sum, next);
        });
    });
    m.assign(&entry, &sum);
    m.finish()
}
