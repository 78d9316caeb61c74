//! `vec_pack`: results of the lanes to words of the scratchpad.

use std::sync::Arc;

use super::reduce::named;
use crate::rtl::{Expr, Module, RtlError, cat, lit, mux, uint};

/// Ports: `clk`, `rst`, `en`, `to_i8`, `beat`, `last`, `words`, `codes`, `out_valid`, `out_data`.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_pack(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(named("vec_pack", lanes)).doc(
        "Passes a word a beat, or joins the int8 codes of four beats (fewer at the end) in one word, the rest 0.\n\
         out_valid is high for one cycle a word, also while en is low; nothing holds it back.",
    );
    let clk = m.clock_reset("clk", "rst");
    let en = m.input(
        "en",
        uint(1),
        "clock enable of the lanes; beat counts only then",
    );
    let to_i8 = m.input("to_i8", uint(1), "codes, not words; stands still");
    let beat = m.input("beat", uint(1), "words and codes are valid");
    let last = m.input("last", uint(1), "of the instruction");
    let words = m.input(
        "words",
        uint(32 * lanes),
        "results of 32 bits, 0 past the end",
    );
    let codes = m.input(
        "codes",
        uint(8 * lanes),
        "results of 8 bits, 0 past the end",
    );
    let out_valid = m.output("out_valid", uint(1), "pulse");
    let out_data = m.output("out_data", uint(32 * lanes), "word of the scratchpad");

    let quarter = 8 * lanes;
    let place = m.reg_init("place", uint(2), 0);
    m.note(&place, "quarter of the word that the next codes fill");
    let held = m.reg("held", uint(3 * quarter));
    m.note(&held, "earlier quarters, 0 where nothing is filled");
    let zeros = |n: u32| Expr::constant(0.into(), uint(n * quarter));
    let placed = m.case(
        "placed",
        &place,
        [
            (1, cat([&zeros(2), &codes, &zeros(1)])),
            (2, cat([&zeros(1), &codes, &zeros(2)])),
            (3, cat([&codes, &zeros(3)])),
        ],
        cat([&zeros(3), &codes]),
    );
    let earlier = mux(place.is(0), zeros(3), &held);
    let joined = m.wire("joined", placed | cat([&zeros(1), &earlier]));
    let taken = m.wire("taken", &en & &beat);
    let full = m.wire("full", &last | place.is(3));
    let valid_q = m.reg_init("valid_q", uint(1), 0);
    m.clocked(&clk, |b| {
        b.when(&taken & &to_i8, |b| {
            b.set(&place, mux(&full, lit(0, 2), place.plus(1)));
        });
        b.set(&valid_q, &taken & (&full | !&to_i8));
    });
    m.clocked(&clk, |b| {
        b.when(&taken, |b| {
            b.set(&held, joined.bits(3 * quarter - 1, 0));
        });
    });
    m.assign(&out_valid, &valid_q);
    let data_q = m.delay("data_q", &clk, None, mux(&to_i8, &joined, &words));
    m.assign(&out_data, &data_q);
    m.finish()
}
