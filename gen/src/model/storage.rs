//! How config.json says that the ternary weights stand in the file.

use super::ModelFamily;
use super::config_json::Fields;
use super::error::Problem;
use crate::diag::one_of;
use serde_json::Value;

/// How the ternary weights stand in the file (numerics: the two conventions are opposite).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Packed trits; weight_scale multiplies (`linear_class` "autobitlinear").
    PackedMultiplier,
    /// Packed trits; weight_scale divides (`linear_class` "bitlinear" or absent).
    PackedDivisor,
    /// Master weights, ternarised on import.
    Master,
}

impl Fields {
    /// Decides from `quantization_config`, or from 1bitLLM's own fields, how the weights are stored.
    pub(super) fn storage(&mut self, family: ModelFamily) -> Option<Storage> {
        let Some(quantization) = self
            .map
            .get("quantization_config")
            .filter(|v| !v.is_null())
            .cloned()
        else {
            return self.storage_without_quantization(family);
        };
        let Value::Object(object) = &quantization else {
            self.illegal("quantization_config", "an object", Some(&quantization));
            return None;
        };
        let mut legal = true;
        let mut word = |fields: &mut Self, name: &str, words: &[&str], absent: Option<&str>| {
            let value = object.get(name).filter(|value| !value.is_null());
            let text = value.map_or(absent, |value| value.as_str().or(Some("")));
            if !text.is_some_and(|text| words.contains(&text)) {
                let path = format!("quantization_config.{name}");
                fields.illegal(&path, &one_of(words), value);
                legal = false;
            }
            text.unwrap_or_default().to_owned()
        };
        word(self, "quant_method", &["bitnet"], None);
        let class = word(
            self,
            "linear_class",
            &["autobitlinear", "bitlinear"],
            Some("bitlinear"),
        );
        let mode = word(
            self,
            "quantization_mode",
            &["offline", "online"],
            Some("offline"),
        );
        let kept = object
            .get("modules_to_not_convert")
            .cloned()
            .unwrap_or(Value::Null);
        let head_only = kept
            .as_array()
            .is_some_and(|list| list.iter().all(|m| *m == "lm_head"));
        if !kept.is_null() && !head_only {
            let path = "quantization_config.modules_to_not_convert";
            self.illegal(path, "null, [] or [\"lm_head\"]", Some(&kept));
            legal = false;
        }
        let norm = object.get("use_rms_norm").cloned().unwrap_or(Value::Null);
        if !norm.is_null() && norm != false {
            self.illegal(
                "quantization_config.use_rms_norm",
                "false or absent",
                Some(&norm),
            );
            legal = false;
        }
        if !legal {
            return None;
        }
        match (class.as_str(), mode.as_str()) {
            ("autobitlinear", "online") => Some(Storage::Master),
            ("autobitlinear", _) => Some(Storage::PackedMultiplier),
            ("bitlinear", "online") => {
                let why = "`quantization_mode` \"online\" needs `linear_class` \"autobitlinear\"";
                self.contradiction("quantization_config.quantization_mode", why.to_owned());
                None
            }
            _ => Some(Storage::PackedDivisor),
        }
    }

    fn storage_without_quantization(&mut self, family: ModelFamily) -> Option<Storage> {
        if family == ModelFamily::OneBitLlm {
            let mut legal = true;
            for (field, bits) in [("weight_bits", 1), ("input_bits", 8)] {
                let value = self.map.get(field).cloned();
                if value.as_ref().and_then(Value::as_u64) != Some(bits) {
                    self.illegal(field, &bits.to_string(), value.as_ref());
                    legal = false;
                }
            }
            return legal.then_some(Storage::Master);
        }
        self.push(
            "quantization_config",
            Problem::Missing {
                field: "quantization_config".to_owned(),
                wanted: "an object with `quant_method` \"bitnet\"".to_owned(),
            },
            Some(
                "without it neither int8 activations nor the meaning of weight_scale is certain"
                    .to_owned(),
            ),
        );
        None
    }
}
