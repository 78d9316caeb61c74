//! Weights on their way into the tiles.

use std::sync::Arc;

use super::slice::{lanes_bits, store_bits};
use super::{BroadcastParams, WEIGHT_BITS};
use crate::glue::valids;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, bits_for, cat, uint};

/// Bits of which two lanes of the array.
pub(super) fn all_lanes_bits(p: &BroadcastParams) -> u32 {
    bits_for(u64::from(p.lanes / 2) - 1)
}

/// The word of two weights: A is its lower 4 bits as a signed number plus 2^22 its upper 5.
fn encode(m: &mut ModuleBuilder, name: &str, low: &Expr, high: &Expr) -> Expr {
    let top = WEIGHT_BITS - 1;
    let wide = cat([&high.bit(top), high]);
    let upper = &wide - &low.bit(top).extend(WEIGHT_BITS + 1);
    m.wire(name, cat([&upper, low]))
}

/// Ports: `clk`, `rst`; `write`, `write_lanes`, `write_tile`, `write_data`; `writes`, a bit a slice; `store`, for all of them.
pub(super) fn store(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (r, slices) = (p.rows, p.slices());
    let name = format!("pe_broadcast_store_k{}_r{r}_n{}", p.lanes, p.max_beats);
    let mut m = Module::new(name).doc(
        "Weights of two lanes as words of the tiles, the borrow of a negative lower row in place; one cycle.",
    );
    let clk = m.clock_reset("clk", "rst");
    let write = m.input("write", uint(1), "");
    let lanes = m.input("write_lanes", uint(all_lanes_bits(p)), "");
    let tile = m.input("write_tile", uint(p.tile_bits()), "");
    let data = m.input("write_data", uint(2 * WEIGHT_BITS * r), "");
    let writes = m.output("writes", uint(slices), "a bit a slice");
    let out = m.output("store", uint(store_bits(p)), "lanes, tile, words");
    let own = lanes_bits(p);
    let mine: Vec<Expr> = (0..slices)
        .map(|s| {
            let value = match slices {
                1 => write.clone(),
                _ => {
                    let slice = lanes.bits(lanes.width() - 1, own);
                    &write & &slice.is(s.into())
                }
            };
            let value = m.wire(&format!("write{s}"), value);
            valids(&mut m, &clk, &format!("write{s}"), &value, 1).remove(1)
        })
        .collect();
    m.assign(&writes, cat(mine.iter().rev()));
    // Those of a pair of rows are side by side.
    let words: Vec<Expr> = (0..r)
        .map(|i| {
            let (j, lane) = (i / 2, i % 2);
            let at = r * lane + 2 * j;
            let row = |at| data.element(at, WEIGHT_BITS);
            encode(&mut m, &format!("word{j}_{lane}"), &row(at), &row(at + 1))
        })
        .collect();
    let words = m.wire("words", cat(words.iter().rev()));
    let next = cat([&lanes.bits(own - 1, 0), &tile, &words]);
    let q = m.delay("store_q", &clk, None, next);
    m.assign(&out, q);
    m.finish()
}
