//! The lanes of one chain, all rows: tiles, skew, chains.

use std::sync::Arc;

use super::{BIAS, BroadcastParams, LANE_BITS, WEIGHT_BITS};
use crate::glue::{delay_line, delays};
use crate::pe::array::{B_BITS, pe_chain_biased};
use crate::rtl::{Expr, MemStyle, Module, RtlError, bits_for, cat, one, repeat, sint, uint};

/// Bits of two weights as a word: the lower row's, and the upper row's less the borrow of a negative lower one.
pub(super) const CODE_BITS: u32 = 2 * WEIGHT_BITS + 1;

fn lane_pairs(p: &BroadcastParams) -> u32 {
    p.chain_lanes() / 2
}

/// Bits of which two lanes of a slice.
pub(super) fn lanes_bits(p: &BroadcastParams) -> u32 {
    bits_for(u64::from(lane_pairs(p)) - 1)
}

/// Bits of what is to be stored: which two lanes, tile and words from the top down.
pub(super) fn store_bits(p: &BroadcastParams) -> u32 {
    lanes_bits(p) + p.tile_bits() + CODE_BITS * p.rows
}

/// Lanes, tile and words.
fn parts(p: &BroadcastParams, store: &Expr) -> [Expr; 3] {
    let (words, top) = (CODE_BITS * p.rows, store_bits(p) - 1);
    let tile = words + p.tile_bits() - 1;
    [
        store.bits(top, tile + 1),
        store.bits(tile, words),
        store.bits(words - 1, 0),
    ]
}

/// Ports: `clk`; `write`, `write_lanes`, `write_tile`, `write_word`; `tiles`, the tile that each two lanes read; `words`, those of
/// lanes 2 i and 2 i + 1 and rows 2 j and 2 j + 1 at 18 (R/2 i + j).
fn weights(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (n, r, beats, t) = (p.chain_lanes(), p.rows, p.max_beats, p.tile_bits());
    let width = CODE_BITS * r;
    let name = format!("pe_broadcast_weights_k{n}_r{r}_n{beats}");
    let mut m = Module::new(name).doc(format!(
        "{} tiles of {n} lanes and {r} rows: a memory for each two lanes, which are read at once.",
        2 * beats
    ));
    let clk = m.clock("clk");
    let write = m.input("write", uint(1), "");
    let at = m.input("write_lanes", uint(lanes_bits(p)), "lanes 2 i and 2 i + 1");
    let tile = m.input("write_tile", uint(t), "");
    let word = m.input("write_word", uint(width), "words of the two lanes");
    let tiles = m.input("tiles", uint(t * lane_pairs(p)), "tile for each two lanes");
    let words = m.output("words", uint(width * lane_pairs(p)), "");
    let mut read = Vec::new();
    for i in 0..lane_pairs(p) {
        let depth = 2 * u64::from(beats);
        let mem = m.ram(&format!("held{i}"), width, depth, MemStyle::Distributed, "");
        let enable = m.wire(&format!("write{i}"), &write & &at.is(i.into()));
        m.write(&mem, &clk, &enable, &tile, &word, None);
        let data = m.read_async(&mem, tiles.element(i, t));
        read.push(m.wire(&format!("word{i}"), data));
    }
    m.assign(&words, cat(read.iter().rev()));
    m.finish()
}

/// Ports: `clk`; `x`, the lanes of a beat, and its `tile`; `b`, lanes at 18 k, and `tiles` for each two lanes.
fn skew(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (n, width, t) = (p.chain_lanes(), p.magnitude_bits() + 1, p.tile_bits());
    let mut m = Module::new(format!("pe_broadcast_skew_k{n}_t{t}")).doc(
        "Lanes of a beat and the tile that they meet, each two lanes when the chain takes them.",
    );
    let clk = m.clock("clk");
    let x = m.input("x", uint(width * n), "aligned activations");
    let tile = m.input("tile", uint(t), "");
    let b = m.output("b", uint(B_BITS * n), "");
    let tiles = m.output("tiles", uint(t * lane_pairs(p)), "");
    let chain = p.chain();
    let late_tiles = delays(&mut m, &clk, "tile", &tile, chain.skew(n - 1));
    let (mut lanes, mut read) = (Vec::new(), Vec::new());
    for i in 0..lane_pairs(p) {
        let late = chain.skew(2 * i);
        let two = m.wire(&format!("x{i}"), x.element(i, 2 * width));
        let two = delay_line(&mut m, &clk, &format!("x{i}_late"), &two, late);
        let two = m.wire(&format!("two{i}"), two);
        for k in 0..2 {
            let lane = m.wire(&format!("b{}", 2 * i + k), two.element(k, width).signed());
            lanes.push(lane.extend(B_BITS).unsigned());
        }
        read.push(late_tiles[late as usize].clone());
    }
    m.assign(&b, cat(lanes.iter().rev()));
    m.assign(&tiles, cat(read.iter().rev()));
    m.finish()
}

/// Ports: `clk`; `b` as the chain takes it; `words`, of lane k at 9 k; `low` and `high`, the two rows' sums.
fn column(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let n = p.chain_lanes();
    let mut m = Module::new(format!("pe_broadcast_column_k{n}")).doc(format!(
        "Two rows of {n} lanes, {} cycles behind lane 0: one multiplier a lane.",
        p.chain().latency()
    ));
    let clk = m.clock("clk");
    let b = m.input("b", uint(B_BITS * n), "skewed lanes");
    let words = m.input(
        "words",
        uint(CODE_BITS * n),
        "weights, of each lane when it comes",
    );
    let low = m.output("low", sint(LANE_BITS), "sum of the lower row");
    let high = m.output("high", sint(LANE_BITS), "sum of the upper row");
    let mut lanes = Vec::new();
    for k in 0..n {
        let word = m.wire(&format!("word{k}"), words.element(k, CODE_BITS));
        let sign = repeat(LANE_BITS - WEIGHT_BITS, word.bit(WEIGHT_BITS - 1));
        lanes.push(cat([
            &word.bits(CODE_BITS - 1, WEIGHT_BITS),
            &sign,
            &word.bits(WEIGHT_BITS - 1, 0),
        ]));
    }
    let a = m.wire("a", cat(lanes.iter().rev()));
    let chain = pe_chain_biased(&p.chain(), BIAS)?;
    let inputs = [("a", &a), ("b", &b), ("bias", &one())];
    let sum = m.instance("u_chain", &chain, &clk, &inputs).get("sum");
    m.comment("The bias is the weight of the lower sum's sign.");
    let top = LANE_BITS - 1;
    m.assign(&low, cat([&!sum.bit(top), &sum.bits(top - 1, 0)]).signed());
    m.assign(&high, sum.bits(2 * LANE_BITS - 1, LANE_BITS).signed());
    m.unused(sum.bits(47, 2 * LANE_BITS));
    m.finish()
}

/// Ports: `clk`; `write` and what is to `store`, as `pe_broadcast_store` gives it; `x` and `tile` of a beat; `sums`, row r at 22 r.
pub(super) fn slice(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (n, r, beats) = (p.chain_lanes(), p.rows, p.max_beats);
    let name = format!("pe_broadcast_slice_k{n}_r{r}_n{beats}");
    let mut m = Module::new(name).doc(format!(
        "{r} rows of {n} lanes: their sums {} cycles behind the beat, one beat a cycle.",
        p.chain().latency()
    ));
    let (weights, skew, column) = (weights(p)?, skew(p)?, column(p)?);
    let clk = m.clock("clk");
    let write = m.input("write", uint(1), "");
    let store = m.input("store", uint(store_bits(p)), "lanes, tile, words");
    let x = m.input(
        "x",
        uint((p.magnitude_bits() + 1) * n),
        "aligned activations",
    );
    let tile = m.input("tile", uint(p.tile_bits()), "tile of the beat");
    let sums = m.output("sums", uint(LANE_BITS * r), "sum of row r at 22 r");
    let late = m.instance("u_skew", &skew, &clk, &[("x", &x), ("tile", &tile)]);
    let [lanes, into, word] = parts(p, &store);
    let inputs = [
        ("write", &write),
        ("write_lanes", &lanes),
        ("write_tile", &into),
        ("write_word", &word),
        ("tiles", &late.get("tiles")),
    ];
    let words = m
        .instance("u_weights", &weights, &clk, &inputs)
        .get("words");
    let mut rows = Vec::new();
    for j in 0..r / 2 {
        let own: Vec<Expr> = (0..lane_pairs(p))
            .map(|i| words.element(r / 2 * i + j, 2 * CODE_BITS))
            .collect();
        let own = cat(own.iter().rev());
        let inputs = [("b", &late.get("b")), ("words", &own)];
        let u = m.instance(&format!("u_column{j}"), &column, &clk, &inputs);
        rows.extend([u.get("low").unsigned(), u.get("high").unsigned()]);
    }
    m.assign(&sums, cat(rows.iter().rev()));
    m.finish()
}
