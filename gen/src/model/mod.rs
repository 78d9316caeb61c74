//! Model import: a Hugging Face directory becomes a [`Model`], or a precise list of what is wrong.
//!
//! * [`config_json`]: the fields of config.json.
//! * [`container`]: the safetensors container and the sharded index.
//! * [`import`]: which tensors a family has, and their checks.
//! * [`quant`]: ternarising, packing and the int8 activation quantiser.
//! * [`rope`]: the table of rotary position embeddings.
//! * [`reference`]: the float reference.
//! * [`storage`]: whether weights are packed, and what their scale means.
//! * [`tokenizer`] reads tokenizer.json.

pub mod config_json;
pub mod container;
pub mod error;
pub mod import;
pub mod quant;
pub mod reference;
pub mod rope;
pub mod storage;
pub mod tokenizer;

pub use error::{ImportError, ImportErrors, Problem};
pub use import::import;
pub use reference::{Reference, ReferenceError};
pub use tokenizer::{StreamDecoder, Tokenizer, TokenizerError};

use serde::Serialize;

/// Which family of checkpoints a model belongs to; it decides tensor names and norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelFamily {
    /// `BitNetForCausalLM`: microsoft/bitnet-b1.58-2B-4T and its like, with sub-norms.
    BitNet,
    /// `BitnetForCausalLM`: 1bitLLM, with sub-norms under other names and master weights.
    OneBitLlm,
    /// `LlamaForCausalLM` with a bitnet quantization_config: Falcon3, HF1BitLLM; no sub-norms.
    Llama,
}

/// Activation of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// relu(x)^2.
    Relu2,
    /// x / (1 + e^-x).
    Silu,
}

/// Shape and constants of a model, from config.json. Every length is at least 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelConfig {
    /// Family.
    pub family: ModelFamily,
    /// Length of the residual stream.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Length of a head, even.
    pub head_dim: usize,
    /// Length of the feed-forward's inner vector.
    pub ffn: usize,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Activation of the gate.
    pub activation: Activation,
    /// Whether the output projections have an RMSNorm in front.
    pub sub_norms: bool,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Base of the rotary position embedding.
    pub rope_theta: f64,
    /// Epsilon of every RMSNorm.
    pub norm_eps: f32,
    /// Longest sequence the model was made for, tokens.
    pub max_positions: usize,
    /// Token a sequence begins with.
    pub bos: Option<u32>,
    /// Tokens that end a sequence.
    pub eos: Vec<u32>,
}

impl ModelConfig {
    /// Ternary weights of all layers.
    pub fn ternary_weights(&self) -> u128 {
        let (hidden, ffn) = (self.hidden as u128, self.ffn as u128);
        let (query, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let attention = 2 * hidden * query as u128 + 2 * hidden * kv as u128;
        self.layers as u128 * (attention + 3 * hidden * ffn)
    }
}

/// A ternary matrix with one scale: y = scale * (trits x).
#[derive(Debug, Clone, PartialEq)]
pub struct Ternary {
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// -1, 0 or +1, row-major, `rows * cols` of them.
    pub trits: Vec<i8>,
    /// Multiplier, positive and normal, whatever the file's own convention.
    pub scale: f32,
}

impl Ternary {
    /// One output's weights.
    pub fn row(&self, row: usize) -> &[i8] {
        &self.trits[row * self.cols..(row + 1) * self.cols]
    }
}

/// Why a matrix does not have Sherry's 3:4 pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SherryViolation {
    /// Rows can not be cut into fours.
    #[error("rows of {0} weights can not be cut into blocks of four")]
    Columns(usize),
    /// A block whose number of zeros is not one.
    #[error("row {row}, columns {column} to {}: {zeros} zeros where exactly one is needed", column + 3)]
    Block {
        /// Row of the first such block.
        row: usize,
        /// First column of that block.
        column: usize,
        /// Its zeros.
        zeros: usize,
    },
}

/// Checks that every aligned block of four weights of a row holds exactly one zero (arXiv 2601.07892).
///
/// # Errors
/// The first block, in row order, that does not.
pub fn is_sherry(matrix: &Ternary) -> Result<(), SherryViolation> {
    if !matrix.cols.is_multiple_of(4) {
        return Err(SherryViolation::Columns(matrix.cols));
    }
    for (index, block) in matrix.trits.chunks_exact(4).enumerate() {
        let zeros = block.iter().filter(|trit| **trit == 0).count();
        if zeros != 1 {
            let at = index * 4;
            let (row, column) = (at / matrix.cols, at % matrix.cols);
            return Err(SherryViolation::Block { row, column, zeros });
        }
    }
    Ok(())
}

/// One transformer layer. Lengths: `hidden` unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Norm in front of attention.
    pub input_norm: Vec<f32>,
    /// Query projection, [heads * head_dim, hidden].
    pub wq: Ternary,
    /// Key projection, [kv_heads * head_dim, hidden].
    pub wk: Ternary,
    /// Value projection, [kv_heads * head_dim, hidden].
    pub wv: Ternary,
    /// Norm in front of the output projection, heads * head_dim long.
    pub attn_sub_norm: Option<Vec<f32>>,
    /// Output projection, [hidden, heads * head_dim].
    pub wo: Ternary,
    /// Norm in front of the feed-forward.
    pub post_norm: Vec<f32>,
    /// Gate projection, [ffn, hidden].
    pub gate: Ternary,
    /// Up projection, [ffn, hidden].
    pub up: Ternary,
    /// Norm in front of the down projection, ffn long.
    pub ffn_sub_norm: Option<Vec<f32>>,
    /// Down projection, [hidden, ffn].
    pub down: Ternary,
}

impl Layer {
    /// The seven ternary matrices with the names of their tensors, in the order of execution.
    pub fn matrices(&self) -> [(&'static str, &Ternary); 7] {
        [
            ("self_attn.q_proj", &self.wq),
            ("self_attn.k_proj", &self.wk),
            ("self_attn.v_proj", &self.wv),
            ("self_attn.o_proj", &self.wo),
            ("mlp.gate_proj", &self.gate),
            ("mlp.up_proj", &self.up),
            ("mlp.down_proj", &self.down),
        ]
    }
}

/// A checked model: every value is finite and every shape agrees with `config`.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Shape and constants.
    pub config: ModelConfig,
    /// Embedding, [vocab, hidden], row-major.
    pub embed: Vec<f32>,
    /// Layers in order.
    pub layers: Vec<Layer>,
    /// Norm in front of the head.
    pub final_norm: Vec<f32>,
    /// Head, [vocab, hidden]; `None` when it is the embedding.
    pub lm_head: Option<Vec<f32>>,
    /// What was ignored in the directory.
    pub warnings: Vec<String>,
}

impl Model {
    /// The head's matrix, [vocab, hidden].
    pub fn head(&self) -> &[f32] {
        self.lm_head.as_deref().unwrap_or(&self.embed)
    }

    /// This model with a vocabulary of `vocab` tokens: behind its own rows of a tied embedding stand mixtures of them. For
    /// tests of vocabularies that no shipped model has.
    #[must_use]
    pub fn with_vocabulary(mut self, vocab: usize) -> Model {
        let c = &mut self.config;
        for token in c.vocab..vocab {
            let mix = |j| self.embed[(token * 7 + j * j * 31) % (c.vocab * c.hidden)];
            let row: Vec<f32> = (0..c.hidden).map(mix).collect();
            self.embed.extend(row);
        }
        c.vocab = vocab;
        self
    }

    /// Checks Sherry's pattern in every ternary matrix.
    ///
    /// # Errors
    /// Name of the first tensor that does not have it, and where.
    pub fn is_sherry(&self) -> Result<(), (String, SherryViolation)> {
        for (index, layer) in self.layers.iter().enumerate() {
            for (name, matrix) in layer.matrices() {
                is_sherry(matrix)
                    .map_err(|v| (format!("model.layers.{index}.{name}.weight"), v))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sherry_names_the_first_block_that_breaks_the_pattern() {
        let matrix = |cols, trits: &[i8]| Ternary {
            rows: trits.len() / cols,
            cols,
            trits: trits.to_vec(),
            scale: 1.0,
        };
        assert_eq!(is_sherry(&matrix(4, &[0, 1, -1, 1, 1, 1, 1, 0])), Ok(()));
        let two = matrix(8, &[0, 1, -1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]);
        let found = is_sherry(&two).unwrap_err();
        assert_eq!(
            found,
            SherryViolation::Block {
                row: 1,
                column: 4,
                zeros: 2
            }
        );
        assert!(
            found
                .to_string()
                .starts_with("row 1, columns 4 to 7: 2 zeros")
        );
        assert_eq!(
            is_sherry(&matrix(3, &[0, 1, 1])),
            Err(SherryViolation::Columns(3))
        );
    }
}
