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
//! Scales never meet the data before they must: int8 codes of a rotated head are made from the raw accumulator
//! (rotation is linear), and all scalar factors of an output are multiplied once into one scalar that the
//! consumer applies while it reads.

mod attention;
mod ffn;
mod head;
mod linear;
mod vector;

use hw::isa::Op;
use hw::params::MachineParams;

use super::emit::{Emitter, imm, reg};
use super::layout::{
    Constant, ImageLayout, LAYER_SCALARS, LayerScalar, Matrix, Packet, StateLayout,
};
use super::places::{Places, SCALARS};
use super::program::r;
use super::scratch::Place;
use crate::model::Model;
use vector::Vector;

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

/// Words of a head's scalars.
mod h {
    pub const ABSMAX: u32 = 0;
    pub const SUM: u32 = 1;
    pub const SCALE: u32 = 2;
    pub const OUT: u32 = 3;
}

/// Everything that emission of a layer needs.
pub struct Block<'a> {
    pub model: &'a Model,
    pub p: &'a MachineParams,
    pub layout: &'a ImageLayout,
    pub state: &'a StateLayout,
    pub places: &'a Places,
}

impl Block<'_> {
    fn scalar(&self, index: u32) -> Place {
        self.places.scalars.word(index)
    }

    /// Scalar `index` of head slot `slot`: query heads first, then K heads, then V heads.
    fn head_scalar(&self, slot: u32, index: u32) -> Place {
        self.scalar(SCALARS + 4 * slot + index)
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

    /// A vec instruction without effect that waits for loads into these places.
    pub fn wait_for(&self, e: &mut Emitter, places: &[Place]) {
        let one = self.constant(Constant::One);
        Vector::new(Op::Vscale, one, one, 1)
            .s0(one)
            .no_output()
            .emit(e, places, "wait for loads");
    }

    /// One layer; at its end the residual stream is complete and the next layer's first weights are on their way.
    pub fn layer(&self, e: &mut Emitter, prefetch: &[Matrix]) {
        let late = |matrices: &[Matrix]| -> Vec<Matrix> {
            let late = matrices.iter().filter(|m| !prefetch.contains(m));
            late.copied().collect()
        };
        e.context("qkv: ");
        self.request(e, r::BASE, &late(&[Matrix::Q, Matrix::K, Matrix::V]));
        let [fq, fk, fv] = self.project(e);
        e.context("cache: ");
        self.append_cache(e, fk, fv);
        self.request_cache(e);
        self.request(e, r::BASE, &late(&[Matrix::O]));
        self.request(e, r::BASE, &[Matrix::Gate, Matrix::Up, Matrix::Down]);
        e.context("attention: ");
        self.attend(e, fq);
        self.project_out(e);
        e.context("ffn: ");
        self.feed_forward(e, prefetch);
    }
}
