//! A tiny legal BitNet directory that tests then damage.

#![allow(
    clippy::unwrap_used,
    reason = "a test helper: a failure here fails the test"
)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tritforge_gen::model::{ImportErrors, Model, import};

/// Tensors by name: data type, shape, bytes.
pub type Tensors = BTreeMap<String, (String, Vec<usize>, Vec<u8>)>;

/// A model directory in memory.
pub struct Draft {
    pub config: Value,
    pub tensors: Tensors,
}

impl Draft {
    /// Two layers, hidden 16, 4 heads of 4 over 2 KV heads, ffn 24, vocabulary 11.
    pub fn legal() -> Self {
        let config = json!({
            "architectures": ["BitNetForCausalLM"],
            "hidden_act": "relu2",
            "hidden_size": 16,
            "intermediate_size": 24,
            "max_position_embeddings": 32,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "tie_word_embeddings": true,
            "torch_dtype": "bfloat16",
            "vocab_size": 11,
            "quantization_config": {
                "quant_method": "bitnet",
                "linear_class": "autobitlinear",
                "quantization_mode": "offline",
            },
        });
        let mut draft = Self {
            config,
            tensors: Tensors::new(),
        };
        draft.ones("model.embed_tokens.weight", &[11, 16]);
        draft.ones("model.norm.weight", &[16]);
        for layer in 0..2 {
            draft.layer(layer);
        }
        draft
    }

    /// Adds the tensors of one layer.
    pub fn layer(&mut self, layer: usize) {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        for (name, length) in [
            ("input_layernorm", 16),
            ("post_attention_layernorm", 16),
            ("self_attn.attn_sub_norm", 16),
            ("mlp.ffn_sub_norm", 24),
        ] {
            self.ones(&at(&format!("{name}.weight")), &[length]);
        }
        for (name, rows, cols) in [
            ("self_attn.q_proj", 16, 16),
            ("self_attn.k_proj", 8, 16),
            ("self_attn.v_proj", 8, 16),
            ("self_attn.o_proj", 16, 16),
            ("mlp.gate_proj", 24, 16),
            ("mlp.up_proj", 24, 16),
            ("mlp.down_proj", 16, 24),
        ] {
            // 0x86: codes 2, 1, 0, 2 from the low bits up.
            let bytes = vec![0x86; rows / 4 * cols];
            self.set(
                &at(&format!("{name}.weight")),
                "U8",
                &[rows / 4, cols],
                bytes,
            );
            self.set(
                &at(&format!("{name}.weight_scale")),
                "BF16",
                &[1],
                vec![0x80, 0x3f],
            );
        }
    }

    /// A BF16 tensor of ones.
    pub fn ones(&mut self, name: &str, shape: &[usize]) {
        let bytes = [0x80, 0x3f].repeat(shape.iter().product());
        self.set(name, "BF16", shape, bytes);
    }

    pub fn set(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: Vec<u8>) {
        self.tensors
            .insert(name.to_owned(), (dtype.to_owned(), shape.to_vec(), bytes));
    }

    /// The file: header length, header, data.
    pub fn safetensors(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        for (name, (dtype, shape, bytes)) in &self.tensors {
            let start = data.len();
            data.extend(bytes);
            let entry =
                json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
            header.insert(name.clone(), entry);
        }
        with_header(&Value::Object(header).to_string(), &data)
    }

    pub fn import(&self) -> Result<Model, ImportErrors> {
        import_files(&self.config.to_string(), &self.safetensors())
    }
}

/// A safetensors file with this header.
pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// Imports a directory with these two files.
pub fn import_files(config: &str, weights: &[u8]) -> Result<Model, ImportErrors> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    std::fs::write(dir.path().join("model.safetensors"), weights).unwrap();
    import(dir.path())
}

/// What the user reads about an import that must fail.
pub fn refusal(result: Result<Model, ImportErrors>, case: &str) -> String {
    match result {
        Ok(_) => panic!("{case}: accepted"),
        Err(errors) => tritforge_gen::diag::Diagnostics::from(errors).plain(),
    }
}

/// Imports a directory.
#[allow(
    dead_code,
    reason = "each test program uses its own part of this module"
)]
pub fn import_dir(dir: &Path) -> Result<Model, ImportErrors> {
    import(dir)
}
