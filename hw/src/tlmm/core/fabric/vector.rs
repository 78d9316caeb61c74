//! What each vector has of its own: the store of its tables, the tables, the sums of its rows, and their accumulators.

use std::sync::Arc;

use super::super::CoreParams;
use super::super::lookup::{ENTRY_BITS, tables};
use super::row::row;
use super::tree::{BIAS, Plan};
use crate::rtl::{Expr, MemStyle, Module, RtlError, cat, clog2, one, uint};

/// Rows that share the eight readers of a table: as many as divide Q, at most four, so that the writer is one of many.
pub(super) const fn reader_rows(p: &CoreParams) -> u32 {
    match p.rows % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    }
}

/// A block of A groups times Q rows. Ports: `clk`; `store_we`, `store_addr`, `entries` (A), `copy_addr` of the store; in the
/// cycle after `copy_addr` `write`; `codes` (A Q codes, row outermost), `terms` as those.
fn block(p: &CoreParams) -> Result<Arc<Module>, RtlError> {
    let (lanes, rows) = (p.act_lanes, p.rows);
    let mut m = Module::new("tlmm_block").doc(format!(
        "Tables of {lanes} groups and their look-ups by {rows} rows. A table's next contents wait in block RAM."
    ));
    let clk = m.clock("clk");
    let store_we = m.input("store_we", uint(1), "");
    let store_addr = m.input("store_addr", uint(6), "half, code");
    let entries = m.input("entries", uint(ENTRY_BITS * lanes), "of each group");
    let copy_addr = m.input("copy_addr", uint(6), "half, code to copy");
    let write = m.input("write", uint(1), "write what was read at `copy_addr`");
    let codes = m.input("codes", uint(5 * lanes * rows), "of row 0, of row 1, ..");
    let terms = m.output("terms", uint(ENTRY_BITS * lanes * rows), "as `codes`");
    let store = m.ram(
        "store",
        ENTRY_BITS * lanes,
        64,
        MemStyle::Block,
        "half, code",
    );
    m.write(&store, &clk, &store_we, &store_addr, &entries, None);
    let copied = m.read_sync("copied", &store, &clk, one(), &copy_addr);
    let readers = reader_rows(p);
    let groups = 8 / readers;
    // What no code is of reads as zero.
    let table = tables(readers, BIAS)?;
    let mut read = vec![None; (lanes * rows) as usize];
    for first_row in (0..rows).step_by(readers as usize) {
        for first in (0..lanes).step_by(groups as usize) {
            let places: Vec<u32> = (0..8)
                .map(|k| (first_row + k % readers) * lanes + first + k / readers)
                .collect();
            let own: Vec<Expr> = places.iter().map(|&at| codes.element(at, 5)).collect();
            let own = cat(own.iter().rev());
            let at = first * ENTRY_BITS;
            let data = copied.bits(at + groups * ENTRY_BITS - 1, at);
            let inputs = [("write", &write), ("codes", &own), ("entries", &data)];
            let name = format!("u_tables_r{first_row}_g{first}");
            let found = m.instance(&name, &table, &clk, &inputs).get("terms");
            for (k, at) in places.into_iter().enumerate() {
                read[at as usize] = Some(found.element(k as u32, ENTRY_BITS));
            }
        }
    }
    let read: Vec<Expr> = read.into_iter().flatten().collect();
    m.assign(&terms, cat(read.iter().rev()));
    m.finish()
}

/// Ports: `clk`; `store_we` (T / A), `store_addr`, `entries`, `copy_addr`, `write`, `codes` (T Q, row outermost) of the blocks;
/// `read_row` as many cycles behind the codes as the plan is deep, less one, `keep` two cycles behind that, `sums` one more, with `take` and `write_row`.
pub(super) fn vector(p: &CoreParams, plan: &Plan) -> Result<Arc<Module>, RtlError> {
    let (a, lanes, rw) = (p.acc_bits(), p.act_lanes, clog2(p.max_row_tiles.into()));
    let mut m = Module::new("tlmm_vector").doc(format!(
        "One vector: {} groups times {} rows. A row tile comes again after the tables have been filled, long after\n\
         its sums were written.",
        p.groups, p.rows
    ));
    let clk = m.clock("clk");
    let store_we = m.input("store_we", uint(p.groups / lanes), "block to write");
    let store_addr = m.input("store_addr", uint(6), "half, code");
    let entries = m.input("entries", uint(ENTRY_BITS * lanes), "of each group");
    let copy_addr = m.input("copy_addr", uint(6), "half, code to copy");
    let write = m.input("write", uint(1), "write the tables");
    let codes = m.input(
        "codes",
        uint(5 * p.groups * p.rows),
        "of row 0, of row 1, ..",
    );
    let read_row = m.input("read_row", uint(rw), "row tile to read");
    let keep = m.input("keep", uint(1), "add to it; low in the first K tile");
    let take = m.input("take", uint(1), "write back");
    let write_row = m.input("write_row", uint(rw), "");
    let sums = m.output("sums", uint(a * p.rows), "Q sums");

    m.section("Look-ups");
    let module = block(p)?;
    let mut terms: Vec<Vec<Expr>> = vec![Vec::new(); p.rows as usize];
    for k in 0..p.groups / lanes {
        let own: Vec<Expr> = (0..p.rows)
            .map(|q| {
                let at = 5 * (q * p.groups + k * lanes);
                codes.bits(at + 5 * lanes - 1, at)
            })
            .collect();
        let (we, own) = (store_we.bit(k), cat(own.iter().rev()));
        let inputs = [
            ("store_we", &we),
            ("store_addr", &store_addr),
            ("entries", &entries),
            ("copy_addr", &copy_addr),
            ("write", &write),
            ("codes", &own),
        ];
        let u = m.instance(&format!("u_block{k}"), &module, &clk, &inputs);
        let found = u.get("terms");
        for (q, terms) in terms.iter_mut().enumerate() {
            terms.push(found.element(q as u32, ENTRY_BITS * lanes));
        }
    }

    m.section("Sums");
    let mem = m.ram(
        "kept",
        a * p.rows,
        p.max_row_tiles.into(),
        MemStyle::Block,
        "Q sums of each row tile",
    );
    let old = m.read_sync("old", &mem, &clk, one(), &read_row);
    let old = m.delay("old_q", &clk, None, old);
    let module = row(p, plan)?;
    let all: Vec<Expr> = terms
        .iter()
        .enumerate()
        .map(|(q, terms)| {
            let terms = cat(terms.iter().rev());
            let kept = old.element(q as u32, a);
            let inputs = [("terms", &terms), ("kept", &kept), ("keep", &keep)];
            m.instance(&format!("u_row{q}"), &module, &clk, &inputs)
                .get("sum")
        })
        .collect();
    let total = m.wire("total", cat(all.iter().rev()));
    m.write(&mem, &clk, &take, &write_row, &total, None);
    m.assign(&sums, &total);
    m.finish()
}
