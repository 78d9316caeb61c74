//! Activations of the rows from the scratchpad to the memories of operands.

mod codes;
mod floats;

use std::sync::Arc;

use super::{PeMode, PeParams};
use crate::rtl::{Expr, Instance, Module, ModuleBuilder, RtlError, cat, lit, mux, one, uint};
use crate::scratchpad::{COUNT_BITS, ReaderPort, command, vector_reader};
use codes::codes;
use floats::floats;

/// Where the operands of a row go, and where its sums are found: the port `order` of the modules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Row r in half r mod 2 of pair r / 2, or as one of its two codes. Its sum is that of row r.
    Rows = 0,
    /// Row r in pair r: its sum is that of row 2 r.
    Pairs = 1,
    /// Row r in pairs 2 r and 2 r + 1: its sum is that of row 4 r.
    Fours = 2,
    /// Rows 2 i and 2 i + 1 as the codes of pairs 2 i and 2 i + 1: their sums are those of rows 4 i and 4 i + 1.
    Doubled = 3,
}

/// Bits of an order.
pub(super) const ORDER_BITS: u32 = 2;

impl PeParams {
    /// Elements G of a part, what the loader of floats handles in a cycle.
    pub(super) const fn part(&self) -> u32 {
        let half = self.macs() / 2;
        if self.lanes < half { self.lanes } else { half }
    }

    /// Parts of all slots of a pair.
    pub(super) const fn parts(&self) -> u32 {
        self.macs() / self.part()
    }

    /// Bits of the number of beats of codes or of parts of floats of a vector.
    pub(super) fn count_bits(&self) -> u32 {
        let parts = self.max_len / self.part();
        let most = if self.modes.floats() {
            parts.max(self.held_beats())
        } else {
            self.held_beats()
        };
        crate::rtl::bits_for(most.into())
    }

    /// Bits of a lane in the memory of operands: two codes, or the whole operand.
    pub(super) fn lane_operand_bits(&self) -> u32 {
        if self.modes.floats() {
            super::array::A_BITS
        } else {
            16
        }
    }
}

/// Ports: `clk`, `rst`, `start` with its operands, read port; the write port of the memories: `we`, `low`, `high` (which
/// of the two codes of a lane), `parts`, `pair`, `addr`, `data`; with floats `top_we`, `top_sum`, `top`; `done`.
pub(super) fn loader(p: &PeParams) -> Result<Arc<Module>, RtlError> {
    let word = 32 * p.lanes;
    let mut m = Module::new("pe_load").doc(if p.modes.floats() {
        "Reads one vector for each row, the rows' reads without a gap: codes as they are; floats twice, once for the largest\n\
         exponent of the vector and once to align them to it."
    } else {
        "Reads one vector of codes for each row; the rows' reads follow without a gap."
    });
    let clk = m.clock_reset("clk", "rst");
    let rw = p.row_bits();
    let start = m.input(
        "start",
        uint(1),
        "pulse; the operands below are stable until done",
    );
    let base = m.input("base", uint(32), "word of the first row's vector");
    let stride = m.input("stride", uint(32), "words from row to row");
    let row_end = m.input("row_end", uint(rw), "rows minus one");
    let words = m.input("words", uint(COUNT_BITS), "words of a vector");
    let count = m.input(
        "count",
        uint(p.count_bits()),
        "beats of codes, or parts of floats, of a vector",
    );
    let order = (!p.modes.plain()).then(|| {
        m.input(
            "order",
            uint(ORDER_BITS),
            "where operands go: 0 rows, 1 pairs, 2 fours, 3 doubled",
        )
    });
    let float = p
        .modes
        .floats()
        .then(|| m.input("float", uint(1), "floats"));
    let rd = ReaderPort::new(&mut m, "", word);

    m.section("One command a row, two where there are floats");
    let asking = m.reg_init("asking", uint(1), 0);
    let ask_row = m.reg("ask_row", uint(rw));
    let ask_addr = m.reg("ask_addr", uint(32));
    let cmd = m.wire("cmd", command(&ask_addr, &words));
    let words_ready = m.wire_decl("words_ready", uint(1));
    let reader = m.instance(
        "u_reader",
        &vector_reader(word)?,
        &clk,
        &[
            &[
                ("cmd_valid", &asking),
                ("cmd_data", &cmd),
                ("out_ready", &words_ready),
            ],
            rd.inputs().as_slice(),
        ]
        .concat(),
    );
    rd.drive(&mut m, &reader);
    let asked = m.wire("asked", &asking & reader.get("cmd_ready"));
    let asked = match &float {
        None => asked,
        Some(float) => {
            let again = m.reg_init("again", uint(1), 0);
            m.note(&again, "the second command of the row");
            m.clocked(&clk, |b| {
                b.set(&again, &float.clone() & (&again ^ &asked));
            });
            m.wire("asked_all", &asked & (&again | !float))
        }
    };
    m.clocked(&clk, |b| {
        b.when(&start, |b| {
            b.set(&asking, one());
            b.set(&ask_row, lit(0, rw));
            b.set(&ask_addr, &base);
        })
        .elif(&asked, |b| {
            b.set(&asking, ask_row.ne(&row_end));
            b.set(&ask_row, ask_row.plus(1));
            b.set(&ask_addr, &ask_addr + &stride);
        });
    });

    m.section("Words to operands");
    let valid = reader.get("out_valid");
    let is_code = float
        .as_ref()
        .map(|float| m.wire("codes_valid", &valid & !float));
    let code_beats = count.resize(codes::beat_bits(p));
    let mut inputs = vec![
        ("start", &start),
        ("row_end", &row_end),
        ("beats", &code_beats),
    ];
    let nibbles = order.as_ref().filter(|_| p.modes.has(PeMode::Int8Int4));
    let doubled = nibbles.map(|o| m.wire("doubled", o.is(Order::Doubled as u64)));
    inputs.extend(doubled.as_ref().map(|doubled| ("doubled", doubled)));
    let (data, last) = (reader.get("out_data"), reader.get("out_last"));
    let stream = [("in_data", &data), ("in_last", &last)];
    inputs.push(("in_valid", is_code.as_ref().unwrap_or(&valid)));
    inputs.extend(stream);
    let codes = m.instance("u_codes", &codes(p)?, &clk, &inputs);
    match (&float, &order) {
        (Some(float), Some(order)) => {
            let is_float = m.wire("floats_valid", &valid & float);
            let mut inputs = vec![
                ("start", &start),
                ("row_end", &row_end),
                ("count", &count),
                ("order", order),
                ("in_valid", &is_float),
            ];
            inputs.extend(stream);
            let bf16 = p
                .modes
                .both()
                .then(|| m.input("bf16", uint(1), "of floats: 0 fp16, 1 bf16"));
            inputs.extend(bf16.as_ref().map(|b| ("bf16", b)));
            let floats = m.instance("u_floats", &floats(p)?, &clk, &inputs);
            m.assign(
                &words_ready,
                mux(float, floats.get("in_ready"), codes.get("in_ready")),
            );
            outputs(&mut m, p, &codes, Some((float, &floats)));
        }
        _ => {
            m.assign(&words_ready, codes.get("in_ready"));
            outputs(&mut m, p, &codes, None);
        }
    }
    m.finish()
}

/// The write port: that of the codes, or that of the floats.
fn outputs(
    m: &mut ModuleBuilder,
    p: &PeParams,
    codes: &Instance,
    floats: Option<(&Expr, &Instance)>,
) {
    let all = lit((1 << p.parts()) - 1, p.parts());
    let upper = codes.get("upper");
    // Of codes: a lower row is written with its signs above, an upper row alone.
    let mut ports = vec![
        ("we", codes.get("we"), "write operands"),
        ("low", !upper, "the lower code"),
        ("high", one(), "the upper code"),
        ("pair", codes.get("pair"), "of which two rows"),
        ("addr", codes.get("addr"), "their beat"),
        ("data", codes.get("data"), "operands of all lanes"),
        ("done", codes.get("done"), "pulse: all is written"),
    ];
    if let Some((float, floats)) = floats {
        for (name, value, _) in &mut ports {
            *value = match *name {
                "low" | "high" => value.clone() | float,
                name => mux(float, floats.get(name), value.clone()),
            };
        }
        ports.push((
            "parts",
            mux(float, floats.get("parts"), all),
            "of which lanes",
        ));
        for (name, doc) in [
            ("top_we", "write an exponent"),
            ("top_sum", "of the row with this sum"),
            ("top", "zero, exponent of the vector"),
        ] {
            ports.push((name, floats.get(name), doc));
        }
    }
    for (name, value, doc) in ports {
        let out = m.output(name, uint(value.width()), doc);
        m.assign(&out, value);
    }
}

/// Row `row` by pairs: its pair, where two rows share one.
fn pair_of(p: &PeParams, row: &Expr) -> Expr {
    let pair = match row.width() {
        1 => lit(0, 1),
        w => row.bits(w - 1, 1),
    };
    pair.resize(p.pair_bits())
}

/// The row that has the sum of row `row`, where the order is one of `orders` or [`Order::Rows`].
pub(super) fn sum_row(
    m: &mut ModuleBuilder,
    name: &str,
    orders: &[Order],
    order: &Expr,
    row: &Expr,
) -> Expr {
    let rw = row.width();
    let by = |n: u32| match rw {
        w if w > n => cat([&row.resize(w - n), &lit(0, n)]),
        w => lit(0, w),
    };
    let arms = orders.iter().map(|&order| {
        let sum = match order {
            Order::Rows => row.clone(),
            Order::Pairs => by(1),
            Order::Fours => by(2),
            Order::Doubled if rw > 2 => cat([&row.bits(rw - 2, 1), &lit(0, 1), &row.bit(0)]),
            Order::Doubled => row.clone(),
        };
        (order as u64, sum)
    });
    m.case(name, order, arms, row.clone())
}
