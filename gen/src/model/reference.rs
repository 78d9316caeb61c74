//! The float reference: the model family's own semantics, for accuracy only.
//!
//! Element-wise arithmetic in f32, integer-exact ternary products, sums of floats in f64 rounded once. The
//! order of operations is that of transformers' BitNetForCausalLM in eager mode (numerics.md, section 3).

use super::quant::quantise_activations;
use super::rope::RopeTable;
use super::{Activation, Layer, Model, ModelConfig, Ternary};

/// A token the reference can not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not in the vocabulary.
    #[error("token {token} is not in the vocabulary of {vocab} tokens")]
    Token {
        /// The token.
        token: u32,
        /// Tokens there are.
        vocab: usize,
    },
    /// The sequence is as long as the model allows.
    #[error("the sequence has reached the model's {0} positions")]
    Full(usize),
    /// A likelihood needs a token to predict.
    #[error("a likelihood needs at least two tokens")]
    TooShort,
}

/// Keys and values of one layer, [positions, kv_heads * head_dim].
#[derive(Debug, Clone, Default)]
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// A model with the state of one sequence.
#[derive(Debug, Clone)]
pub struct Reference<'a> {
    model: &'a Model,
    rope: RopeTable,
    caches: Vec<Cache>,
    position: usize,
}

impl<'a> Reference<'a> {
    /// An empty sequence.
    pub fn new(model: &'a Model) -> Self {
        let caches = vec![Cache::default(); model.layers.len()];
        // Rows of the table are added when a position is first reached.
        let rope = RopeTable::new(model.config.rope_theta, model.config.head_dim, 0);
        Self {
            model,
            rope,
            caches,
            position: 0,
        }
    }

    /// Forgets the sequence.
    pub fn reset(&mut self) {
        self.caches
            .iter_mut()
            .for_each(|cache| *cache = Cache::default());
        self.position = 0;
    }

    /// Tokens so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Appends a token and returns the logits of the next one, `vocab` long.
    ///
    /// # Errors
    /// The token is not in the vocabulary, or the sequence is full.
    pub fn forward(&mut self, token: u32) -> Result<Vec<f32>, ReferenceError> {
        let model = self.model;
        let c = &model.config;
        let at = token as usize;
        if at >= c.vocab {
            return Err(ReferenceError::Token {
                token,
                vocab: c.vocab,
            });
        }
        if self.position >= c.max_positions {
            return Err(ReferenceError::Full(c.max_positions));
        }
        if self.rope.cos.len() <= self.position * self.rope.half {
            let rows = (2 * self.position).max(64).min(c.max_positions);
            self.rope = RopeTable::new(c.rope_theta, c.head_dim, rows);
        }
        let mut x = model.embed[at * c.hidden..(at + 1) * c.hidden].to_vec();
        for (layer, cache) in model.layers.iter().zip(&mut self.caches) {
            attention(c, layer, cache, &self.rope, self.position, &mut x);
            feed_forward(c, layer, &mut x);
        }
        self.position += 1;
        let h = rms_norm(&x, &model.final_norm, c.norm_eps);
        Ok(model
            .head()
            .chunks_exact(c.hidden)
            .map(|row| dot(row, &h))
            .collect())
    }

    /// Mean negative log likelihood, in nats a token, of `tokens[1..]` given what precedes each.
    ///
    /// Starts from an empty sequence.
    ///
    /// # Errors
    /// Fewer than two tokens, a token out of the vocabulary, or more tokens than positions.
    pub fn nll(&mut self, tokens: &[u32]) -> Result<f64, ReferenceError> {
        if tokens.len() < 2 {
            return Err(ReferenceError::TooShort);
        }
        self.reset();
        let mut sum = 0.0;
        for pair in tokens.windows(2) {
            let logits = self.forward(pair[0])?;
            let target = *logits.get(pair[1] as usize).ok_or(ReferenceError::Token {
                token: pair[1],
                vocab: self.model.config.vocab,
            })?;
            let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let total: f64 = logits.iter().map(|l| (f64::from(*l) - largest).exp()).sum();
            sum += total.ln() - (f64::from(target) - largest);
        }
        Ok(sum / (tokens.len() - 1) as f64)
    }
}

/// Index of the largest logit; the first of equal ones.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, value) in logits.iter().enumerate() {
        if *value > logits[best] {
            best = index;
        }
    }
    best as u32
}

/// y = w * (x * 1/sqrt(mean(x^2) + eps)).
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let sum: f64 = x.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    let mean = (sum / x.len().max(1) as f64) as f32;
    let scale = (1.0 / f64::from(mean + eps).sqrt()) as f32;
    x.iter().zip(weight).map(|(v, w)| w * (v * scale)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(x, y)| f64::from(*x) * f64::from(*y))
        .sum::<f64>() as f32
}

/// y = acc / s * scale for an activation vector quantised with s.
fn linear(matrix: &Ternary, codes: &[i8], s: f32) -> Vec<f32> {
    (0..matrix.rows)
        .map(|row| {
            let products = matrix.row(row).iter().zip(codes);
            let sum: i32 = products.map(|(t, q)| i32::from(*t) * i32::from(*q)).sum();
            sum as f32 / s * matrix.scale
        })
        .collect()
}

fn attention(
    c: &ModelConfig,
    layer: &Layer,
    cache: &mut Cache,
    rope: &RopeTable,
    position: usize,
    x: &mut [f32],
) {
    let h = rms_norm(x, &layer.input_norm, c.norm_eps);
    let (codes, s) = quantise_activations(&h);
    let mut query = linear(&layer.wq, &codes, s);
    let mut key = linear(&layer.wk, &codes, s);
    for head in query
        .chunks_exact_mut(c.head_dim)
        .chain(key.chunks_exact_mut(c.head_dim))
    {
        rope.rotate(head, position);
    }
    cache.keys.extend(key);
    cache.values.extend(linear(&layer.wv, &codes, s));

    let stride = c.kv_heads * c.head_dim;
    let group = c.heads / c.kv_heads;
    let scaling = 1.0 / (c.head_dim as f32).sqrt();
    let mut mixed = Vec::with_capacity(c.heads * c.head_dim);
    for (head, q) in query.chunks_exact(c.head_dim).enumerate() {
        let span = (head / group) * c.head_dim..(head / group + 1) * c.head_dim;
        let row = |at: usize| at * stride + span.start..at * stride + span.end;
        let scores: Vec<f32> = (0..=position)
            .map(|at| dot(q, &cache.keys[row(at)]) * scaling)
            .collect();
        let weights = softmax(&scores);
        let mut sum = vec![0.0_f64; c.head_dim];
        for (at, weight) in weights.iter().enumerate() {
            for (total, value) in sum.iter_mut().zip(&cache.values[row(at)]) {
                *total += f64::from(*weight) * f64::from(*value);
            }
        }
        mixed.extend(sum.iter().map(|value| *value as f32));
    }
    if let Some(norm) = &layer.attn_sub_norm {
        mixed = rms_norm(&mixed, norm, c.norm_eps);
    }
    let (codes, s) = quantise_activations(&mixed);
    add(x, &linear(&layer.wo, &codes, s));
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum = powers.iter().map(|power| f64::from(*power)).sum::<f64>() as f32;
    powers.iter().map(|power| power / sum).collect()
}

fn feed_forward(c: &ModelConfig, layer: &Layer, x: &mut [f32]) {
    let h = rms_norm(x, &layer.post_norm, c.norm_eps);
    let (codes, s) = quantise_activations(&h);
    let gate = linear(&layer.gate, &codes, s);
    let up = linear(&layer.up, &codes, s);
    let activated = |g: f32| match c.activation {
        Activation::Relu2 => g.max(0.0) * g.max(0.0),
        Activation::Silu => g / (1.0 + (-g).exp()),
    };
    let mut inner: Vec<f32> = gate
        .iter()
        .zip(&up)
        .map(|(g, u)| activated(*g) * u)
        .collect();
    if let Some(norm) = &layer.ffn_sub_norm {
        inner = rms_norm(&inner, norm, c.norm_eps);
    }
    let (codes, s) = quantise_activations(&inner);
    add(x, &linear(&layer.down, &codes, s));
}

fn add(x: &mut [f32], y: &[f32]) {
    for (a, b) in x.iter_mut().zip(y) {
        *a += b;
    }
}
