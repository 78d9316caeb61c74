//! One transformer layer, the output head and the draw as instructions; a file for each stage:
//!
//! | file | stage |
//! |---|---|
//! | `attention` | q, k, v, cache, scores, softmax, output projection |
//! | `ffn` | gate, up, activation, down |
//! | `head` | logits, best candidates, draw |
//! | `linear` | what all ternary layers share: norm, int8 codes, product, factor |
//! | `vector` | instructions of the vector unit |
//!
//! The same code makes decode, one token at a time, and prefill, a block of tokens. In a block each weight pass serves all
//! tokens, the attention array takes all query heads of all tokens that share a KV head, and vec loops over tokens.
//!
//! Scales never meet the data before they must: int8 codes of a rotated head are made from the raw accumulator
//! (rotation is linear), and all scalar factors of an output are multiplied once into one scalar that the
//! consumer applies while it reads.

mod attention;
mod ffn;
mod head;
mod linear;
mod vector;

use hw::isa::{Op, Operand};
use hw::params::MachineParams;

use super::emit::{Emitter, Step, imm, reg};
use super::layout::{
    Constant, ImageLayout, LAYER_SCALARS, LayerScalar, Matrix, Packet, StateLayout,
};
use super::places::{Places, SCALARS};
use super::program::r;
use super::scratch::Place;
use crate::model::Model;

/// Flag bit of load and store: addresses count from the state window.
pub const STATE: u8 = 8;

/// Scalars shared by all norms, words of `places.scalars`.
mod s {
    /// Absmax of the norm's product; the sum of squares lies behind it.
    pub const RAW: u32 = 0;
    pub const SQUARES: u32 = 1;
    pub const RSQRT: u32 = 2;
    pub const SCALE: u32 = 3;
    pub const ABSMAX: u32 = 4;
    pub const FACTOR: u32 = 5;
    /// Output factors of matrices, and of the codes of q, k, v.
    pub const OUT: u32 = 6;
    /// Scaled maximum of the candidates.
    pub const TOP: u32 = 14;
}

/// Scalars of codes, a word for each head: query heads first, then K heads, then V heads. Those of one kind are neighbours,
/// so that one instruction makes them for all heads.
#[derive(Clone, Copy)]
enum OfCodes {
    AbsMax,
    /// What codes are multiplied by.
    Factor,
    /// What a code stands for.
    Scale,
}

/// Scalars of a softmax, two words for each query head.
#[derive(Clone, Copy)]
enum OfWeights {
    /// Absmax of the weights times the scales of V; their sum lies behind it.
    AbsMax,
    /// Maximum of the scores; then what the weights are multiplied by to become codes.
    Factor,
    /// Scale of the weighted values.
    Scale,
}

/// Everything that emission of a layer needs.
pub struct Block<'a> {
    pub model: &'a Model,
    pub p: &'a MachineParams,
    pub layout: &'a ImageLayout,
    pub state: &'a StateLayout,
    /// In a block as loops over tokens see them.
    pub places: &'a Places,
    /// Tokens at once.
    pub tokens: u32,
}

impl Block<'_> {
    /// Emits `body` for each token: once, or in a loop.
    fn each_token(&self, e: &mut Emitter, body: impl FnOnce(&mut Emitter)) {
        self.each_token_and(e, &[], body);
    }

    /// The same, with more registers that count.
    fn each_token_and(&self, e: &mut Emitter, more: &[Step], body: impl FnOnce(&mut Emitter)) {
        if self.tokens == 1 {
            return body(e);
        }
        let mut steps = vec![Step {
            reg: r::AT_TOKEN,
            start: imm(0),
            by: self.places.token_stride,
        }];
        steps.extend(more);
        e.open(self.tokens, &steps, true);
        body(e);
        e.close();
    }

    /// Counts the rows of the attention array that go with the token at hand.
    fn rows_step(&self) -> Step {
        Step {
            reg: r::AT_ROW,
            start: imm(0),
            by: self.group() * self.places.row_stride,
        }
    }

    /// The place of each token where loops see `place`.
    fn of_tokens(&self, place: Place) -> Vec<Place> {
        let place = place.moved_by(0);
        let stride = self.places.token_stride;
        (0..self.tokens).map(|t| place.behind(t * stride)).collect()
    }

    /// Rows of the attention array over all KV heads, for whole blocks.
    pub fn rows(&self) -> u32 {
        self.places.block * self.heads()
    }

    /// Number of the first row of KV head `g`; rows are ordered by KV head, token, head of the group.
    fn first_row(&self, g: u32) -> u32 {
        g * self.places.block * self.group()
    }

    /// Where query head `head` of the token at hand has what row 0 has at `place`.
    fn row(&self, place: Place, head: u32) -> Place {
        let row = self.first_row(head / self.group()) + head % self.group();
        place.behind(row * self.places.row_stride)
    }

    /// Tokens that the token at hand attends to.
    fn attended(&self) -> Operand {
        let register = if self.tokens == 1 {
            r::COUNT
        } else {
            r::LENGTH
        };
        reg(register, 0)
    }

    fn scalar(&self, index: u32) -> Place {
        self.places.scalars.word(index)
    }

    /// Scalars of `count` heads from `first` on.
    fn of_codes(&self, kind: OfCodes, first: u32, count: u32) -> Place {
        let all = self.heads() + 2 * self.kv_heads();
        let start = SCALARS + kind as u32 * all + first;
        self.places.scalars.part(start, count)
    }

    /// Scalars of `count` query heads from `first` on.
    fn of_weights(&self, kind: OfWeights, first: u32, count: u32) -> Place {
        let codes = 3 * (self.heads() + 2 * self.kv_heads());
        let start = SCALARS + codes + 2 * (kind as u32 * self.heads() + first);
        self.places.scalars.part(start, 2 * count)
    }

    fn constant(&self, c: Constant) -> Place {
        self.places.constant(c)
    }

    fn layer_scalar(&self, s: LayerScalar) -> Place {
        let at = LAYER_SCALARS.iter().position(|&k| k == s).unwrap_or(0);
        self.places.layer_scalars.word(at as u32)
    }

    fn heads(&self) -> u32 {
        self.model.config.heads as u32
    }

    fn kv_heads(&self) -> u32 {
        self.model.config.kv_heads as u32
    }

    /// Query heads that share a KV head.
    fn group(&self) -> u32 {
        self.heads() / self.kv_heads()
    }

    fn head_dim(&self) -> u32 {
        self.model.config.head_dim as u32
    }

    /// Packets of these matrices in streaming order.
    fn packets<'a>(&'a self, matrices: &'a [Matrix]) -> impl Iterator<Item = &'a Packet> {
        let all = self.layout.packets.iter();
        all.filter(|packet| packet.matrices.iter().any(|m| matrices.contains(m)))
    }

    /// Requests packets of the layer whose block starts at register `base`.
    pub fn request(&self, e: &mut Emitter, base: u8, matrices: &[Matrix]) {
        for packet in self.packets(matrices) {
            let fields = [(1, reg(base, packet.offset)), (2, imm(packet.units))];
            e.unit(
                Op::Ldw,
                0,
                &fields,
                &[],
                &[],
                &format!("weights of {}", packet.name()),
            );
        }
    }

    /// Norm weights and scales of the layer at register NEXT.
    pub fn load_layer_constants(&self, e: &mut Emitter) {
        let place = self.places.layer_block;
        let units = imm(self.layout.layer_constant_units);
        e.ld(place, reg(r::NEXT, 0), units, "constants of the next layer");
    }

    /// One layer; at its end the residual stream is complete and the next layer's first weights are on their way.
    pub fn layer(&self, e: &mut Emitter, prefetch: &[Matrix]) {
        let late = |matrices: &[Matrix]| -> Vec<Matrix> {
            let late = matrices.iter().filter(|m| !prefetch.contains(m));
            late.copied().collect()
        };
        e.context("qkv: ");
        self.request(e, r::BASE, &late(&[Matrix::Q, Matrix::K, Matrix::V]));
        self.project(e);
        e.context("cache: ");
        self.append_cache(e);
        self.request_cache(e);
        self.request(e, r::BASE, &late(&[Matrix::O]));
        self.request(e, r::BASE, &[Matrix::Gate, Matrix::Up, Matrix::Down]);
        e.context("attention: ");
        self.attend(e);
        e.context("ffn: ");
        self.feed_forward(e, prefetch);
    }
}
