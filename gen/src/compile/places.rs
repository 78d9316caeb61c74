//! Every vector of the program and its place in the scratchpad.

use hw::params::MachineParams;
use indexmap::IndexMap;

use super::CompileError;
use super::layout::{CONSTANTS, Constant, ImageLayout, head_constants};
use super::scratch::{Place, Scratch};
use crate::model::Model;

/// Rows of the output head that one tile of logits covers.
pub const HEAD_TILE: u32 = 512;

/// Scalars that every norm shares, before those of the heads.
pub const SCALARS: u32 = 24;

/// All named places of the scratchpad.
#[derive(Clone)]
pub struct Places {
    pub constants: Place,
    pub draw_scale: Place,
    /// 127 in every lane of words for all heads.
    pub all_127: Place,
    pub final_norm: Place,
    pub layer_norms: [Option<Place>; 4],
    pub layer_scalars: Place,
    pub layer_block: Place,
    /// Product of a norm, f32, for vec; in the head of floats the final norm, which the array reads.
    pub t: Place,
    /// Tokens of a prefill block, and distances between what each token and each row of the attention array has.
    pub block: u32,
    pub token_stride: u32,
    pub row_stride: u32,
    /// From here to `scalars`: of each token. Residual stream, f32[hidden].
    pub x: Place,
    pub codes: Place,
    /// Neighbours.
    pub qkv: [Place; 3],
    pub k_codes: Place,
    pub v_codes: Place,
    pub rope: Place,
    pub attention: Place,
    /// Neighbour of up.
    pub gate: Place,
    pub up: Place,
    pub act: Place,
    pub out: Place,
    pub token: Place,
    pub scalars: Place,
    /// Of each row of the array, a query head of a token: codes of the query, scores and probabilities f32[context], codes of
    /// the probabilities, sum of the values. Those of row 0.
    pub q_codes: Place,
    pub scores: Place,
    pub p_codes: Place,
    pub mixed: Place,
    /// Rotated or converted heads, f32[head_dim] each; only vec uses them.
    pub heads: Place,
    pub k_scales: Place,
    pub v_scales: Place,
    pub head_scales: Place,
    pub head_acc: Place,
    pub logits: Place,
    pub top_values: Place,
    pub top_indices: Place,
    pub draw: Place,
    pub next_token: Place,
    pub inv_temperature: Place,
}

impl Places {
    /// Places of a program whose prefill takes blocks of `block` tokens.
    ///
    /// # Errors
    /// The scratchpad is too small.
    pub fn new(
        model: &Model,
        p: &MachineParams,
        layout: &ImageLayout,
        context: u32,
        block: u32,
    ) -> Result<(Places, IndexMap<String, Place>, u32), CompileError> {
        let c = &model.config;
        let (hidden, ffn, hd) = (c.hidden as u32, c.ffn as u32, c.head_dim as u32);
        let (heads, kv) = (c.heads as u32, c.kv_heads as u32);
        let attention = heads * hd;
        let mut s = Scratch::new(p.vec_lanes, p.scratchpad_words);
        let l = p.vec_lanes;
        let constants = s.scalars("constants", CONSTANTS.len() as u32);
        let draw_scale = s.words32("draw_scale", p.sample_k);
        let all_127 = s.scalars("127", head_constants(model));
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
        let code_words = hd.div_ceil(4 * l);

        let token_start = s.used();
        let x = s.words32("x", hidden);
        let codes = s.bytes("codes", widest);
        // Room for whole row tiles of the last matrix.
        let qkv_sums = s.words32("q+k+v", attention + kv * hd + tiles(kv * hd));
        let gate_up = s.words32("gate+up", ffn + tiles(ffn));
        // Lengths are whole words: the lanes divide half a head and the width of the FFN.
        let (q, one_kv, half) = (attention / l, kv * hd / l, ffn / l);
        let k_codes = s.scalars("k.codes", kv * code_words);
        let v_codes = s.scalars("v.codes", kv * code_words);
        let rope = s.words32("rope", hd);
        let attended = s.words32("attention", attention);
        let act = s.words32("act", ffn);
        let out = s.words32("out", tiles(hidden));
        let scalars = s.scalars("scalars", SCALARS + 3 * (heads + 2 * kv) + 6 * heads);
        let token = s.scalars("token", 1);
        let token_stride = s.copies(token_start, block);

        let row_start = s.used();
        let q_codes = s.scalars("q.codes", code_words);
        let scores = s.words32("scores", context);
        let p_codes = s.bytes("p.codes", context);
        let mixed = s.words32("mixed", hd);
        let row_stride = s.copies(row_start, block * heads);

        let places = Places {
            constants,
            draw_scale,
            all_127,
            final_norm,
            layer_norms,
            layer_scalars,
            layer_block,
            block,
            token_stride,
            row_stride,
            x,
            codes,
            qkv: [
                qkv_sums.part(0, q),
                qkv_sums.part(q, one_kv),
                qkv_sums.part(q + one_kv, one_kv),
            ],
            k_codes,
            v_codes,
            rope,
            attention: attended,
            gate: gate_up.part(0, half),
            up: gate_up.part(half, half),
            act,
            out,
            token,
            scalars,
            q_codes,
            scores,
            p_codes,
            mixed,
            t: s.words32("t", widest),
            heads: s.words32("heads", heads.max(2 * kv) * hd),
            k_scales: s.scalars("k.scales", kv * context.div_ceil(l)),
            v_scales: s.scalars("v.scales", kv * context.div_ceil(l)),
            head_scales: s.words32("head.scales", HEAD_TILE),
            head_acc: s.words32("head.acc", HEAD_TILE),
            logits: s.words32("logits", HEAD_TILE),
            top_values: s.words32("top.values", p.sample_k),
            top_indices: s.words32("top.indices", p.sample_k),
            draw: s.words32("draw.weights", p.sample_k),
            next_token: s.scalars("token.next", 1),
            inv_temperature: s.scalars("inv_temperature", 1),
        };
        let used = s.used();
        Ok((places, s.finish()?, used))
    }

    /// The same places as a loop over the tokens of a block sees them: what each token has moves with register `token`,
    /// its rows with register `row`.
    pub fn in_loop(&self, token: u8, row: u8) -> Places {
        let of_token = |p: Place| p.moved_by(token);
        let of_row = |p: Place| p.moved_by(row);
        Places {
            x: of_token(self.x),
            codes: of_token(self.codes),
            qkv: self.qkv.map(of_token),
            k_codes: of_token(self.k_codes),
            v_codes: of_token(self.v_codes),
            rope: of_token(self.rope),
            attention: of_token(self.attention),
            gate: of_token(self.gate),
            up: of_token(self.up),
            act: of_token(self.act),
            out: of_token(self.out),
            token: of_token(self.token),
            scalars: of_token(self.scalars),
            q_codes: of_row(self.q_codes),
            scores: of_row(self.scores),
            p_codes: of_row(self.p_codes),
            mixed: of_row(self.mixed),
            ..*self
        }
    }

    pub fn constant(&self, c: Constant) -> Place {
        let at = CONSTANTS.iter().position(|&k| k == c).unwrap_or(0);
        self.constants.word(at as u32)
    }
}
