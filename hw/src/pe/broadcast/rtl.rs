//! The array.

use std::sync::Arc;

use super::slice::slice;
use super::store::{all_lanes_bits, store};
use super::{BroadcastParams, WEIGHT_BITS, rows};
use crate::glue::delay_line;
use crate::pe::float::{BEAT_EXPONENT_BITS, EXPONENT_BITS, Formats, align};
use crate::rtl::{Module, RtlError, cat, one, slit, uint};

/// Ports: `clk`, `rst`; `write`, `write_lanes`, `write_tile`, `write_data`; `valid`, `first`, `last`, `tile`, `x`, and `format` (0
/// for fp16, 1 for bf16; only for both); `y_valid`, `y`.
///
/// # Errors
/// Parameters that are out of range.
pub fn pe_broadcast(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    p.check()?;
    let (k, r, slices) = (p.lanes, p.rows, p.slices());
    let mut m = Module::new(p.name()).doc(format!(
        "{k} activations a cycle times {r} rows of held INT4 weights, two rows a multiplier. A vector of up to {} beats;\n\
         its rows leave in order, the first {} cycles behind the last beat. Vectors end at least {r} cycles apart.\n\
         A tile that a beat names may be written from {} cycles behind it.",
        p.max_beats,
        p.latency(),
        p.hold() + 1,
    ));
    let clk = m.clock_reset("clk", "rst");
    let write = m.input("write", uint(1), "weights for two lanes of a tile");
    let write_lanes = m.input(
        "write_lanes",
        uint(all_lanes_bits(p)),
        "i: lanes 2 i and 2 i + 1",
    );
    let write_tile = m.input("write_tile", uint(p.tile_bits()), "");
    let write_data = m.input(
        "write_data",
        uint(2 * WEIGHT_BITS * r),
        &format!("two's complement; row r of lane l of the two at 4 ({r} l + r)"),
    );
    let valid = m.input("valid", uint(1), "a beat");
    let first = m.input("first", uint(1), "the vector's first");
    let last = m.input("last", uint(1), "the vector's last");
    let tile = m.input("tile", uint(p.tile_bits()), "weights of the beat");
    let x = m.input("x", uint(16 * k), "activations");
    let format = match p.formats {
        Formats::Both => Some(m.input("format", uint(1), "of this beat: 0 fp16, 1 bf16")),
        _ => None,
    };
    let y_valid = m.output("y_valid", uint(1), "");
    let y = m.output("y", uint(32), "fp32, row 0 first");

    let inputs = [
        ("write", &write),
        ("write_lanes", &write_lanes),
        ("write_tile", &write_tile),
        ("write_data", &write_data),
    ];
    let stored = m.instance("u_store", &store(p)?, &clk, &inputs);
    let (writes, word) = (stored.get("writes"), stored.get("store"));

    m.section("Activations, aligned once for all rows");
    let enable = one();
    let mut inputs = vec![("en", &enable), ("x", &x)];
    inputs.extend(format.as_ref().map(|f| ("format", f)));
    let block = m.instance("u_align", &align(&p.align())?, &clk, &inputs);
    let aligned = block.get("y");
    let found = cat([
        &block.get("zero"),
        &block.get("poison"),
        &block.get("exponent").unsigned(),
    ]);
    let inputs = [
        ("valid", &valid),
        ("first", &first),
        ("last", &last),
        ("tile", &tile),
        ("found", &found),
    ];
    let late = m.instance("u_beat", &beat(p)?, &clk, &inputs);

    m.section("Products");
    let unit = slice(p)?;
    let mut sums = Vec::new();
    for s in 0..slices {
        let x = aligned.element(s, (p.magnitude_bits() + 1) * p.chain_lanes());
        let inputs = [
            ("write", &writes.bit(s)),
            ("store", &word),
            ("x", &x),
            ("tile", &late.get("tile_late")),
        ];
        let u = m.instance(&format!("u_slice{s}"), &unit, &clk, &inputs);
        sums.push(u.get("sums"));
    }

    let sums = cat(sums.iter().rev());
    let done = m.wire_decl("done", uint(1));
    let inputs = [
        ("sums", &sums),
        ("beat", &late.get("beat")),
        ("done", &done),
    ];
    let u = m.instance("u_rows", &rows::rows(p)?, &clk, &inputs);
    let (held, scale) = (u.get("held"), u.get("scale"));
    let inputs = [
        ("ends", &late.get("ends")),
        ("held", &held),
        ("scale", &scale),
    ];
    let u = m.instance("u_drain", &rows::drain(p)?, &clk, &inputs);
    m.assign(&done, u.get("done"));
    m.assign(&y_valid, u.get("y_valid"));
    m.assign(&y, u.get("y"));
    m.finish()
}

/// `pe_broadcast_beat`: what rides along with a beat. Ports: `clk`, `rst`; `valid`, `first`, `last`, `tile` of the beat; `found` of its
/// block; `tile_late` with the block; `beat`, the rows' word, and `ends`, with the sums.
fn beat(p: &BroadcastParams) -> Result<Arc<Module>, RtlError> {
    let (aligned, summed) = (p.align().latency(), p.sum_latency());
    let name = format!("pe_broadcast_beat_{aligned}_{summed}_n{}", p.max_beats);
    let mut m = Module::new(name).doc(format!(
        "A beat's tile, {aligned} cycles later with its block; the rest, {summed} cycles later with its sums."
    ));
    let clk = m.clock_reset("clk", "rst");
    let valid = m.input("valid", uint(1), "");
    let first = m.input("first", uint(1), "");
    let last = m.input("last", uint(1), "");
    let tile = m.input("tile", uint(p.tile_bits()), "");
    let found = m.input("found", uint(EXPONENT_BITS + 2), "zero, poison, exponent");
    let tile_late = m.output("tile_late", uint(p.tile_bits()), "");
    let beat = m.output(
        "beat",
        uint(rows::BEAT_BITS),
        "valid, first, zero, poison, exponent",
    );
    let vector_ends = m.output("ends", uint(1), "the vector's last beat");
    let tile = delay_line(&mut m, &clk, "tiles", &tile, aligned);
    m.assign(&tile_late, tile);
    m.comment("The exponent of the beat's sum, lifted, as the accumulators count.");
    let exponent = m.wire("block", found.bits(EXPONENT_BITS - 1, 0).signed());
    let offset = slit(p.exponent_offset().into(), BEAT_EXPONENT_BITS);
    let exponent = m.wire("exponent", exponent.extend(BEAT_EXPONENT_BITS) + offset);
    let flags = found.bits(EXPONENT_BITS + 1, EXPONENT_BITS);
    let word = m.wire("word", cat([&flags, &exponent.unsigned()]));
    let word = delay_line(&mut m, &clk, "words", &word, summed - aligned);
    let ends = m.wire("first_last", cat([&first, &last]));
    let ends = delay_line(&mut m, &clk, "firsts_lasts", &ends, summed);
    let ends = m.wire("ends_now", ends);
    let valids = m.reg_init("valids", uint(summed), 0);
    m.clocked(&clk, |b| {
        b.set(&valids, cat([&valids.bits(summed - 2, 0), &valid]));
    });
    let valid = valids.bit(summed - 1);
    m.assign(&beat, cat([&valid, &ends.bit(1), &word]));
    m.assign(&vector_ends, &valid & &ends.bit(0));
    m.finish()
}
