//! A configuration with everything that follows from it: model, tokenizer, parameters, program and image.

use std::path::{Path, PathBuf};

use hw::isa::isa_text;
use hw::params::MachineParams;

use crate::compile::{CompileError, Compiled, Plan, compile};
use crate::config::{Config, Derived};
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::machine_params::machine_params;
use crate::model::{ImportErrors, Model, Tokenizer, import};

/// Context of the built-in configuration for the shipped model is the model's own; its board is sim64.
const BUILT_IN_NAME: &str = "built-in";

/// Folder of the shipped models.
pub fn models_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// The shipped model that commands use when none is named.
pub const SHIPPED_MODEL: &str = "tale";

/// Where the configuration comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A configuration file.
    File(&'a Path),
    /// A model directory with every other key at its default.
    Model(&'a Path),
    /// The shipped model with every other key at its default.
    Shipped,
}

/// A checked configuration, its model and its machine.
#[derive(Debug)]
pub struct Project {
    /// What the user calls it: the stem of the configuration's file name.
    pub name: String,
    /// The configuration.
    pub config: Config,
    /// Sizes derived from it.
    pub derived: Derived,
    /// The model.
    pub model: Model,
    /// Its tokenizer, if its directory has one.
    pub tokenizer: Option<Tokenizer>,
    /// The machine.
    pub params: MachineParams,
    /// What is legal but surely not wanted.
    pub warnings: Diagnostics,
}

impl Project {
    /// Reads and checks everything; `trace` as in [`machine_params`].
    ///
    /// # Errors
    /// Every mistake of the configuration, or of the model, or what of them does not fit each other.
    pub fn open(origin: Origin<'_>, trace: bool) -> Result<Self, Diagnostics> {
        let (name, config) = configuration(origin)?;
        let model = import(&config.model_path).map_err(|errors: ImportErrors| {
            let mut found = Diagnostics::from(errors);
            if let Origin::File(_) = origin {
                let message = Diagnostic::error("the model of this configuration can not be used");
                found.push(config.point(message, "model.path"));
            }
            found
        })?;
        let tokenizer = Tokenizer::open(&config.model_path, model.config.vocab)
            .map_err(|e| Diagnostics::from(Diagnostic::error(e.to_string())))?;
        let (derived, mut warnings) = config.derive(&model.config)?;
        for warning in &model.warnings {
            let file = config.model_path.display().to_string();
            warnings.push(Diagnostic::warning(warning.clone()).in_file(file));
        }
        let params = machine_params(&derived, &model, &config.board, trace)
            .map_err(|e| misfit(&config, &e))?;
        Ok(Self {
            name,
            config,
            derived,
            model,
            tokenizer,
            params,
            warnings,
        })
    }

    /// Program, image and manifest.
    ///
    /// # Errors
    /// What does not fit the machine, pointing at the key that decides it.
    pub fn compile(&self) -> Result<Compiled, Diagnostics> {
        if self.params.weight_format == hw::params::WeightFormat::Sherry {
            self.check_sherry()?;
        }
        let plan = Plan {
            context: self.derived.context,
            head: self.derived.head,
        };
        compile(&self.model, &self.params, plan).map_err(|e| misfit(&self.config, &e))
    }

    fn check_sherry(&self) -> Result<(), Diagnostics> {
        self.model.is_sherry().map_err(|(tensor, violation)| {
            let message = Diagnostic::error(format!(
                "weight_format \"sherry\" needs exactly one zero in every four weights, but tensor \
                 `{tensor}` has not: {violation}"
            ))
            .help("use weight_format = \"g3\", which takes any ternary weights");
            self.config.point(message, "engine.weight_format").into()
        })
    }

    /// ABI hash of the machine: the digest that stands in every file made from this configuration.
    pub fn abi(&self) -> u64 {
        self.params.abi_hash(&isa_text())
    }

    /// Comment at the head of every emitted text file; it names no date and no path.
    pub fn head(&self) -> String {
        format!(
            "SPDX-License-Identifier: Apache-2.0\n\
             Made by tritforge {} from configuration {}, machine {:016x}. Do not edit: make it again.",
            env!("CARGO_PKG_VERSION"),
            self.name,
            self.abi()
        )
    }
}

fn configuration(origin: Origin<'_>) -> Result<(String, Config), Diagnostics> {
    let shipped = models_dir().join(SHIPPED_MODEL);
    let model = match origin {
        Origin::File(path) => {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            return Ok((stem.to_string_lossy().into_owned(), Config::load(path)?));
        }
        Origin::Model(path) => path,
        Origin::Shipped => &shipped,
    };
    if !model.is_dir() {
        let message = Diagnostic::error("there is no such model directory")
            .in_file(model.display().to_string())
            .help("give a directory with config.json, model.safetensors and tokenizer.json");
        return Err(message.into());
    }
    // The text holds the directory's name only, so that what is made from it does not depend on its place.
    let name = model.file_name().unwrap_or(model.as_os_str());
    let folder = model.parent().unwrap_or(Path::new(""));
    let quoted = serde_json::Value::from(name.to_string_lossy()).to_string();
    let source = Source::new(
        format!("<{BUILT_IN_NAME} configuration>"),
        format!("[model]\npath = {quoted}\n"),
    );
    let mut config = Config::parse(&source, folder)?;
    config.model_path = model.to_owned();
    Ok((name.to_string_lossy().into_owned(), config))
}

/// Points at the key of the configuration that decides what does not fit.
fn misfit(config: &Config, error: &CompileError) -> Diagnostics {
    let message = Diagnostic::error(error.to_string());
    let message = match error {
        CompileError::ScratchpadTooSmall { .. } => config.point(message, "engine.scratchpad_words"),
        CompileError::Shape { rule, .. } if rule.contains("vector lanes") => {
            config.point(message, "engine.vec_lanes")
        }
        CompileError::Shape { rule, .. } if rule.contains("bus beat") => {
            config.point(message, "engine.bus_bits")
        }
        CompileError::HeadMode { .. } => config.point(message, "engine.head"),
        CompileError::Shape { rule, .. } if rule.contains("engine.head") => {
            config.point(message, "engine.head")
        }
        _ => config.point(message, "model.path"),
    };
    message.into()
}
