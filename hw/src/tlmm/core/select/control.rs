//! The core: walk over K tiles and weight words, activations, accumulators.

use std::sync::Arc;

use super::{SelectCore, Technology, block_ram, chain, compress};
use crate::glue::{delays, valids};
use crate::rtl::{
    Expr, MemStyle, Module, ModuleBuilder, RtlError, all, any, bits_for, cat, clog2, lit, mux,
    repeat, uint, zero,
};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u64 = 32;

/// The core. Ports: `core`'s table.
///
/// # Errors
/// Faults of the description; parameters are checked by [`SelectCore::build`].
pub fn tlmm_select(c: &SelectCore) -> Result<Arc<Module>, RtlError> {
    let p = &c.params;
    let (t, q, b, a) = (p.groups, p.rows, p.batch, p.acc_bits());
    let (stages, lat, mem) = (c.stages(), c.row_latency(), c.memory_latency());
    let mut m = Module::new("tlmm_select").doc(format!(
        "Ternary matrix core, select and add: {t} weights of {q} rows times {b} activation vectors a cycle.\n\
         k_tiles * row_tiles weight words a product, one a cycle; each K tile takes at least {} cycles.\n\
         Sums leave {} cycles behind the words of the last K tile, without back-pressure.",
        c.tile_cycles(),
        c.latency()
    ));
    let ports = super::super::ports(&mut m, p);
    let clk = ports.clk.clone();
    let kb = clog2(p.max_k_tiles.into());
    let rb = clog2(p.max_row_tiles.into());
    let ab = p.act_addr_bits();
    let super::super::Ports {
        act_we,
        act_addr,
        act_data,
        start,
        act_half,
        act_tiles,
        k_tiles,
        row_tiles,
        hold,
        idle,
        w_valid,
        w_ready,
        w_data,
        w_last,
        sum_valid,
        sum_data,
        sum_last,
        ..
    } = ports;

    let busy = m.reg_init("busy", uint(1), 0);
    m.assign(&idle, !&busy);

    m.section("Activations: a word is read ahead and waits at the memory's output");
    m.comment(
        "Counts are compared before it matters; between two words that are read lie three cycles.",
    );
    let fetched = m.reg("fetched", uint(ab));
    m.note(&fetched, "K tiles read");
    let complete = m.reg("complete", uint(1));
    m.note(&complete, "all have been read");
    let reserved = m.reg_init("reserved", uint(1), 0);
    m.note(&reserved, "the memory's output is not free");
    let waiting = m.reg_init("waiting", uint(1), 0);
    m.note(&waiting, "a K tile waits there");
    let emptied = m.wire_decl("emptied", uint(1));
    let there = m.reg("there", uint(1));
    m.note(&there, "the next one is written");
    let more = m.delay("more", &clk, None, act_tiles.gt(&fetched));
    let awake = m.delay("awake", &clk, None, &busy);
    let free = !&reserved | &emptied;
    let fetch = m.wire("fetch", all([&busy, &there, &free]));
    let depth = 2 * (1u64 << p.tile_bits());
    m.comment("The memory's many blocks are told a cycle later.");
    let fetches = valids(&mut m, &clk, "fetch", &fetch, mem + 1);
    let place = cat([&act_half, &fetched.bits(ab - 2, 0)]);
    let read_at = m.delay("read_at", &clk, None, place);
    let block = memory(c, 8 * p.act_lanes, depth)?;
    let acts: Vec<Expr> = (0..p.act_blocks())
        .map(|i| {
            let inputs = [
                ("we", &act_we.bit(i)),
                ("waddr", &act_addr),
                ("wdata", &act_data),
                ("re", &fetches[1]),
                ("raddr", &read_at),
            ];
            m.instance(&format!("u_acts{i}"), &block, &clk, &inputs)
                .get("rdata")
        })
        .collect();
    let acts = m.wire("acts", cat(acts.iter().rev()));
    let arrived = &fetches[mem as usize + 1];
    let next = m.wire("next", arrived | &waiting);
    let [at_first, at_last] = ["at_first", "at_last"].map(|n| m.reg(n, uint(1)));
    if ab - 2 > kb - 1 {
        m.unused(fetched.bits(ab - 2, kb));
    }

    m.section("K tile in use");
    let tile_valid = m.reg_init("tile_valid", uint(1), 0);
    let [next_first, next_last] = ["next_first", "next_last"].map(|n| m.reg(n, uint(1)));
    let [tile_first, tile_last] = ["tile_first", "tile_last"].map(|n| m.reg(n, uint(1)));
    let tile_end = m.wire_decl("tile_end", uint(1));
    let load = m.wire("load", &next & (!&tile_valid | &tile_end));
    m.comment("A product of a later stage changes its activation as many cycles later.");
    let loads = valids(&mut m, &clk, "load", &load, stages - 1);
    // The next word comes when the last of them has happened.
    m.assign(&emptied, &loads[stages.saturating_sub(mem + 1) as usize]);
    m.clocked(&clk, |x| {
        let stale = &fetch | &fetches[1];
        x.set(&there, all([&awake, &more, &!&complete, &!&stale]));
        x.set(&at_first, fetched.is(0));
        x.set(&at_last, fetched.bits(kb - 1, 0).eq(&k_tiles));
        x.set(&reserved, &fetch | (&reserved & !&emptied));
        x.set(&waiting, &next & !&load);
        x.set(&tile_valid, &load | (&tile_valid & !&tile_end));
        x.when(&start, |x| {
            x.set(&fetched, lit(0, ab));
            x.set(&complete, zero());
        })
        .elif(&fetch, |x| {
            x.set(&fetched, fetched.plus(1));
            x.set(&complete, &at_last);
            x.set(&next_first, &at_first);
            x.set(&next_last, &at_last);
        });
        x.when(&load, |x| {
            x.set(&tile_first, &next_first);
            x.set(&tile_last, &next_last);
        });
    });
    let tile = tile_registers(&mut m, c, &clk, &loads, &acts);

    m.section("Walk over the row tiles");
    let row = m.reg("row", uint(rb));
    m.comment(
        "The final row tile is known by a sign, because the end of a K tile must be known early.",
    );
    let left = m.reg("left", uint(rb + 1));
    m.note(
        &left,
        "row tiles after the next one; negative at the final one",
    );
    let reload = m.reg("reload", uint(rb + 1));
    m.note(&reload, "what it begins with");
    let row_last = m.wire("row_last", left.bit(rb));
    let fresh = m.delay("fresh", &clk, None, &start);
    let rewind = m.wire("rewind", &row_last | &fresh);
    let turn = c.turnaround();
    let gb = bits_for(turn.into());
    let gap = m.reg_init("gap", uint(gb), 0);
    m.note(&gap, "idle cycles until the sums of this row tile are back");
    let open = m.reg_init("open", uint(1), 1);
    m.note(&open, "there is none");
    let pause = m.reg("pause", uint(gb));
    m.note(&pause, "idle cycles between K tiles");
    let held = m.wire("held", &hold & &tile_last);
    m.assign(&w_ready, all([&tile_valid, &open, &!&held]));
    let taken = m.wire("taken", &w_valid & &w_ready);
    m.assign(&tile_end, &taken & &row_last);
    m.assign(&w_last, &tile_last & &row_last);
    // Row tiles of the product plus one: what is short of the turnaround is waited for.
    let short: Vec<(u64, Expr)> = (0..(turn - 1).min(p.max_row_tiles).into())
        .map(|r| (r, lit(u64::from(turn) - 1 - r, gb)))
        .collect();
    let pauses = m.case("pauses", &row_tiles, short, lit(0, gb));
    m.clocked(&clk, |x| {
        x.when(&start, |x| {
            x.set(&reload, row_tiles.extend(rb + 1).minus(1));
            x.set(&pause, &pauses);
        });
        x.when(&taken | &fresh, |x| {
            x.set(&row, mux(&rewind, lit(0, rb), row.plus(1)));
            x.set(&left, mux(&rewind, &reload, left.minus(1)));
        });
        x.when(&tile_end, |x| {
            x.set(&gap, &pause);
            x.set(&open, pause.is(0));
        })
        .elif(gap.ne(lit(0, gb)), |x| {
            x.set(&gap, gap.minus(1));
            x.set(&open, gap.is(1));
        });
    });

    m.section("What rides along");
    let (l, n) = (lat as usize, lat + 1);
    let valid = valids(&mut m, &clk, "valid", &taken, n);
    let rows = delays(&mut m, &clk, "row", &row, n);
    let last = delays(&mut m, &clk, "last", &tile_last, n);
    let final_row = delays(&mut m, &clk, "final", &row_last, n);
    let first = delays(&mut m, &clk, "first", &tile_first, lat - 1);
    let keep = m.delay("keep", &clk, None, !&first[l - 1]);

    m.section("Accumulators: read, add, write back");
    let written = m.reg("total", uint(a * q * b));
    let read = l - mem as usize;
    let sums = m.instance(
        "u_sums",
        &memory(c, a * q * b, p.max_row_tiles.into())?,
        &clk,
        &[
            ("we", &valid[l + 1]),
            ("waddr", &rows[l + 1]),
            ("wdata", &written),
            ("re", &valid[read]),
            ("raddr", &rows[read]),
        ],
    );
    let old = sums.get("rdata");
    let base = match c.technology {
        Technology::Asic => Some(begin(&mut m, c, &clk, &start, &k_tiles, &first[l - 1])),
        _ => None,
    };
    let adders = match c.technology {
        Technology::Asic => (compress::row(c)?, compress::accumulate(c)?),
        _ => (chain::row(c)?, chain::accumulate(c)?),
    };
    let mut totals: Vec<Vec<Expr>> = vec![Vec::new(); b as usize];
    for r in 0..q {
        let codes = w_data.element(r, 2 * t);
        let ports = [("codes", &codes), ("acts", &tile)];
        let made = m.instance(&format!("u_row{r}"), &adders.0, &clk, &ports);
        for (v, totals) in (0..b).zip(&mut totals) {
            let old = old.element(v * q + r, a);
            let mut ports = vec![("old", old), ("keep", keep.clone())];
            if let Some(base) = &base {
                let bits = compress::part_bits(t);
                ports.push(("base", base.clone()));
                ports.push(("parts", made.get("parts").element(v, bits)));
            } else {
                let sum = made.get("sums").element(v, chain::sum_bits(t));
                ports.push(("sum", sum.signed()));
                ports.push(("plus", made.get("plus")));
            }
            let ports: Vec<(&str, &Expr)> = ports.iter().map(|(n, e)| (*n, e)).collect();
            let name = format!("u_total{r}_{v}");
            totals.push(m.instance(&name, &adders.1, &clk, &ports).get("total"));
        }
    }
    let total = cat(totals
        .iter()
        .flatten()
        .collect::<Vec<_>>()
        .into_iter()
        .rev());
    let done = m.wire(
        "done",
        all([&valid[l + 1], &last[l + 1], &final_row[l + 1]]),
    );
    m.clocked(&clk, |x| {
        x.set(&written, &total);
        x.set(&busy, any([&start, &(&busy & !&done)]));
    });
    m.assign(&sum_valid, &valid[l + 1] & &last[l + 1]);
    m.assign(&sum_data, &written);
    m.assign(&sum_last, &final_row[l + 1]);
    m.assert("start_while_idle", &clk, !(&start & &busy));
    m.finish()
}

/// The K tile in use: the activation of a product of stage s is loaded with `loads[s]`.
fn tile_registers(
    m: &mut ModuleBuilder,
    c: &SelectCore,
    clk: &crate::rtl::Clock,
    loads: &[Expr],
    word: &Expr,
) -> Expr {
    let (t, b) = (c.params.groups, c.params.batch);
    let mut parts = vec![zero(); (t * b) as usize];
    for (s, load) in loads.iter().enumerate() {
        let groups: Vec<u32> = (0..t)
            .filter(|&g| c.stage_of_group(g) == s as u32)
            .collect();
        if groups.is_empty() {
            continue;
        }
        let places: Vec<u32> = (0..b)
            .flat_map(|v| groups.iter().map(move |g| v * t + g))
            .collect();
        let now: Vec<Expr> = places.iter().map(|&at| word.element(at, 8)).collect();
        let reg = m.delay(&format!("tile_{s}"), clk, Some(load), cat(now.iter().rev()));
        for (i, &at) in (0..).zip(&places) {
            parts[at as usize] = reg.element(i, 8);
        }
    }
    m.wire("tile", cat(parts.iter().rev()))
}

/// What the accumulators of a carry-save core begin with: the first K tile takes off, for all of them, what
/// complemented sign bits add.
fn begin(
    m: &mut ModuleBuilder,
    c: &SelectCore,
    clk: &crate::rtl::Clock,
    start: &Expr,
    k_tiles: &Expr,
    first: &Expr,
) -> Expr {
    let a = c.params.acc_bits();
    let tile = 128 * u64::from(c.params.groups);
    let kb = k_tiles.width();
    let tiles = m.wire("tiles", k_tiles.extend(kb + 1) + lit(1, kb + 1));
    let width = kb + 1 + bits_for(tile);
    let excess = m.wire("excess", &tiles * lit(tile, bits_for(tile)));
    let low = if width >= a {
        excess.truncate(a)
    } else {
        excess.extend(a)
    };
    if width > a {
        m.unused(excess.bits(width - 1, a));
    }
    let less = m.delay("less", clk, Some(start), lit(0, a) - low);
    m.delay("base", clk, None, repeat(a, first) & &less)
}

/// Memory with one write and one read port. Ports: `clk`, `we`, `waddr`, `wdata`, `re`, `raddr`, `rdata`.
fn memory(c: &SelectCore, width: u32, depth: u64) -> Result<Arc<Module>, RtlError> {
    if c.technology == Technology::Ecp5 {
        return block_ram::ram(width, depth);
    }
    let mut m = Module::new(format!("tlmm_ram_{width}x{depth}"))
        .doc("One write port, one read port, a cycle from address to word.");
    let clk = m.clock("clk");
    let bits = clog2(depth);
    let we = m.input("we", uint(1), "write");
    let waddr = m.input("waddr", uint(bits), "");
    let wdata = m.input("wdata", uint(width), "");
    let re = m.input("re", uint(1), "read");
    let raddr = m.input("raddr", uint(bits), "");
    let rdata = m.output("rdata", uint(width), "the word that was last read");
    let style = match depth {
        ..=DISTRIBUTED_DEPTH => MemStyle::Distributed,
        _ => MemStyle::Block,
    };
    let ram = m.ram("words", width, depth, style, "");
    m.write(&ram, &clk, &we, &waddr, &wdata, None);
    let word = m.read_sync("word", &ram, &clk, &re, &raddr);
    m.assign(&rdata, &word);
    m.finish()
}
