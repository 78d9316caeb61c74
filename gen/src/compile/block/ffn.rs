//! Feed-forward: gate and up, activation, down; the weights of the next layer are requested on the way.

use hw::isa::Op;

use super::Block;
use super::vector::{INTEGER, Vector};
use crate::compile::emit::Emitter;
use crate::compile::layout::{Constant, LayerScalar, Matrix};
use crate::compile::program::r;
use crate::model::Activation;

/// Output factors.
const GATE: u32 = 4;
const UP: u32 = 5;
const DOWN: u32 = 6;
const GATE_NEGATED: u32 = 7;

impl Block<'_> {
    /// The whole sublayer, of codes that attention has left, added to the residual stream. `prefetch`: packets of the next
    /// layer to request ahead.
    pub(super) fn feed_forward(&self, e: &mut Emitter, prefetch: &[Matrix]) {
        let c = &self.model.config;
        let (hidden, ffn, p) = (c.hidden as u32, c.ffn as u32, self.places);
        self.products(e, &[Matrix::Gate, Matrix::Up], hidden, &[p.gate, p.up]);
        // A loop of its own: the gate is activated while the engine works on up.
        self.each_token(e, |e| self.activate(e, ffn));
        self.each_token(e, |e| {
            Vector::new(Op::Vsmul, p.act, p.up, ffn)
                .s0(self.factor(UP))
                .b(p.act)
                .flags(INTEGER)
                .emit(e, &[], "times up");
            self.quantise(e, p.act, ffn, p.layer_norms[3], Constant::InvFfn);
            self.make_factor(e, DOWN, LayerScalar::Matrix(Matrix::Down));
        });
        self.load_layer_constants(e);
        self.request(e, r::NEXT, prefetch);
        self.products(e, &[Matrix::Down], ffn, &[p.out]);
        // Waits for the next layer's constants too, so that the segment may end.
        self.each_token(e, |e| {
            Vector::new(Op::Vaxpy, p.x, p.out, hidden)
                .b(p.x)
                .s0(self.factor(DOWN))
                .flags(INTEGER)
                .emit(e, &[p.layer_block], "residual");
        });
    }

    /// Norm and codes of the residual stream, and the factors of what they are multiplied with.
    pub(super) fn enter_feed_forward(&self, e: &mut Emitter) {
        let (hidden, p) = (self.model.config.hidden as u32, self.places);
        self.quantise(e, p.x, hidden, p.layer_norms[2], Constant::InvHidden);
        self.make_factor(e, GATE, LayerScalar::Matrix(Matrix::Gate));
        self.make_factor(e, UP, LayerScalar::Matrix(Matrix::Up));
        if self.model.config.activation == Activation::Silu {
            self.make_factor(e, GATE_NEGATED, LayerScalar::GateNegated);
        }
    }

    /// `act(gate)` from the raw accumulator.
    fn activate(&self, e: &mut Emitter, ffn: u32) {
        let p = self.places;
        let gate = self.factor(GATE);
        match self.model.config.activation {
            Activation::Relu2 => {
                Vector::new(Op::Vrelu2, p.act, p.gate, ffn)
                    .s0(gate)
                    .flags(INTEGER)
                    .emit(e, &[], "relu(gate)^2");
            }
            Activation::Silu => {
                let one = self.constant(Constant::One);
                Vector::new(Op::Vexps, p.act, p.gate, ffn)
                    .s0(self.factor(GATE_NEGATED))
                    .flags(INTEGER)
                    .emit(e, &[], "exp(-gate)");
                Vector::new(Op::Vrecip1, p.act, p.act, ffn)
                    .s1(one)
                    .emit(e, &[], "sigmoid(gate)");
                Vector::new(Op::Vsmul, p.act, p.gate, ffn)
                    .s0(gate)
                    .b(p.act)
                    .flags(INTEGER)
                    .emit(e, &[], "silu(gate)");
            }
        }
    }
}
