//! What a layout costs in fabric: a closed form, held against synthesis by `tb/tests/packing.rs`.

use serde::Serialize;

use super::layout::{Field, Layout};

/// Look-up tables of one multiplier, as Yosys maps them (two small ones in one cell are not counted as one).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Cost {
    /// Low bits that are computed once more.
    pub low: u32,
    /// Operands made to the words of the ports.
    pub ports: u32,
    /// Lanes made to products.
    pub lanes: u32,
    /// Adder of C and the constant, where the multiplier has none.
    pub adder: u32,
}

impl Cost {
    pub const fn lut(&self) -> u32 {
        self.low + self.ports + self.lanes + self.adder
    }

    /// What the search minimises: look-up tables, then bits that are recomputed.
    pub(super) const fn key(&self) -> (u32, u32) {
        (self.lut(), self.low)
    }
}

/// Look-up tables of the low `bits` of a product of operands of `x` and `y` bits.
fn low(bits: u32, x: u32, y: u32) -> u32 {
    // Index: bits. Full operands.
    const FULL: [u32; 13] = [0, 1, 2, 3, 6, 11, 17, 28, 37, 49, 70, 86, 105];
    let few = x.min(y);
    let full = FULL[bits.min(12) as usize];
    if few >= bits {
        full
    } else {
        // A short operand has `few` rows of partial products instead of a triangle.
        full * (2 * few * bits - few * few) / (bits * bits)
    }
}

/// The cost of a layout.
pub fn cost(layout: &Layout) -> Cost {
    let (a, b) = (layout.side_a(), layout.side_b());
    let borrow = |side: &super::layout::Side<'_>, free: bool| {
        let more = side.at.len() as u32 - 1;
        match (side.operand.is_signed(), free) {
            (true, false) => more * (side.operand.bits + 1),
            _ => 0,
        }
    };
    let codes = u32::from(layout.uses_pre_adder()) * a.at.len() as u32;
    let centred = u32::from(a.centred()) + u32::from(b.centred());
    let low: u32 = layout
        .lanes
        .iter()
        .map(|l| low(l.low, layout.a.bits, layout.b.bits))
        .sum();
    let inverters: u32 = if layout.subtracts() {
        0
    } else {
        layout.lanes.iter().map(|l| l.low).sum()
    };
    let lanes = layout.lanes.iter().map(|lane| {
        if lane.bias == 0 {
            0
        } else if lane.bias == 1 << (lane.width - 1) {
            1
        } else {
            lane.width - lane.low
        }
    });
    let signed_codes = layout.fields().into_iter().filter(|(f, ..)| match f {
        Field::A(_) => layout.a.is_signed(),
        Field::B(_) => layout.b.is_signed(),
        Field::Low(_) => false,
    });
    let adder = if layout.multiplier.pre_adder()
        || (layout.fields().is_empty() && layout.constant() == 0)
    {
        0
    } else {
        let first = layout.fields().iter().map(|f| f.1).min();
        let constant = (layout.constant() != 0).then(|| layout.constant().trailing_zeros());
        layout.multiplier.sum_bits() - first.into_iter().chain(constant).min().unwrap_or(0)
    };
    Cost {
        low: low + inverters,
        ports: borrow(&a, layout.uses_pre_adder())
            + borrow(&b, false)
            + codes
            + centred
            + signed_codes.count() as u32,
        lanes: lanes.sum(),
        adder,
    }
}
