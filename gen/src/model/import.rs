//! From a Hugging Face directory to a [`Model`]: which tensors a family has, and their checks.

use super::config_json::read_config;
use super::container::Weights;
use super::error::{ImportError, ImportErrors, Problem};
use super::quant::{ternarise, unpack};
use super::storage::Storage;
use super::{Layer, Model, ModelConfig, ModelFamily, Ternary};
use std::collections::BTreeSet;
use std::path::Path;

/// Imports config.json and model.safetensors (or its shards) of a directory.
///
/// Every value of the result is finite, every matrix ternary and not all zero, every scale positive.
///
/// # Errors
/// Every mistake of config.json, or the first one of the weights.
pub fn import(dir: &Path) -> Result<Model, ImportErrors> {
    if !dir.is_dir() {
        let why = if dir.exists() {
            "is not a directory"
        } else {
            "there is no such directory"
        };
        let error = ImportError::new(dir, Problem::Io(why.to_owned()));
        return Err(error
            .with_help("a model is a directory with config.json and model.safetensors")
            .into());
    }
    let (config, storage) = read_config(&dir.join("config.json"))?;
    let weights = Weights::open(dir)?;
    let mut loader = Loader {
        config: &config,
        storage,
        weights,
        used: BTreeSet::new(),
    };
    let vocab = [config.vocab, config.hidden];
    let embed = loader.floats("model.embed_tokens.weight", &vocab)?;
    let mut layers = Vec::new();
    for index in 0..config.layers {
        layers.push(loader.layer(index)?);
    }
    let final_norm = loader.floats("model.norm.weight", &[config.hidden])?;
    let lm_head = match config.tied {
        true => None,
        false => Some(loader.floats("lm_head.weight", &vocab)?),
    };
    let warnings = loader.leftovers()?;
    Ok(Model {
        config,
        embed,
        layers,
        final_norm,
        lm_head,
        warnings,
    })
}

struct Loader<'a> {
    config: &'a ModelConfig,
    storage: Storage,
    weights: Weights,
    used: BTreeSet<String>,
}

impl Loader<'_> {
    fn layer(&mut self, index: usize) -> Result<Layer, ImportError> {
        let c = self.config;
        let (query, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        let at = |name: &str| format!("model.layers.{index}.{name}");
        let (attn_sub, ffn_sub) = match c.family {
            ModelFamily::OneBitLlm => ("self_attn.inner_attn_ln", "mlp.ffn_layernorm"),
            ModelFamily::BitNet | ModelFamily::Llama => {
                ("self_attn.attn_sub_norm", "mlp.ffn_sub_norm")
            }
        };
        let sub_norm = |loader: &mut Self, name: &str, length: usize| {
            let name = at(&format!("{name}.weight"));
            c.sub_norms
                .then(|| loader.floats(&name, &[length]))
                .transpose()
        };
        let attn_sub_norm = sub_norm(self, attn_sub, query)?;
        let ffn_sub_norm = sub_norm(self, ffn_sub, c.ffn)?;
        Ok(Layer {
            input_norm: self.floats(&at("input_layernorm.weight"), &[c.hidden])?,
            wq: self.ternary(&at("self_attn.q_proj"), query, c.hidden)?,
            wk: self.ternary(&at("self_attn.k_proj"), kv, c.hidden)?,
            wv: self.ternary(&at("self_attn.v_proj"), kv, c.hidden)?,
            attn_sub_norm,
            wo: self.ternary(&at("self_attn.o_proj"), c.hidden, query)?,
            post_norm: self.floats(&at("post_attention_layernorm.weight"), &[c.hidden])?,
            gate: self.ternary(&at("mlp.gate_proj"), c.ffn, c.hidden)?,
            up: self.ternary(&at("mlp.up_proj"), c.ffn, c.hidden)?,
            ffn_sub_norm,
            down: self.ternary(&at("mlp.down_proj"), c.hidden, c.ffn)?,
        })
    }

    /// An unquantised tensor; one that is all zero would silence the model.
    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ImportError> {
        let values = self.weights.read_f32(name, &[shape])?;
        if values.iter().all(|value| *value == 0.0) {
            return Err(self.weights.error(name, "is all zero"));
        }
        self.used.insert(name.to_owned());
        Ok(values)
    }

    fn ternary(&mut self, stem: &str, rows: usize, cols: usize) -> Result<Ternary, ImportError> {
        let name = format!("{stem}.weight");
        let (trits, scale) = match self.storage {
            Storage::Master => ternarise(&self.weights.read_f32(&name, &[&[rows, cols]])?),
            Storage::PackedMultiplier | Storage::PackedDivisor => {
                self.packed(&name, stem, rows, cols)?
            }
        };
        if trits.iter().all(|trit| *trit == 0) {
            return Err(self
                .weights
                .error(&name, "is all zero: every weight is the code for 0"));
        }
        self.used.insert(name);
        Ok(Ternary {
            rows,
            cols,
            trits,
            scale,
        })
    }

    fn packed(
        &mut self,
        name: &str,
        stem: &str,
        rows: usize,
        cols: usize,
    ) -> Result<(Vec<i8>, f32), ImportError> {
        if !rows.is_multiple_of(4) {
            let why = format!(
                "has {rows} outputs; four are packed in a byte, so that 4 must divide them"
            );
            return Err(self.weights.error(name, why));
        }
        let (path, info) = self.weights.info(name)?;
        if info.dtype != "U8" {
            let why = format!("is {}; packed ternary weights must be U8", info.dtype);
            return Err(ImportError::tensor(path, name, why).with_help(
                "config.json says that the weights are packed; master weights need \
                 `linear_class` \"autobitlinear\" with `quantization_mode` \"online\"",
            ));
        }
        let bytes = self.weights.read_u8(name, &[rows / 4, cols])?;
        let trits = unpack(&bytes, cols).map_err(|e| self.weights.error(name, e.to_string()))?;
        let scale_name = format!("{stem}.weight_scale");
        let scale = self.weights.read_f32(&scale_name, &[&[1], &[]])?;
        let scale = scale.first().copied().unwrap_or(0.0);
        let multiplier = match self.storage {
            Storage::PackedDivisor => 1.0 / scale,
            Storage::PackedMultiplier | Storage::Master => scale,
        };
        if !(scale > 0.0 && scale.is_normal() && multiplier.is_normal()) {
            let why = format!(
                "is {scale:e}; a scale and its inverse must be positive, finite and not subnormal"
            );
            return Err(self.weights.error(&scale_name, why));
        }
        self.used.insert(scale_name);
        Ok((trits, multiplier))
    }

    /// Tensors that nobody asked for: refused where they would change the result, else named.
    fn leftovers(&self) -> Result<Vec<String>, ImportError> {
        let mut warnings = Vec::new();
        for name in self
            .weights
            .names()
            .filter(|name| !self.used.contains(*name))
        {
            if name.ends_with(".rotary_emb.inv_freq") {
                continue;
            }
            let layer = name
                .strip_prefix("model.layers.")
                .and_then(|rest| rest.split_once('.'));
            let refused = if name.ends_with(".bias") {
                Some("is a bias; models with biases are not supported".to_owned())
            } else {
                layer.map(|(index, _)| match index.parse::<usize>() {
                    Ok(index) if index >= self.config.layers => format!(
                        "belongs to layer {index}, but `num_hidden_layers` is {}",
                        self.config.layers
                    ),
                    _ => {
                        "is unknown in this family and may change what a layer computes".to_owned()
                    }
                })
            };
            if let Some(why) = refused {
                return Err(self.weights.error(name, why));
            }
            let reason = match (name, self.config.tied) {
                ("lm_head.weight", true) => ": `tie_word_embeddings` is true",
                _ => "",
            };
            warnings.push(format!("tensor `{name}` is ignored{reason}"));
        }
        Ok(warnings)
    }
}
