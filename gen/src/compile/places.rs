//! Every vector of the program and its place in the scratchpad.

use hw::params::MachineParams;
use indexmap::IndexMap;

use super::CompileError;
use super::layout::{CONSTANTS, Constant, ImageLayout};
use super::scratch::{Place, Scratch};
use crate::model::Model;

/// Rows of the output head that one tile of logits covers.
pub const HEAD_TILE: u32 = 512;

/// Scalars that every norm shares, before those of the heads.
pub const SCALARS: u32 = 24;

/// All named places of the scratchpad.
pub struct Places {
    pub constants: Place,
    pub draw_scale: Place,
    pub final_norm: Place,
    pub layer_norms: [Option<Place>; 4],
    pub layer_scalars: Place,
    pub layer_block: Place,
    /// Residual stream, f32[hidden].
    pub x: Place,
    /// Product of a norm, f32, and its int8 codes.
    pub t: Place,
    pub codes: Place,
    /// Neighbours.
    pub qkv: [Place; 3],
    /// Rotated or converted heads, f32[head_dim].
    pub head: Place,
    pub q_codes: Place,
    pub k_codes: Place,
    pub v_codes: Place,
    pub rope: Place,
    pub k_scales: Place,
    pub v_scales: Place,
    /// Scores and probabilities of the query heads of all KV heads, f32[context] each.
    pub scores: Place,
    pub p_codes: Place,
    pub mixed: Place,
    pub attention: Place,
    /// Neighbour of up.
    pub gate: Place,
    pub up: Place,
    pub act: Place,
    pub out: Place,
    pub head_scales: Place,
    pub head_acc: Place,
    pub logits: Place,
    pub top_values: Place,
    pub top_indices: Place,
    pub draw: Place,
    pub scalars: Place,
    pub next_token: Place,
    pub token: Place,
    pub inv_temperature: Place,
}

impl Places {
    pub fn new(
        model: &Model,
        p: &MachineParams,
        layout: &ImageLayout,
        context: u32,
    ) -> Result<(Places, IndexMap<String, Place>, u32), CompileError> {
        let c = &model.config;
        let (hidden, ffn, hd) = (c.hidden as u32, c.ffn as u32, c.head_dim as u32);
        let (heads, kv) = (c.heads as u32, c.kv_heads as u32);
        let attention = heads * hd;
        let mut s = Scratch::new(p.vec_lanes, p.scratchpad_words);
        let l = p.vec_lanes;
        let constants = s.scalars("constants", CONSTANTS.len() as u32);
        let draw_scale = s.words32("draw_scale", p.sample_k);
        let final_norm = s.words32("norm.final", hidden);
        let layer_block = s.words32("layer.constants", layout.layer_constant_units);
        let mut at = 0;
        let mut layer_norms = [None; 4];
        let lengths = [hidden, attention, hidden, ffn];
        let present = [true, c.sub_norms, true, c.sub_norms];
        for i in 0..4 {
            if present[i] {
                let words = lengths[i].div_ceil(l);
                layer_norms[i] = Some(layer_block.part(at, words));
                at += words;
            }
        }
        let layer_scalars = layer_block.part(at, layer_block.words - at);
        // The engine writes whole row tiles, so results are padded to Q.
        let tiles = |n: u32| n.next_multiple_of(p.rows);
        let widest = hidden.max(ffn).max(attention);
        let per_head = context.div_ceil(l) * l;
        // Room for whole row tiles of the last matrix.
        let qkv_sums = s.words32("q+k+v", attention + kv * hd + tiles(kv * hd));
        let gate_up = s.words32("gate+up", ffn + tiles(ffn));
        // Lengths are whole words: the lanes divide half a head and the width of the FFN.
        let (q, one_kv, half) = (attention / l, kv * hd / l, ffn / l);
        let places = Places {
            constants,
            draw_scale,
            final_norm,
            layer_norms,
            layer_scalars,
            layer_block,
            x: s.words32("x", hidden),
            t: s.words32("t", widest),
            codes: s.bytes("codes", widest),
            qkv: [
                qkv_sums.part(0, q),
                qkv_sums.part(q, one_kv),
                qkv_sums.part(q + one_kv, one_kv),
            ],
            head: s.words32("head", hd),
            q_codes: s.scalars("q.codes", heads * hd.div_ceil(4 * l)),
            k_codes: s.scalars("k.codes", kv * hd.div_ceil(4 * l)),
            v_codes: s.scalars("v.codes", kv * hd.div_ceil(4 * l)),
            rope: s.words32("rope", hd),
            k_scales: s.scalars("k.scales", kv * context.div_ceil(l)),
            v_scales: s.scalars("v.scales", kv * context.div_ceil(l)),
            scores: s.words32("scores", heads * per_head),
            p_codes: s.scalars("p.codes", heads * context.div_ceil(4 * l)),
            mixed: s.words32("mixed", attention),
            attention: s.words32("attention", attention),
            gate: gate_up.part(0, half),
            up: gate_up.part(half, half),
            act: s.words32("act", ffn),
            out: s.words32("out", tiles(hidden)),
            head_scales: s.words32("head.scales", HEAD_TILE),
            head_acc: s.words32("head.acc", HEAD_TILE),
            logits: s.words32("logits", HEAD_TILE),
            top_values: s.words32("top.values", p.sample_k),
            top_indices: s.words32("top.indices", p.sample_k),
            draw: s.words32("draw.weights", p.sample_k),
            scalars: s.scalars("scalars", SCALARS + 4 * (heads + 2 * kv)),
            next_token: s.scalars("token.next", 1),
            token: s.scalars("token", 1),
            inv_temperature: s.scalars("inv_temperature", 1),
        };
        let used = s.used();
        Ok((places, s.finish()?, used))
    }

    pub fn constant(&self, c: Constant) -> Place {
        let at = CONSTANTS.iter().position(|&k| k == c).unwrap_or(0);
        self.constants.word(at as u32)
    }
}
