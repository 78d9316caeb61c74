//! Look-ups and their first sums on UltraScale+: full tables in distributed RAM, sums in DSP48E2.

use std::sync::Arc;

use crate::rtl::{Clock, Expr, Module, ModuleBuilder, RtlError, cat, lit, one, uint, zero};
use crate::vendor::{Dsp48Ports, Opmode, Simd, Z};

/// Bits of a table entry: up to three int8 activations with signs, at most 384 in magnitude.
pub(super) const ENTRY_BITS: u32 = 10;

/// Values as lanes of a DSP48E2, sign extended: wires `<name>_<k>`, and their concatenation.
pub(super) fn lanes(m: &mut ModuleBuilder, name: &str, values: &[Expr], simd: Simd) -> Expr {
    let wide: Vec<Expr> = values
        .iter()
        .enumerate()
        .map(|(k, value)| {
            let lane = m.wire(&format!("{name}_{k}"), value.signed());
            lane.extend(simd.lane_bits()).unsigned()
        })
        .collect();
    m.wire(name, cat(wide.iter().rev()))
}

/// An adder that never pauses.
pub(super) fn adder(
    m: &mut ModuleBuilder,
    name: &str,
    clk: &Expr,
    simd: Simd,
    terms: (&Expr, &Expr),
    pcin: Option<&Expr>,
) -> (Expr, Expr) {
    let z = if pcin.is_some() { Z::Pcin } else { Z::Zero };
    let opmode = lit(Opmode::operands().z(z).value(), 9);
    let none = lit(0, 48);
    let ports = Dsp48Ports {
        clk,
        ab: terms.0,
        c: terms.1,
        pcin: pcin.unwrap_or(&none),
        opmode: &opmode,
        alumode: &lit(0, 4),
        enable: &one(),
    };
    let u = m.dsp48e2(name, simd, 1, &ports);
    (u.get("P"), u.get("PCOUT"))
}

/// Full tables with eight read ports: `rows` (1, 2, 4 or 8) for each of 8 / rows groups. Codes that are never written read as
/// `untouched`. Ports: `clk`, `write`, `codes` (8 codes, group outermost), `entries` (one a group), `terms` (8 entries read).
pub(super) fn tables(rows: u32, untouched: u64) -> Result<Arc<Module>, RtlError> {
    let groups = 8 / rows;
    let mut m = Module::new("tlmm_tables").doc(format!(
        "Tables of {groups} groups in distributed RAM, {rows} readers each in the same cycle: ten bits are\n\
         five RAM32M16 of two bits, whose eight look-up tables are the eight readers.\n\
         Written at the code of the last reader, which is free while nothing is read."
    ));
    let clk = m.clock("clk");
    let write = m.input("write", uint(1), "write `entries` at the code of reader 7");
    let codes = m.input("codes", uint(40), "codes: group 0 row 0, row 1, ..");
    let entries = m.input("entries", uint(groups * ENTRY_BITS), "entry of group 0, ..");
    let terms = m.output(
        "terms",
        uint(8 * ENTRY_BITS),
        "entries that were read, as `codes`",
    );
    let addresses: [Expr; 8] = std::array::from_fn(|k| codes.element(k as u32, 5));
    let mut read: [Vec<Expr>; 8] = Default::default();
    for pair in 0..ENTRY_BITS / 2 {
        let data: [Expr; 8] = std::array::from_fn(|k| {
            let at = (k as u32 / rows) * ENTRY_BITS + 2 * pair;
            entries.bits(at + 1, at)
        });
        let name = format!("u_bits{}", 2 * pair);
        let two = untouched >> (2 * pair) & 3;
        let init = (0..32).fold(0, |all, word| all | two << (2 * word));
        let bits = m.ram32m16(&name, &clk.clk, &write, &addresses, &data, init);
        read.iter_mut().zip(bits).for_each(|(all, b)| all.push(b));
    }
    let all: Vec<Expr> = read.iter().map(|bits| cat(bits.iter().rev())).collect();
    m.assign(&terms, cat(all.iter().rev()));
    m.finish()
}

/// Four groups times four rows. Ports: `clk`, `write0`, `codes0`, `entries0` of groups 0 and 1, `write1`, .. of groups 2 and
/// 3 one cycle later, `sums` (4 x 12 bits).
pub(super) fn quad() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_quad").doc(
        "Four rows of four look-ups: two DSP48E2 as adders of four lanes of 12 bits.\n\
         Groups 2 and 3 come one cycle behind groups 0 and 1; sums 4 cycles behind the codes of groups 0 and 1.",
    );
    let clk = m.clock("clk");
    let ports: Vec<[Expr; 3]> = (0..2)
        .map(|h| {
            [
                m.input(&format!("write{h}"), uint(1), "write the tables"),
                m.input(&format!("codes{h}"), uint(40), "codes of two groups"),
                m.input(
                    &format!("entries{h}"),
                    uint(2 * ENTRY_BITS),
                    "entries of two groups",
                ),
            ]
        })
        .collect();
    let sums = m.output("sums", uint(48), "rows 0 to 3");
    let table = tables(4, 0)?;
    let mut total: Option<(Expr, Expr)> = None;
    for (h, [write, codes, entries]) in ports.iter().enumerate() {
        let name = format!("u_tables{h}");
        let inputs = [("write", write), ("codes", codes), ("entries", entries)];
        let terms = m.instance(&name, &table, &clk, &inputs).get("terms");
        let group = |m: &mut ModuleBuilder, g: u32| {
            let rows: Vec<Expr> = (0..4)
                .map(|r| terms.element(4 * g + r, ENTRY_BITS))
                .collect();
            lanes(m, &format!("term{h}_{g}"), &rows, Simd::Four12)
        };
        let (first, second) = (group(&mut m, 0), group(&mut m, 1));
        let pcin = total.take().map(|(p, pcout)| {
            m.unused(p);
            pcout
        });
        let name = format!("u_sum{h}");
        total = Some(adder(
            &mut m,
            &name,
            &clk.clk,
            Simd::Four12,
            (&first, &second),
            pcin.as_ref(),
        ));
    }
    if let Some((p, pcout)) = total {
        m.unused(pcout);
        m.assign(&sums, p);
    }
    m.finish()
}

/// Table builder of four groups. Ports: `clk`, `enable`, `acts` (4 activations), `restart`, `subtract`, `double`, `entries`.
pub(super) fn builder() -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new("tlmm_builder").doc(
        "Walks over the sums of four groups, one activation a step: a DSP48E2 as accumulator of four lanes.\n\
         While `enable` is high the step of an activation takes effect one step after the activation was taken.",
    );
    let clk = m.clock("clk");
    let enable = m.input("enable", uint(1), "next step");
    let acts = m.input("acts", uint(32), "an activation of each group");
    let restart = m.input("restart", uint(1), "from zero, not from the last sum");
    let subtract = m.input("subtract", uint(1), "");
    let double = m.input(
        "double",
        uint(1),
        "twice the activation: it comes over C as well",
    );
    let entries = m.output("entries", uint(4 * ENTRY_BITS), "sums");
    let act: Vec<Expr> = (0..4).map(|g| acts.element(g, 8)).collect();
    let operand = lanes(&mut m, "act", &act, Simd::Four12);
    let (z, y) = (!&restart, &double);
    let opmode = cat([&lit(0, 3), &z, &lit(0, 1), y, y, &lit(3, 2)]);
    let opmode = m.wire("opmode", opmode);
    m.note(&opmode, "W 0, Z P or 0, Y C or 0, X A:B");
    let alumode = m.wire("alumode", cat([&lit(0, 2), &subtract, &subtract]));
    let ports = Dsp48Ports {
        clk: &clk.clk,
        ab: &operand,
        c: &operand,
        pcin: &lit(0, 48),
        opmode: &opmode,
        alumode: &alumode,
        enable: &enable,
    };
    let u = m.dsp48e2("u_walk", Simd::Four12, 1, &ports);
    m.unused(u.get("PCOUT"));
    let p = u.get("P");
    let fields: Vec<Expr> = (0..4)
        .map(|g| {
            m.unused(p.bits(12 * g + 11, 12 * g + ENTRY_BITS));
            p.bits(12 * g + ENTRY_BITS - 1, 12 * g)
        })
        .collect();
    m.assign(&entries, cat(fields.iter().rev()));
    m.finish()
}

/// The codes of a weight word (row outermost), registered; while tables are written (`fill`), the last reader of each table, whose
/// address writes it, takes the code to write.
pub(super) fn codes(
    m: &mut ModuleBuilder,
    clk: &Clock,
    word: &Expr,
    (fill, fill_code): (&Expr, &Expr),
    is_writer: impl Fn(u32) -> bool,
) -> Result<Expr, RtlError> {
    m.section(
        "Codes: while tables are written, the last reader of each table takes the code to write",
    );
    let places = word.width() / 5;
    let writers: Vec<u32> = (0..places).filter(|&at| is_writer(at)).collect();
    let own: Vec<Expr> = writers.iter().map(|&at| word.element(at, 5)).collect();
    let writer_codes = m.wire("writer_codes", cat(own.iter().rev()));
    let muxed = m
        .instance(
            "u_fill_mux",
            &fill_mux(writers.len() as u32)?,
            clk,
            &[
                ("fill", fill),
                ("fill_code", fill_code),
                ("codes", &writer_codes),
            ],
        )
        .get("out");
    let mut of_writer = 0..;
    let next: Vec<Expr> = (0..places)
        .map(
            |at| match is_writer(at).then(|| of_writer.next()).flatten() {
                Some(k) => muxed.element(k, 5),
                None => word.element(at, 5),
            },
        )
        .collect();
    let codes = m.delay("codes", clk, None, cat(next.iter().rev()));
    m.flip_flop(&codes);
    Ok(codes)
}

/// Codes or, while tables are filled, one code for all. Ports: `fill`, `fill_code`, `codes` and `out` (`n` codes).
fn fill_mux(n: u32) -> Result<Arc<Module>, RtlError> {
    let mut m =
        Module::new("tlmm_fill_mux").doc("Multiplexers of two bits in one look-up table each.");
    let fill = m.input("fill", uint(1), "tables are written");
    let fill_code = m.input("fill_code", uint(5), "at this code");
    let codes = m.input(
        "codes",
        uint(5 * n),
        "codes of the readers that share their address with the writer",
    );
    let out = m.output("out", uint(5 * n), "");
    // O5 = I4 ? I1 : I0, O6 = I4 ? I3 : I2.
    let table = |shift: u32| {
        (0..32u32).fold(0u32, |init, i| {
            init | (i >> (shift + (i >> 4 & 1)) & 1) << i
        })
    };
    let bits: Vec<Expr> = (0..(5 * n).div_ceil(2))
        .flat_map(|k| {
            let second = 2 * k + 1 < 5 * n;
            let input = |at: u32| [codes.bit(at), fill_code.bit(at % 5)];
            let [a, b] = input(2 * k);
            let [c, d] = if second {
                input(2 * k + 1)
            } else {
                [zero(), zero()]
            };
            let u = m.lut6_2(
                &format!("u_mux{k}"),
                &[a, b, c, d, fill.clone()],
                table(0),
                table(2),
            );
            let high = u.get("O6");
            if !second {
                m.unused(&high);
            }
            [Some(u.get("O5")), second.then_some(high)]
        })
        .flatten()
        .collect();
    m.assign(&out, cat(bits.iter().rev()));
    m.finish()
}
