//! `pe_align_lane`: one lane of a block as a signed integer.

use std::sync::Arc;

use super::Formats;
use super::align::AlignParams;
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, all, any, cat, lit, mux, repeat, uint};

/// Enabled cycles from a lane and its block's exponent to its integer.
pub(in crate::pe) const LANE_LATENCY: u32 = 3;

/// Places by which the significand stands too high at first, so that fp16 and bf16 enter the shifter without a
/// multiplexer: the leading one of bf16 is three bits lower.
pub(super) const fn lift(formats: Formats) -> u32 {
    match formats {
        Formats::Both => 3,
        Formats::Fp16 | Formats::Bf16 => 0,
    }
}

/// Bits of `place`, the shift of a lane with exponent field 0.
pub(super) const fn place_bits(formats: Formats) -> u32 {
    match formats {
        Formats::Fp16 => 5,
        Formats::Bf16 => 8,
        Formats::Both => 9,
    }
}

/// What the first stage finds of a lane.
struct Decoded {
    /// `place` minus the exponent field.
    distance: Expr,
    nonzero: Expr,
    /// With its leading one.
    significand: Expr,
}

/// Reads `x` in its format; `bf16` tells which it is when both are included.
fn decode(
    m: &mut ModuleBuilder,
    formats: Formats,
    x: &Expr,
    place: &Expr,
    bf16: Option<&Expr>,
) -> Decoded {
    match bf16 {
        Some(bf16) => {
            m.comment("The exponent ends at bit 10 in fp16, at bit 7 in bf16.");
            let low = m.wire("low", x.bits(9, 7) & repeat(3, bf16));
            let field = cat([&x.bits(14, 10), &low]);
            Decoded {
                distance: place - &field.extend(9),
                nonzero: any([&x.bits(14, 10).reduce_or(), &low.reduce_or()]),
                significand: cat([
                    &!bf16,
                    &(&x.bits(9, 8) & &repeat(2, !bf16)),
                    &(x.bit(7) | bf16),
                    &x.bits(6, 0),
                ]),
            }
        }
        None => {
            let fraction_bits = 15 - place_bits(formats);
            let field = x.bits(14, fraction_bits);
            Decoded {
                distance: place - &field,
                nonzero: field.reduce_or(),
                significand: cat([&lit(1, 1), &x.bits(fraction_bits - 1, 0)]),
            }
        }
    }
}

/// How far the significand moves, modulo 32, and whether that is all of the distance.
fn amount(m: &mut ModuleBuilder, distance: &Expr, bf16: Option<&Expr>) -> (Expr, Expr) {
    match (bf16, distance.width()) {
        (Some(bf16), _) => {
            let (wide, narrow) = (distance.bits(4, 0), distance.bits(7, 3));
            let amount = m.wire("amount", mux(bf16, wide, narrow));
            let far = any([
                &distance.bit(8),
                &all([bf16, &distance.bits(7, 5).reduce_or()]),
            ]);
            (amount, !far)
        }
        (None, 5) => (distance.clone(), lit(1, 1)),
        (None, _) => {
            let amount = m.wire("amount", distance.bits(4, 0));
            (amount, !distance.bits(7, 5).reduce_or())
        }
    }
}

/// Ports: `clk`, `en`, `x`, `place`, `format` (only for both), `y`.
pub(in crate::pe) fn lane(p: &AlignParams) -> Result<Arc<Module>, RtlError> {
    let (formats, magnitude) = (p.formats, p.magnitude_bits);
    let name = format!("pe_align_lane_f{magnitude}_{}", formats.word());
    let mut m = Module::new(name).doc(format!(
        "One lane of a block as an integer of {magnitude} bits and a sign: rounded half away from zero to the unit\n\
         of the block. Latency {LANE_LATENCY} enabled cycles, one a cycle.",
    ));
    let pipe = Pipeline::ports(&mut m);
    let x = m.input("x", uint(16), "lane");
    let place = m.input(
        "place",
        uint(place_bits(formats)),
        "shift of a lane with exponent field 0",
    );
    let format = match formats {
        Formats::Both => Some(m.input("format", uint(1), "0 fp16, 1 bf16")),
        _ => None,
    };
    let y = m.output("y", uint(magnitude + 1), "signed integer");

    m.section("Stage 1: distance from the block's exponent");
    let decoded = decode(&mut m, formats, &x, &place, format.as_ref());
    let [sign_1, distance_1, nonzero_1, significand_1] = pipe.stage(
        &mut m,
        [
            ("sign_1", &x.bit(15)),
            ("distance_1", &decoded.distance),
            ("nonzero_1", &decoded.nonzero),
            ("significand_1", &decoded.significand),
        ],
    );
    let format_1 = format.map(|f| pipe.delay(&mut m, "format", &f, 1));

    m.section("Stage 2: shift by up to 15");
    let (amount, near) = amount(&mut m, &distance_1, format_1.as_ref());
    let bits = significand_1.width() + 15;
    let field = cat([&significand_1, &lit(0, 15)]);
    let moved = m.wire("moved", field.shr(amount.bits(3, 0)));
    m.comment("One bit below the unit is kept, to round by; what is lower is lost.");
    let kept = bits.min(magnitude + lift(formats) + 1);
    if kept < bits {
        m.unused(moved.bits(bits - 1 - kept, 0));
    }
    let [sign_2, by16_2, keep_2, moved_2] = pipe.stage(
        &mut m,
        [
            ("sign_2", &sign_1),
            ("by16_2", &amount.bit(4)),
            ("keep_2", &all([&nonzero_1, &near])),
            ("moved_2", &moved.bits(bits - 1, bits - kept)),
        ],
    );

    m.section("Stage 3: shift by 16, round and negate in one addition");
    let width = magnitude + lift(formats) + 1;
    let full = match width - kept {
        0 => moved_2,
        missing => m.wire("full", cat([&moved_2, &lit(0, missing)])),
    };
    let far = match width {
        17.. => cat([&lit(0, 16 - lift(formats)), &full.bits(width - 1, 16)]),
        // Nothing of so short an integer is left, not even the bit to round by.
        _ => lit(0, magnitude + 1),
    };
    if width > 16 && magnitude < 15 {
        m.unused(full.bits(15, magnitude + 1));
    }
    let chosen = mux(&by16_2, far, full.bits(magnitude, 0));
    let shifted = m.wire("shifted", chosen & repeat(magnitude + 1, &keep_2));
    m.comment("-(t + r) = ~t + !r, where r is the bit below the unit.");
    let flipped =
        &shifted.bits(magnitude, 1).extend(magnitude + 1) ^ &repeat(magnitude + 1, &sign_2);
    let up = m.wire("up", &sign_2 ^ &shifted.bit(0));
    let [y_3] = pipe.stage(&mut m, [("y_3", &(&flipped + &up.extend(magnitude + 1)))]);
    m.assign(&y, &y_3);
    m.finish()
}
