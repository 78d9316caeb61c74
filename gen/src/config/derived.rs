//! Rules between the configuration's sections and the model, and the sizes every other part reads.

use super::Config;
use super::keys::MOST_PE_ROWS;
use super::read::{Kind, nearest_count};
use crate::compile::head_bytes;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::ModelConfig;
use hw::params::{DramFormat, Reduction, Storage, Style, Technology, WeightFormat};
use hw::pe::{PeMode, PeModes};
use hw::tlmm::TlmmParams;
use serde::Serialize;

/// Sizes derived from a configuration and a model; nobody else derives them again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Derived {
    /// Longest sequence, tokens.
    pub context: u32,
    /// What the emitted Verilog is for.
    pub technology: Technology,
    /// Clock, MHz.
    pub clock_mhz: f64,
    /// Width of the memory bus, bits.
    pub bus_bits: u32,
    /// Bytes of one beat of the memory bus.
    pub bus_bytes: u32,
    /// Index of the ternary engine's tables.
    pub weight_format: WeightFormat,
    /// Layout of the weights in memory.
    pub dram_format: DramFormat,
    /// How the ternary engine multiplies.
    pub style: Style,
    /// Where its tables are.
    pub storage: Storage,
    /// What sums look-ups in distributed tables.
    pub reduction: Reduction,
    /// Groups of activations in parallel (T).
    pub groups: u32,
    /// Weights one index stands for (1, 3 or 4).
    pub group_weights: u32,
    /// Activations one step of the ternary engine covers: T x weights an index.
    pub tile_k: u32,
    /// Output rows in parallel (Q).
    pub rows: u32,
    /// Activation vectors that a weight pass can serve (B).
    pub batch: u32,
    /// Row tiles that the accumulators hold: those of the tallest product; a power of two.
    pub max_row_tiles: u32,
    /// Ternary weights the engine uses in a cycle: Q x T x weights an index.
    pub weights_per_cycle: u32,
    /// Longest row of any ternary matrix, in weights.
    pub longest_k: u32,
    /// Accumulator of the ternary engine, bits: ceil(log2(127 K)) + 1 for the longest K.
    pub accumulator_bits: u32,
    /// Lanes of the vector unit (L).
    pub lanes: u32,
    /// Bits of one scratchpad word: L x 32.
    pub word_bits: u32,
    /// Words of the scratchpad; `None` leaves it to the compiler.
    pub scratchpad_words: Option<u32>,
    /// Query heads that share one KV head.
    pub gqa_group: u32,
    /// Rows of the attention array: query heads of one KV head, of one or several tokens, that a pass over K and V serves; and
    /// no fewer than its modes need for a row. int8 uses all of them, other modes what [`PeMode::most_rows`] says.
    pub pe_rows: u32,
    /// How the output head is computed.
    pub head: PeMode,
    /// What the attention array can multiply.
    pub pe_modes: PeModes,
    /// Int8 products of one row of the attention array a cycle: the bytes of a beat.
    pub pe_lanes: u32,
    /// Passes over K and V that the query heads of one KV head and token need.
    pub pe_passes: u32,
    /// Depth of the weight buffer, beats.
    pub weight_buffer_beats: u32,
    /// Depth of the stream buffer, beats.
    pub stream_buffer_beats: u32,
    /// Instructions waiting in front of each unit.
    pub queue_depth: u32,
}

/// A length's name in config.json, and how to read it.
type LaneRule = (&'static str, fn(&ModelConfig) -> usize);

/// Lengths of a model that the vector unit moves whole words of.
const LANE_RULES: &[LaneRule] = &[
    ("hidden_size", |m| m.hidden),
    ("intermediate_size", |m| m.ffn),
    ("half of head_dim", |m| m.head_dim / 2),
];

impl Config {
    /// Checks the configuration against a model and derives every size; warnings come with the result.
    ///
    /// # Errors
    /// A context beyond the model's, a model that the lanes, the array or the board's memory can not hold.
    pub fn derive(&self, model: &ModelConfig) -> Result<(Derived, Diagnostics), Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let engine = &self.engine;
        let limit = to_u32(model.max_positions);
        let context = self.context.unwrap_or(limit);
        if context > limit {
            let message = Diagnostic::error(format!(
                "context of {context} tokens is longer than the model's max_position_embeddings"
            ))
            .help(format!("the nearest legal value is {limit}"));
            diagnostics.push(self.point(message, "model.context"));
        }
        let group = to_u32(model.heads / model.kv_heads.max(1)).max(1);
        // What a block of prefill needs for its tokens to share one pass over K and V, as far as an instruction can name rows.
        let shared = (MOST_PE_ROWS / group).clamp(1, engine.batch);
        let wanted = engine.pe_rows.unwrap_or((group * shared).min(MOST_PE_ROWS));
        let pe_rows = wanted.max(least_rows(engine.pe_modes));
        if engine.pe_rows.is_some_and(|asked| asked < pe_rows) {
            let message = Diagnostic::warning(format!(
                "pe_rows = {wanted} leaves a mode of the attention array without a row: {pe_rows} are built"
            ))
            .help(format!("set pe_rows to {pe_rows}, or leave out the mode"));
            diagnostics.push(self.point(message, "engine.pe_rows"));
        }
        self.check_lanes(model, &mut diagnostics);
        self.check_memory(model, context, &mut diagnostics);
        self.lint_rate(&mut diagnostics);

        let group_weights = engine.weight_format.group();
        let tile_k = engine.groups * group_weights;
        let longest_k = to_u32(
            model
                .hidden
                .max(model.ffn)
                .max(model.heads * model.head_dim),
        );
        let bus_bytes = engine.bus_bits / 8;
        let derived = Derived {
            context,
            technology: self.board.technology,
            clock_mhz: self.board.clock_mhz,
            bus_bits: engine.bus_bits,
            bus_bytes,
            weight_format: engine.weight_format,
            dram_format: engine.dram_format,
            style: engine
                .style
                .unwrap_or(Style::usual(self.board.technology, engine.weight_format)),
            storage: engine
                .storage
                .unwrap_or(Storage::usual(self.board.technology)),
            reduction: engine.reduction,
            groups: engine.groups,
            group_weights,
            tile_k,
            rows: engine.rows,
            batch: engine.batch,
            max_row_tiles: tallest(model)
                .div_ceil(engine.rows)
                .next_power_of_two()
                .max(2),
            weights_per_cycle: tile_k * engine.rows,
            longest_k,
            accumulator_bits: accumulator_bits(longest_k),
            lanes: engine.vec_lanes,
            word_bits: engine.vec_lanes * 32,
            scratchpad_words: engine.scratchpad_words,
            gqa_group: group,
            pe_rows,
            head: engine.head,
            pe_modes: engine.pe_modes,
            pe_lanes: bus_bytes,
            pe_passes: group.div_ceil(pe_rows.max(1)),
            weight_buffer_beats: engine.weight_buffer_beats,
            stream_buffer_beats: engine.stream_buffer_beats,
            queue_depth: engine.queue_depth,
        };
        self.check_engine(&derived, &mut diagnostics);
        diagnostics.into_result(derived)
    }

    /// The engine's own rules.
    fn check_engine(&self, d: &Derived, diagnostics: &mut Diagnostics) {
        let engine = TlmmParams {
            technology: d.technology,
            style: d.style,
            storage: d.storage,
            reduction: d.reduction,
            format: d.weight_format,
            dram: d.dram_format,
            groups: d.groups,
            rows: d.rows,
            batch: d.batch,
            bus_bits: d.bus_bits,
            lanes: d.lanes,
            max_row_tiles: d.max_row_tiles,
            max_k: d.longest_k,
        };
        for broken in engine.broken() {
            let message = Diagnostic::error(broken.rule).help(broken.legal);
            diagnostics.push(self.point(message, &format!("engine.{}", broken.parameter)));
        }
    }

    fn check_lanes(&self, model: &ModelConfig, diagnostics: &mut Diagnostics) {
        let lanes = self.engine.vec_lanes as usize;
        for (name, length) in LANE_RULES {
            let length = length(model);
            if !length.is_multiple_of(lanes) {
                let common = 1_u64 << length.trailing_zeros().min(4);
                let kind = Kind::Count {
                    min: 2,
                    max: common.max(2),
                    power_of_two: true,
                };
                let message = Diagnostic::error(format!(
                    "vec_lanes = {lanes} does not divide the model's {name} of {length}"
                ));
                let message = if common >= 2 {
                    let near = nearest_count(kind, lanes as i128);
                    message.help(format!("the nearest legal value is {near}"))
                } else {
                    message.help("no legal vec_lanes divides it: this model does not fit")
                };
                diagnostics.push(self.point(message, "engine.vec_lanes"));
            }
        }
    }

    /// Refuses what can not fit under any layout: weights without padding, embeddings, output head and KV cache.
    fn check_memory(&self, model: &ModelConfig, context: u32, diagnostics: &mut Diagnostics) {
        let (weights, bits) = self.engine.dram_format.weights_in_bits();
        let ternary = model.ternary_weights() / u128::from(weights) * u128::from(bits) / 8;
        let (vocab, hidden) = (model.vocab as u64, model.hidden as u64);
        let embeddings = u128::from(vocab * hidden * 4);
        let head = u128::from(head_bytes(self.engine.head, vocab, hidden));
        let token = 2 * model.layers as u128 * model.kv_heads as u128 * model.head_dim as u128;
        let cache = token * u128::from(context);
        let need = ternary + embeddings + head + cache;
        if need > u128::from(self.board.memory_bytes) {
            let message = Diagnostic::error(format!(
                "the model does not fit the {} bytes of memory of board \"{}\": ternary weights \
                 {ternary}, embeddings {embeddings}, output head {head} and KV cache {cache} bytes, before padding",
                self.board.memory_bytes, self.board.name
            ));
            diagnostics.push(self.point(message, "target.board"));
        }
    }

    /// Warns of an engine that the memory bus outruns (architecture.md, section 2, rule 2).
    fn lint_rate(&self, diagnostics: &mut Diagnostics) {
        let engine = &self.engine;
        let (weights, bits) = engine.dram_format.weights_in_bits();
        let used = engine.groups * engine.weight_format.group() * engine.rows;
        // used < bus_bits * weights / bits, without a division.
        if used * bits < engine.bus_bits * weights {
            let per_group = engine.weight_format.group() * engine.rows * bits;
            let groups = (engine.bus_bits * weights).div_ceil(per_group);
            let message = Diagnostic::warning(format!(
                "the ternary engine uses {used} weights a cycle, but the {}-bit bus brings {}",
                engine.bus_bits,
                engine.bus_bits * weights / bits
            ));
            let message = if groups <= 64 {
                message.help(format!(
                    "groups = {groups} keeps up with {} rows",
                    engine.rows
                ))
            } else {
                message.help("raise rows and groups")
            };
            diagnostics.push(self.point(message, "engine.groups"));
        }
    }
}

/// Rows of the tallest ternary product: Q, K and V are one, and gate and up.
fn tallest(model: &ModelConfig) -> u32 {
    let qkv = (model.heads + 2 * model.kv_heads) * model.head_dim;
    to_u32(model.hidden.max(2 * model.ffn).max(qkv))
}

/// Fewest rows of an array in which each of these modes has one.
fn least_rows(modes: PeModes) -> u32 {
    let serves = |&rows: &u32| modes.iter().all(|mode| mode.most_rows(rows) > 0);
    (1..=MOST_PE_ROWS).find(serves).unwrap_or(MOST_PE_ROWS)
}

/// Bits of a two's complement accumulator for `k` products of int8 (+-127) and ternary weights.
fn accumulator_bits(k: u32) -> u32 {
    let largest = 127 * u64::from(k);
    u64::BITS - largest.leading_zeros() + 1
}

/// Dimensions of a model are below 2^31: the importer refuses larger ones.
fn to_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::accumulator_bits;

    #[test]
    fn accumulators_hold_the_worst_sum() {
        // numerics.md, section 3: signed bits for these K.
        for (k, bits) in [
            (2560, 20),
            (4096, 20),
            (6912, 21),
            (8192, 21),
            (14336, 22),
            (23040, 23),
        ] {
            assert_eq!(accumulator_bits(k), bits, "K = {k}");
        }
    }
}
