//! config.json: the fields an import needs, each checked, and every mistake reported at once.

use super::error::{ImportError, ImportErrors, Problem};
use super::storage::Storage;
use super::{Activation, ModelConfig, ModelFamily};
use crate::diag::{Source, nearest, one_of};
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Largest config.json or index, bytes.
const MAX_TEXT: u64 = 64 << 20;

const ARCHITECTURES: &[(&str, ModelFamily)] = &[
    ("BitNetForCausalLM", ModelFamily::BitNet),
    ("BitnetForCausalLM", ModelFamily::OneBitLlm),
    ("LlamaForCausalLM", ModelFamily::Llama),
];
const ACTIVATIONS: &[(&str, Activation)] =
    &[("relu2", Activation::Relu2), ("silu", Activation::Silu)];
const DTYPES: &[&str] = &["bfloat16", "float16", "float32"];

/// Reads a text file of bounded size.
///
/// # Errors
/// Not readable, too large or not UTF-8.
pub fn read_text(path: &Path) -> Result<Source, ImportError> {
    let io = |e: std::io::Error| ImportError::new(path, Problem::Io(e.to_string()));
    let json = |why: String| ImportError::new(path, Problem::Json(why));
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > MAX_TEXT {
        return Err(json(format!("{length} bytes are too large for this file")));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        json(format!(
            "is not UTF-8 at byte {}",
            e.utf8_error().valid_up_to()
        ))
    })?;
    Ok(Source::new(path.display().to_string(), text))
}

/// Reads config.json.
///
/// # Errors
/// Every field that is missing, illegal, unsupported or contradicts another.
pub fn read_config(path: &Path) -> Result<(ModelConfig, Storage), ImportErrors> {
    let source = read_text(path)?;
    let value: Value = serde_json::from_str(source.text()).map_err(|e| {
        let start = line_offset(source.text(), e.line()) + e.column().saturating_sub(1);
        ImportError::new(path, Problem::Json(format!("is not JSON: {e}")))
            .at(&source, start..start + 1)
            .with_help("JSON knows no comments, NaN or Infinity")
    })?;
    let Value::Object(map) = value else {
        let why = "must be a JSON object of model fields".to_owned();
        return Err(ImportError::new(path, Problem::Json(why)).into());
    };
    let mut fields = Fields {
        path: path.to_owned(),
        source,
        map,
        errors: Vec::new(),
    };
    let config = fields.config();
    match (config, fields.errors.is_empty()) {
        (Some(config), true) => Ok(config),
        _ => Err(ImportErrors(fields.errors)),
    }
}

fn line_offset(text: &str, line: usize) -> usize {
    text.split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum()
}

/// The fields of a file, with the mistakes found in them so far.
pub(super) struct Fields {
    path: PathBuf,
    source: Source,
    pub(super) map: Map<String, Value>,
    errors: Vec<ImportError>,
}

impl Fields {
    fn config(&mut self) -> Option<(ModelConfig, Storage)> {
        let family = self.family();
        if family.is_none() && self.present("architectures") {
            // Another architecture has other fields; to name them as missing would mislead.
            return None;
        }
        let hidden = self.count("hidden_size", 1 << 20);
        let layers = self.count("num_hidden_layers", 1 << 12);
        let heads = self.count("num_attention_heads", 1 << 12);
        let kv_heads = match self.present("num_key_value_heads") {
            true => self.count("num_key_value_heads", 1 << 12),
            false => heads,
        };
        let head_dim = match self.present("head_dim") {
            true => self.count("head_dim", 1 << 12),
            false => self.head_dim(hidden, heads),
        };
        let ffn = self.count("intermediate_size", 1 << 20);
        let vocab = self.count("vocab_size", 1 << 24);
        let max_positions = self.count("max_position_embeddings", 1 << 24);
        let activation = self.word("hidden_act", ACTIVATIONS);
        let norm_eps = self.positive("rms_norm_eps", 1.0);
        let rope_theta = self.rope();
        let tied = self.flag("tie_word_embeddings");
        let bos = self.token_ids("bos_token_id");
        let eos = self.token_ids("eos_token_id");
        self.unsupported();
        if let (Some(heads), Some(kv)) = (heads, kv_heads)
            && heads % kv != 0
        {
            self.contradiction(
                "num_key_value_heads",
                format!(
                    "`num_key_value_heads` = {kv} does not divide `num_attention_heads` = {heads}"
                ),
            );
        }
        if let Some(length) = head_dim
            && length % 2 != 0
        {
            self.contradiction(
                if self.present("head_dim") {
                    "head_dim"
                } else {
                    "num_attention_heads"
                },
                format!("heads of {length} elements: rotary embeddings need an even number"),
            );
        }
        let family = family?;
        let storage = self.storage(family)?;
        let config = ModelConfig {
            family,
            hidden: hidden?,
            layers: layers?,
            heads: heads?,
            kv_heads: kv_heads?,
            head_dim: head_dim?,
            ffn: ffn?,
            vocab: vocab?,
            activation: activation?,
            sub_norms: family != ModelFamily::Llama,
            tied: tied?,
            rope_theta: rope_theta?,
            norm_eps: norm_eps? as f32,
            max_positions: max_positions?,
            bos: bos.first().copied(),
            eos,
        };
        Some((config, storage))
    }

    /// Whether a field is there and not null.
    fn present(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    pub(super) fn push(&mut self, field: &str, problem: Problem, help: Option<String>) {
        let mut error = ImportError::new(&self.path, problem);
        let leaf = field.rsplit('.').next().unwrap_or(field);
        if let Some(span) = value_span(self.source.text(), leaf) {
            error = error.at(&self.source, span);
        }
        error.help = help;
        self.errors.push(error);
    }

    pub(super) fn contradiction(&mut self, field: &str, why: String) {
        self.push(field, Problem::Config(why), None);
    }

    pub(super) fn illegal(&mut self, field: &str, wanted: &str, found: Option<&Value>) {
        let (field_name, wanted) = (field.to_owned(), wanted.to_owned());
        let problem = match found {
            Some(value) => Problem::Field {
                field: field_name,
                wanted,
                found: shown(value),
            },
            None => Problem::Missing {
                field: field_name,
                wanted,
            },
        };
        self.push(field, problem, None);
    }

    fn count(&mut self, field: &str, max: u64) -> Option<usize> {
        let value = self.map.get(field).cloned();
        let count = value
            .as_ref()
            .and_then(Value::as_u64)
            .filter(|n| (1..=max).contains(n));
        if count.is_none() {
            self.illegal(
                field,
                &format!("an integer from 1 to {max}"),
                value.as_ref(),
            );
        }
        count.and_then(|count| usize::try_from(count).ok())
    }

    fn positive(&mut self, field: &str, max: f64) -> Option<f64> {
        let value = self.map.get(field).cloned();
        let number = value.as_ref().and_then(Value::as_f64);
        // An f32 that is zero or subnormal would be flushed by the hardware.
        let legal = number.filter(|n| *n <= max && (*n as f32) >= f32::MIN_POSITIVE);
        if legal.is_none() {
            let wanted = format!("a number above 0 and at most {max}");
            self.illegal(field, &wanted, value.as_ref());
        }
        legal
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        match self.map.get(field).cloned() {
            Some(Value::Bool(flag)) => Some(flag),
            // transformers' own default differs between families, so that silence can not be guessed.
            other => {
                self.illegal(field, "true or false", other.as_ref());
                None
            }
        }
    }

    fn word<T: Copy>(&mut self, field: &str, legal: &[(&str, T)]) -> Option<T> {
        let value = self.map.get(field).cloned();
        let text = value.as_ref().and_then(Value::as_str);
        let found = legal.iter().find(|(word, _)| Some(*word) == text);
        if found.is_none() {
            self.illegal(
                field,
                &one_of(legal.iter().map(|(word, _)| word)),
                value.as_ref(),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    fn family(&mut self) -> Option<ModelFamily> {
        let wanted = one_of(ARCHITECTURES.iter().map(|(name, _)| name));
        let value = self.map.get("architectures").cloned();
        let name = match value.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
            Some([Value::String(name)]) => name.clone(),
            _ => {
                self.illegal(
                    "architectures",
                    &format!("a list of one of {wanted}"),
                    value.as_ref(),
                );
                return None;
            }
        };
        let found = ARCHITECTURES.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let near = nearest(&name, ARCHITECTURES.iter().map(|(known, _)| *known));
            let problem = Problem::Field {
                field: "architectures".to_owned(),
                wanted,
                found: format!("`{name}`"),
            };
            self.push(
                "architectures",
                problem,
                near.map(|near| format!("did you mean `{near}`?")),
            );
        }
        found.map(|(_, family)| *family)
    }

    fn head_dim(&mut self, hidden: Option<usize>, heads: Option<usize>) -> Option<usize> {
        let (hidden, heads) = (hidden?, heads?);
        if hidden % heads != 0 {
            self.contradiction(
                "num_attention_heads",
                format!("`num_attention_heads` = {heads} does not divide `hidden_size` = {hidden}"),
            );
            return None;
        }
        Some(hidden / heads)
    }

    /// `rope_theta`, or the same inside `rope_parameters` as transformers 5 writes it.
    fn rope(&mut self) -> Option<f64> {
        for field in ["rope_scaling", "rope_parameters"] {
            let Some(Value::Object(object)) = self.map.get(field).cloned() else {
                if self.present(field) {
                    let found = self.map.get(field).cloned();
                    self.illegal(field, "null or an object", found.as_ref());
                }
                continue;
            };
            let kind = object.get("rope_type").or(object.get("type"));
            if kind.is_some_and(|kind| *kind != "default")
                || (field == "rope_scaling" && kind.is_none())
            {
                let wanted =
                    "null or of type \"default\": scaled rotary embeddings are not supported";
                self.illegal(field, wanted, Some(&Value::Object(object)));
            } else if field == "rope_parameters"
                && let Some(inner) = object.get("rope_theta")
            {
                match self.map.get("rope_theta") {
                    None => {
                        self.map.insert("rope_theta".to_owned(), inner.clone());
                    }
                    Some(outer) if outer.as_f64() != inner.as_f64() => {
                        let why = format!(
                            "`rope_theta` is {outer}, but `rope_parameters.rope_theta` is {inner}"
                        );
                        self.contradiction("rope_theta", why);
                    }
                    Some(_) => {}
                }
            }
        }
        self.positive("rope_theta", 1e12)
    }

    /// One id, a list of ids or nothing.
    fn token_ids(&mut self, field: &str) -> Vec<u32> {
        let value = self.map.get(field).cloned().unwrap_or(Value::Null);
        let list = match &value {
            Value::Null => return Vec::new(),
            Value::Array(list) => list.clone(),
            single => vec![single.clone()],
        };
        let ids: Option<Vec<u32>> = list
            .iter()
            .map(|v| v.as_u64().and_then(|id| u32::try_from(id).ok()))
            .collect();
        if ids.is_none() {
            self.illegal(
                field,
                "a token id, a list of token ids or null",
                Some(&value),
            );
        }
        ids.unwrap_or_default()
    }

    /// Fields that would change what is computed.
    fn unsupported(&mut self) {
        for field in ["attention_bias", "mlp_bias", "rope_interleaved"] {
            let value = self.map.get(field).cloned().unwrap_or(Value::Null);
            if !value.is_null() && value != false {
                self.illegal(field, "false or absent", Some(&value));
            }
        }
        for field in ["torch_dtype", "dtype"] {
            let value = self.map.get(field).cloned().unwrap_or(Value::Null);
            let word = value
                .as_str()
                .map(|word| word.strip_prefix("torch.").unwrap_or(word));
            if !value.is_null() && !word.is_some_and(|word| DTYPES.contains(&word)) {
                self.illegal(field, &one_of(DTYPES), Some(&value));
            }
        }
    }
}

/// A value as a message can hold it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let what = match value {
        Value::String(_) => "the string ",
        Value::Number(number) if number.is_f64() => "the fraction ",
        Value::Array(_) => "the list ",
        _ => "",
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{what}{}...", &text[..end]),
        None => format!("{what}{text}"),
    }
}

/// Byte range of the first `"field": value` up to the end of its line, without a comma.
fn value_span(text: &str, field: &str) -> Option<Range<usize>> {
    let quoted = format!("\"{field}\"");
    let (at, _) = text
        .match_indices(&quoted)
        .find(|(at, _)| text[at + quoted.len()..].trim_start().starts_with(':'))?;
    let colon = at + quoted.len() + text[at + quoted.len()..].find(':')?;
    let rest = &text[colon + 1..];
    let start = colon + 1 + (rest.len() - rest.trim_start().len());
    let line = text[start..].lines().next().unwrap_or_default();
    let end = line.find([',', '}']).unwrap_or(line.len());
    Some(start..start + line[..end].trim_end().len().max(1))
}
