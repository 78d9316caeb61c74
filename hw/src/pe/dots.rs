//! Dot products of one row, gathered to scratchpad words.

use std::sync::Arc;

use super::PeParams;
use crate::rtl::{Expr, Module, RtlError, cat, lit, uint};

/// Ports: `clk`, `dot`, `store`, `lane`, `keep`, `word`.
pub(super) fn dots(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let bits = p.dot_bits();
    let mut m = Module::new("pe_dots").doc(
        "Dot products of a row, lane by lane, to a word; lanes above the newest are 0.\n\
         A word is kept while it is written and the next one fills.",
    );
    let clk = m.clock("clk");
    let dot = m.input("dot", uint(bits), "signed");
    let store = m.input("store", uint(1), "it is finished");
    let lane = m.input("lane", uint(p.lanes.trailing_zeros()), "its lane");
    let keep = m.input("keep", uint(1), "the word is complete");
    let word = m.output("word", uint(32 * p.lanes), "i32 lanes of the word kept");
    let newest = m.wire("newest", &store & lane.is(0));
    let mut lanes = Vec::new();
    for l in 0..p.lanes {
        let reg = m.reg(&format!("dot_{l}"), uint(bits));
        let here = &store & lane.is(l.into());
        m.clocked(&clk, |b| {
            b.when(here, |b| {
                b.set(&reg, &dot);
            });
            if l > 0 {
                b.when(&newest, |b| {
                    b.set(&reg, lit(0, bits));
                });
            }
        });
        let kept = m.delay(&format!("kept_{l}"), &clk, Some(&keep), reg.signed());
        lanes.push(kept.extend(32).unsigned());
    }
    m.assign(&word, cat(lanes.iter().rev().collect::<Vec<&Expr>>()));
    m.finish()
}
