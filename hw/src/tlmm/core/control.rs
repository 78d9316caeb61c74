//! A core around its arithmetic: walk over K tiles and weight words, activations, accumulators. The arithmetic says what it
//! keeps of a K tile (activations, tables) and how a word's codes become sums.

use std::sync::Arc;

use super::select::block_ram;
use super::{CoreParams, Ports};
use crate::glue::{delays, valids};
use crate::params::Technology;
use crate::rtl::{
    Clock, Expr, Instance, MemStyle, Module, ModuleBuilder, RtlError, all, any, bits_for, cat,
    clog2, lit, mux, uint, zero,
};

/// Memories deeper than this go to block RAM.
const DISTRIBUTED_DEPTH: u64 = 32;

/// What stands between the walk and the accumulators.
pub(super) trait Arithmetic {
    fn params(&self) -> &CoreParams;
    fn technology(&self) -> Technology;

    /// A word of cycle c finds what is kept of its K tile, for stage s of the arithmetic, in cycle c + s; s is below this.
    fn stages(&self) -> u32;

    /// Cycles from a word to the sum of its row; at least those of a memory.
    fn row_latency(&self) -> u32;

    /// Registers with what is kept of a K tile: those of stage s take it from `acts` (all activations of the K tile: element
    /// innermost for codes of one weight a group, else as the blocks of the memory stand) when `loads[s]` is high.
    ///
    /// # Errors
    /// Faults of the description.
    fn tile(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        loads: &[Expr],
        acts: &Expr,
    ) -> Result<Expr, RtlError>;

    /// The new values of all accumulators, row innermost.
    ///
    /// # Errors
    /// Faults of the description.
    fn totals(
        &self,
        m: &mut ModuleBuilder,
        clk: &Clock,
        now: &Now<'_>,
    ) -> Result<Vec<Expr>, RtlError>;

    /// Cycles from the address to the word of a memory.
    fn memory_latency(&self) -> u32 {
        match self.technology() {
            Technology::Ecp5 => 2,
            _ => 1,
        }
    }

    /// Row tiles at which the accumulators keep up with one word a cycle.
    fn turnaround(&self) -> u32 {
        self.memory_latency() + 2
    }
}

/// What the arithmetic sees.
pub(super) struct Now<'a> {
    pub codes: &'a Expr,
    /// What [`Arithmetic::tile`] keeps.
    pub tile: &'a Expr,
    /// Accumulators as they were, beside the sums of a word.
    pub old: &'a Expr,
    /// They do not begin from zero.
    pub keep: &'a Expr,
    /// One cycle before `keep`: they do.
    pub first: &'a Expr,
    pub start: &'a Expr,
    pub k_tiles: &'a Expr,
}

/// New values of all accumulators, row innermost: a module of one row, whose `codes` and kept K tile (port `kept`) make what
/// `terms` takes of it for a vector, and an accumulator of one row and vector (`old`, `keep`, the terms; `total`).
pub(super) fn totals(
    m: &mut ModuleBuilder,
    clk: &Clock,
    (p, now): (&CoreParams, &Now<'_>),
    (row, kept, accumulate): (&Arc<Module>, &str, &Arc<Module>),
    terms: impl Fn(&Instance, u32) -> [(&'static str, Expr); 2],
) -> Vec<Expr> {
    let (q, a) = (p.rows, p.acc_bits());
    let mut totals: Vec<Vec<Expr>> = vec![Vec::new(); p.batch as usize];
    for r in 0..q {
        let codes = now.codes.element(r, p.code_bits() * p.groups);
        let ports = [("codes", &codes), (kept, now.tile)];
        let made = m.instance(&format!("u_row{r}"), row, clk, &ports);
        for (v, totals) in (0..).zip(&mut totals) {
            let old = now.old.element(v * q + r, a);
            let [first, second] = terms(&made, v);
            let ports = [
                ("old", &old),
                ("keep", now.keep),
                (first.0, &first.1),
                (second.0, &second.1),
            ];
            let name = format!("u_total{r}_{v}");
            totals.push(m.instance(&name, accumulate, clk, &ports).get("total"));
        }
    }
    totals.concat()
}

/// Builds the core into `m`, which has no ports yet. Ports: `core`'s table.
///
/// # Errors
/// Faults of the description; whoever calls has checked the parameters.
pub(super) fn core(mut m: ModuleBuilder, c: &dyn Arithmetic) -> Result<Arc<Module>, RtlError> {
    let p = c.params();
    let (q, b, a) = (p.rows, p.batch, p.acc_bits());
    let (stages, lat, mem) = (c.stages(), c.row_latency(), c.memory_latency());
    let ports = super::ports(&mut m, p);
    let clk = ports.clk.clone();
    let kb = p.tile_bits();
    let rb = clog2(p.max_row_tiles.into());
    let ab = 1 + kb;
    let Ports {
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
    let block = memory(c.technology(), 8 * p.act_lanes, depth)?;
    let mut acts = Vec::new();
    for i in 0..p.act_blocks() {
        for e in 0..p.group() {
            // One memory for each element of a group: a K tile is read at once.
            let (name, we) = match p.element_bits() {
                0 => (format!("u_acts{i}"), act_we.bit(i)),
                bits => (
                    format!("u_acts{i}_{e}"),
                    act_we.bit(i) & act_addr.bits(bits - 1, 0).is(e.into()),
                ),
            };
            let inputs = [
                ("we", &we),
                (
                    "waddr",
                    &act_addr.bits(p.act_addr_bits() - 1, p.element_bits()),
                ),
                ("wdata", &act_data),
                ("re", &fetches[1]),
                ("raddr", &read_at),
            ];
            acts.push(m.instance(&name, &block, &clk, &inputs).get("rdata"));
        }
    }
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
    let tile = c.tile(&mut m, &clk, &loads, &acts)?;

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
        &memory(c.technology(), a * q * b, p.max_row_tiles.into())?,
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
    let now = Now {
        codes: &w_data,
        tile: &tile,
        old: &old,
        keep: &keep,
        first: &first[l - 1],
        start: &start,
        k_tiles: &k_tiles,
    };
    let totals = c.totals(&mut m, &clk, &now)?;
    let total = cat(totals.iter().rev());
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

/// Memory with one write and one read port. Ports: `clk`, `we`, `waddr`, `wdata`, `re`, `raddr`, `rdata`.
fn memory(technology: Technology, width: u32, depth: u64) -> Result<Arc<Module>, RtlError> {
    if technology == Technology::Ecp5 {
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
