//! Feed-forward: gate and up, activation, down; the weights of the next layer are requested on the way.

use hw::isa::Op;

use super::Block;
use super::vector::{INTEGER, Vector};
use crate::compile::emit::Emitter;
use crate::compile::layout::{Constant, LayerScalar, Matrix};
use crate::compile::program::r;
use crate::model::Activation;

impl Block<'_> {
    /// The whole sublayer, added to the residual stream. `prefetch`: packets of the next layer to request ahead.
    pub(super) fn feed_forward(&self, e: &mut Emitter, prefetch: &[Matrix]) {
        let c = &self.model.config;
        let (hidden, ffn, p) = (c.hidden as u32, c.ffn as u32, self.places);
        self.quantise(e, p.x, hidden, p.layer_norms[2], Constant::InvHidden);
        self.products(e, &[Matrix::Gate, Matrix::Up], hidden, &[p.gate, p.up]);
        self.activation(e, ffn);
        self.quantise(e, p.act, ffn, p.layer_norms[3], Constant::InvFfn);
        let fd = self.factor(e, 6, LayerScalar::Matrix(Matrix::Down));
        self.load_layer_constants(e);
        self.request(e, r::NEXT, prefetch);
        self.products(e, &[Matrix::Down], ffn, &[p.out]);
        // Waits for the next layer's constants too, so that the segment may end.
        Vector::new(Op::Vaxpy, p.x, p.out, hidden)
            .b(p.x)
            .s0(fd)
            .flags(INTEGER)
            .emit(e, &[p.layer_block], "residual");
    }

    /// `act(gate) * up` from the raw accumulators.
    fn activation(&self, e: &mut Emitter, ffn: u32) {
        let p = self.places;
        let fg = self.factor(e, 4, LayerScalar::Matrix(Matrix::Gate));
        let fu = self.factor(e, 5, LayerScalar::Matrix(Matrix::Up));
        match self.model.config.activation {
            Activation::Relu2 => {
                Vector::new(Op::Vrelu2, p.act, p.gate, ffn)
                    .s0(fg)
                    .flags(INTEGER)
                    .emit(e, &[], "relu(gate)^2");
            }
            Activation::Silu => {
                let minus = self.factor(e, 7, LayerScalar::GateNegated);
                let one = self.constant(Constant::One);
                Vector::new(Op::Vexps, p.act, p.gate, ffn)
                    .s0(minus)
                    .flags(INTEGER)
                    .emit(e, &[], "exp(-gate)");
                Vector::new(Op::Vrecip1, p.act, p.act, ffn)
                    .s1(one)
                    .emit(e, &[], "sigmoid(gate)");
                Vector::new(Op::Vsmul, p.act, p.gate, ffn)
                    .s0(fg)
                    .b(p.act)
                    .flags(INTEGER)
                    .emit(e, &[], "silu(gate)");
            }
        }
        Vector::new(Op::Vsmul, p.act, p.up, ffn)
            .s0(fu)
            .b(p.act)
            .flags(INTEGER)
            .emit(e, &[], "times up");
    }
}
