//! Which ternary engine to build: sizes that keep up with the memory bus, and as many vectors a weight pass as fit.
//!
//! The costs are closed forms of the cores' structure, held against synthesis (docs/bench.md) by a test; cycles are those of the
//! engine's own contract.

use hw::params::{DramFormat, Reduction, Storage, Style, Technology, WeightFormat};
use hw::tlmm::TlmmParams;
use serde::Serialize;

/// A ternary product: inputs K, outputs N.
pub type Shape = (u64, u64);

/// Products of a layer of BitNet b1.58 2B4T: Q, K and V, output, gate and up, down.
pub const LAYER_2B4T: [Shape; 4] = [(2560, 3840), (2560, 2560), (2560, 13824), (6912, 2560)];

/// What an engine must do and may cost.
#[derive(Debug, Clone)]
pub struct Wish {
    pub technology: Technology,
    pub format: WeightFormat,
    /// Bits of the memory bus.
    pub bus_bits: u32,
    /// Look-up tables, multipliers and block memories of 18 Kbit at most.
    pub luts: u64,
    pub dsps: u64,
    pub brams: u64,
    pub shapes: Vec<Shape>,
}

/// An engine and what it would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    pub groups: u32,
    pub rows: u32,
    pub batch: u32,
    pub style: &'static str,
    pub dram_format: &'static str,
    /// Ternary products a cycle at the peak.
    pub macs_per_cycle: u32,
    pub lut: u64,
    pub dsp: u64,
    /// Block memories of 18 Kbit; none where nothing is known.
    pub bram: Option<u64>,
    /// Share of the products of a cycle that the shapes use when weights are there.
    pub utilisation: f64,
    /// Weights a cycle that the bus brings.
    pub bus_weights: f64,
    /// Weights a cycle in decode: the engine's or the bus'.
    pub decode_weights: f64,
    /// Products a cycle in prefill, when every weight pass serves `batch` vectors.
    pub prefill_macs: f64,
}

impl Proposal {
    /// The bus is never waited upon by the engine.
    pub fn keeps_up(&self) -> bool {
        self.decode_weights >= self.bus_weights
    }
}

/// LUT for each product of select-and-add (docs/bench.md).
const fn select_lut(technology: Technology) -> f64 {
    match technology {
        Technology::Ecp5 => 15.0,
        _ => 18.9,
    }
}

/// Look-up tables, DSP48E2 and block memories of a core.
fn cost(p: &TlmmParams) -> (u64, u64, Option<u64>) {
    let (t, q, b) = (u64::from(p.groups), u64::from(p.rows), u64::from(p.batch));
    if p.style == Style::Select {
        let products = (t * q * b * u64::from(p.format.group())) as f64;
        return ((products * select_lut(p.technology)).ceil() as u64, 0, None);
    }
    // A reader is five look-up tables, its group's multiplexer three for eight; then control.
    let lut = 5 * t * q * b + 3 * t * q / 8 + 62;
    // Builders of four groups, quads of eight look-ups, two of them to a place in a column, accumulators of two rows.
    let dsp = b * (t / 4 + t * q / 8 + t * q / 16 + q / 2);
    let core = p.core_params();
    let acts = t / 4 * (1u64 << core.act_addr_bits()).div_ceil(512);
    let depth = u64::from(p.max_row_tiles);
    let width = if depth <= 512 { 36 } else { 18 };
    let sums = (q * u64::from(core.acc_bits())).div_ceil(width) * depth.div_ceil(1024);
    (lut, dsp, Some(b * (acts + sums)))
}

/// What an engine of these parameters would do.
fn proposal(p: &TlmmParams, shapes: &[Shape]) -> Proposal {
    let (lut, dsp, bram) = cost(p);
    let weights: u64 = shapes.iter().map(|(k, n)| k * n).sum();
    let cycles: u64 = shapes.iter().map(|&(k, n)| p.cycles(n, k)).sum();
    let peak = p.tile_k() * p.rows;
    let engine = weights as f64 / cycles as f64;
    let (of, bits) = p.dram.weights_in_bits();
    let bus_weights = f64::from(p.bus_bits * of) / f64::from(bits);
    let decode_weights = engine.min(bus_weights);
    Proposal {
        groups: p.groups,
        rows: p.rows,
        batch: p.batch,
        style: p.style.word(),
        dram_format: p.dram.word(),
        macs_per_cycle: peak * p.batch,
        lut,
        dsp,
        bram,
        utilisation: engine / f64::from(peak),
        bus_weights,
        decode_weights,
        prefill_macs: decode_weights * f64::from(p.batch),
    }
}

/// The engines that fit, best first: those that keep up with the bus in decode before others, then by products a cycle in
/// prefill. One that is no smaller than a better one is left out.
pub fn propose(wish: &Wish) -> Vec<Proposal> {
    let style = Style::usual(wish.technology, wish.format);
    let dram = DramFormat::ALL
        .into_iter()
        .find(|d| d.feeds().contains(&wish.format));
    let longest = wish.shapes.iter().map(|s| s.0).max().unwrap_or(1) as u32;
    let tallest = wish.shapes.iter().map(|s| s.1).max().unwrap_or(1) as u32;
    let mut all = Vec::new();
    for groups in (1..=32).map(|g| 8 * g) {
        for rows in [4, 8, 16, 32] {
            for batch in 1..=16 {
                let p = TlmmParams {
                    technology: wish.technology,
                    style,
                    storage: Storage::usual(wish.technology),
                    reduction: Reduction::Dsp,
                    format: wish.format,
                    dram: dram.unwrap_or(DramFormat::Base3),
                    groups,
                    rows,
                    batch,
                    bus_bits: wish.bus_bits,
                    lanes: 16,
                    max_row_tiles: tallest.div_ceil(rows).next_power_of_two().max(2),
                    max_k: longest,
                };
                if p.broken().is_empty() {
                    all.push(proposal(&p, &wish.shapes));
                }
            }
        }
    }
    let fits = |p: &Proposal| {
        p.lut <= wish.luts && p.dsp <= wish.dsps && p.bram.is_none_or(|n| n <= wish.brams)
    };
    all.retain(fits);
    all.sort_by(|a, b| {
        let rank = |p: &Proposal| (p.keeps_up(), p.decode_weights, p.prefill_macs);
        let (x, y) = (rank(a), rank(b));
        y.0.cmp(&x.0)
            .then(y.2.total_cmp(&x.2))
            .then(y.1.total_cmp(&x.1))
            .then(a.lut.cmp(&b.lut))
    });
    let mut smallest = u64::MAX;
    all.retain(|p| {
        let smaller = p.lut < smallest;
        smallest = smallest.min(p.lut);
        smaller
    });
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kv260(format: WeightFormat) -> Wish {
        Wish {
            technology: Technology::XilinxUscale,
            format,
            bus_bits: 512,
            luts: 30_000,
            dsps: 600,
            brams: 200,
            shapes: LAYER_2B4T.to_vec(),
        }
    }

    /// Rows of docs/bench.md: T, Q, B, look-up tables, DSP48E2, block memories.
    #[test]
    fn costs_are_those_of_synthesis() {
        use WeightFormat::{G3, Sherry};
        for (format, (groups, rows, batch), (lut, dsp, bram)) in [
            (G3, (48, 4, 1), (1094, 50, 17)),
            (G3, (48, 8, 1), (2114, 88, 22)),
            (G3, (72, 4, 2), (3042, 148, 46)),
            (G3, (48, 4, 4), (3974, 200, 68)),
            (Sherry, (40, 4, 1), (928, 42, 15)),
            (Sherry, (80, 4, 2), (3375, 164, 50)),
        ] {
            let p = TlmmParams {
                technology: Technology::XilinxUscale,
                style: Style::Table,
                storage: Storage::Distributed,
                reduction: Reduction::Dsp,
                format,
                dram: DramFormat::Base3,
                groups,
                rows,
                batch,
                bus_bits: 512,
                lanes: 16,
                max_row_tiles: 1024,
                max_k: 6912,
            };
            let (l, d, b) = cost(&p);
            assert!(
                l.abs_diff(lut) * 100 <= lut * 2,
                "{format:?} {groups}: {l} for {lut}"
            );
            assert_eq!((d, b), (dsp, Some(bram)), "{format:?} {groups}");
        }
    }

    #[test]
    fn the_best_one_fits_keeps_up_and_serves_many_vectors() {
        for format in [WeightFormat::G3, WeightFormat::Sherry] {
            let wish = kv260(format);
            let all = propose(&wish);
            let best = &all[0];
            assert!(best.keeps_up() && best.batch > 2, "{best:?}");
            assert!(best.lut <= wish.luts && best.dsp <= wish.dsps);
            assert!(best.bram.unwrap() <= wish.brams);
            assert!(
                all.iter()
                    .all(|p| p.prefill_macs <= best.prefill_macs || !p.keeps_up())
            );
        }
    }

    #[test]
    fn a_small_budget_still_has_an_engine_and_none_has_none() {
        let mut wish = kv260(WeightFormat::G3);
        (wish.luts, wish.dsps) = (600, 40);
        let small = propose(&wish);
        assert!(!small.is_empty() && !small[0].keeps_up());
        wish.luts = 10;
        assert!(propose(&wish).is_empty());
    }
}
