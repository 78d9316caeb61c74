//! One run of the machine: prompt, length and sampling, as the program's arguments and the state memory want them.

use crate::compile::Compiled;
use crate::compile::program::arg;
use crate::diag::{Diagnostic, Diagnostics};
use crate::project::Project;

/// How the next token is chosen, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// New tokens at most; `None` fills the context.
    pub tokens: Option<u32>,
    /// Above 0: the draw's weights are exp(logit / temperature). 0 is greedy.
    pub temperature: f32,
    /// Candidates of a draw; `None` is as many as the machine keeps.
    pub top_k: Option<u32>,
    /// Of the generator that draws.
    pub seed: u32,
}

impl Default for Sampling {
    /// The likeliest token, until the context is full or the text ends.
    fn default() -> Self {
        Self {
            tokens: None,
            temperature: 0.0,
            top_k: None,
            seed: 1,
        }
    }
}

/// A checked run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Tokens of the prompt, at least one.
    pub prompt: Vec<u32>,
    /// New tokens at most.
    pub tokens: u32,
    /// CSRs ARG0 to ARG7.
    pub args: [u32; hw::isa::ARGS],
}

impl Job {
    /// Checks a prompt and its sampling against the model and the machine.
    ///
    /// # Errors
    /// No tokenizer, an empty prompt, more positions than the context, or sampling the machine has not.
    pub fn new(project: &Project, prompt: &str, sampling: Sampling) -> Result<Self, Diagnostics> {
        let prompt = encode(project, prompt)?;
        let mut diagnostics = Diagnostics::new();
        let context = project.derived.context;
        let given = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
        let room = context.saturating_sub(given);
        if room == 0 {
            let message = Diagnostic::error(format!(
                "the prompt has {given} tokens, but the context of {context} has to hold it and at \
                 least one new token"
            ))
            .help(format!("shorten the prompt to {} tokens", context.saturating_sub(1)));
            diagnostics.push(longer_context(project, message));
        }
        let tokens = sampling.tokens.unwrap_or(room);
        if tokens == 0 {
            diagnostics.push(Diagnostic::error("--tokens must be at least 1"));
        } else if room > 0 && tokens > room {
            let message = Diagnostic::error(format!(
                "the prompt's {given} tokens and {tokens} new ones do not fit the context of {context}"
            ))
            .help(format!("--tokens {room} fits"));
            diagnostics.push(longer_context(project, message));
        }
        let top_k = check_sampling(project, sampling, &mut diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let inverse = if top_k == 1 {
            1.0
        } else {
            1.0 / sampling.temperature
        };
        let mut args = [0; hw::isa::ARGS];
        for (index, value) in [
            (arg::PROMPT, given),
            (arg::LIMIT, given + tokens),
            (arg::TOP_K, top_k),
            (arg::INV_TEMPERATURE, inverse.to_bits()),
            (arg::SEED, sampling.seed),
            (
                arg::EOS,
                project.model.config.eos.first().copied().unwrap_or(u32::MAX),
            ),
        ] {
            args[index as usize] = value;
        }
        Ok(Self {
            prompt,
            tokens,
            args,
        })
    }

    /// State memory before the start: the prompt's tokens, all else 0.
    pub fn state(&self, compiled: &Compiled) -> Vec<u8> {
        let mut state: Vec<u8> = self.prompt.iter().flat_map(|t| t.to_le_bytes()).collect();
        let window = compiled.manifest.state;
        let bytes = usize::try_from(window.limit - window.base).unwrap_or(usize::MAX);
        state.resize(bytes, 0);
        state
    }
}

fn encode(project: &Project, prompt: &str) -> Result<Vec<u32>, Diagnostics> {
    let config = &project.model.config;
    let Some(tokenizer) = &project.tokenizer else {
        let dir = project.config.model_path.display().to_string();
        return Err(Diagnostic::error("the model has no tokenizer.json, so text can not be read")
            .in_file(dir)
            .help("put the tokenizer.json of the model's origin into its directory")
            .into());
    };
    let mut ids = tokenizer
        .encode(prompt)
        .map_err(|e| Diagnostics::from(Diagnostic::error(e.to_string())))?;
    // Tokenizers that add the first token themselves have it in front already.
    if let Some(bos) = config.bos
        && ids.first() != Some(&bos)
    {
        ids.insert(0, bos);
    }
    if ids.is_empty() {
        return Err(Diagnostic::error("the prompt is empty")
            .help("this model has no token that begins a text: give at least one word")
            .into());
    }
    Ok(ids)
}

fn longer_context(project: &Project, message: Diagnostic) -> Diagnostic {
    let limit = project.model.config.max_positions;
    if (project.derived.context as usize) < limit {
        message.help(format!("or raise [model] context, up to the model's {limit}"))
    } else {
        message
    }
}

/// Candidates of the draw; 1 is greedy.
fn check_sampling(project: &Project, sampling: Sampling, diagnostics: &mut Diagnostics) -> u32 {
    let most = project.params.sample_k;
    let temperature = sampling.temperature;
    if !(temperature == 0.0 || (0.01..=100.0).contains(&temperature)) {
        diagnostics.push(Diagnostic::error(format!(
            "--temperature must be 0 (the likeliest token) or from 0.01 to 100, not {temperature}"
        )));
    }
    if let Some(k) = sampling.top_k
        && !(1..=most).contains(&k)
    {
        diagnostics.push(
            Diagnostic::error(format!("--top-k must be from 1 to {most}, not {k}"))
                .help(format!("the machine's sampling unit keeps the {most} likeliest tokens")),
        );
    }
    if temperature == 0.0 {
        1
    } else {
        sampling.top_k.unwrap_or(most)
    }
}
