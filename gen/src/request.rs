//! What a user asks of a run, checked against the project and turned into a [`Job`] of the machine.

use crate::diag::{Diagnostic, Diagnostics};
use crate::project::Project;
use crate::session::{Job, Sampling};

/// How much text, and how the next token is chosen, in the user's words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request<'a> {
    /// Text to continue.
    pub prompt: &'a str,
    /// New tokens at most; `None` fills the context.
    pub tokens: Option<u32>,
    /// Above 0: the draw's weights are exp(logit / temperature). 0 is greedy.
    pub temperature: f32,
    /// Candidates of a draw; `None` is as many as the machine keeps.
    pub top_k: Option<u32>,
    /// Of the generator that draws.
    pub seed: u32,
}

impl Request<'_> {
    /// The job for the machine.
    ///
    /// # Errors
    /// No tokenizer, an empty prompt, more positions than the context, or sampling the machine has not.
    pub fn job(&self, project: &Project) -> Result<Job, Diagnostics> {
        let prompt = encode(project, self.prompt)?;
        let mut diagnostics = Diagnostics::new();
        let tokens = self.length(project, prompt.len(), &mut diagnostics);
        let sampling = self.sampling(project, &mut diagnostics);
        let job = Job {
            prompt,
            tokens,
            sampling,
            eos: project.model.config.eos.first().copied(),
        };
        diagnostics.into_result(job).map(|(job, _)| job)
    }

    fn length(&self, project: &Project, given: usize, diagnostics: &mut Diagnostics) -> u32 {
        let context = project.derived.context;
        let given = u32::try_from(given).unwrap_or(u32::MAX);
        if given > context {
            let message = Diagnostic::error(format!(
                "the prompt has {given} tokens, but the context holds {context}"
            ))
            .help(format!("shorten the prompt to {context} tokens"));
            diagnostics.push(longer_context(project, message));
            return 0;
        }
        // The last new token is never fed back, so it needs no place.
        let room = context - given + 1;
        match self.tokens {
            None => room,
            Some(0) => {
                diagnostics.push(Diagnostic::error("--tokens must be at least 1"));
                0
            }
            Some(tokens) if tokens > room => {
                let message = Diagnostic::error(format!(
                    "the prompt's {given} tokens and {tokens} new ones do not fit the context of \
                     {context}"
                ))
                .help(format!("--tokens {room} fits"));
                diagnostics.push(longer_context(project, message));
                0
            }
            Some(tokens) => tokens,
        }
    }

    fn sampling(&self, project: &Project, diagnostics: &mut Diagnostics) -> Sampling {
        let most = project.params.sample_k;
        let temperature = self.temperature;
        if !(temperature == 0.0 || (0.01..=100.0).contains(&temperature)) {
            diagnostics.push(Diagnostic::error(format!(
                "--temperature must be 0 (the likeliest token) or from 0.01 to 100, not {temperature}"
            )));
        }
        if let Some(k) = self.top_k
            && !(1..=most).contains(&k)
        {
            diagnostics.push(
                Diagnostic::error(format!("--top-k must be from 1 to {most}, not {k}")).help(
                    format!("the machine's sampling unit keeps the {most} likeliest tokens"),
                ),
            );
        }
        if temperature == 0.0 {
            return Sampling::GREEDY;
        }
        Sampling {
            top_k: self.top_k.unwrap_or(most),
            temperature,
            seed: self.seed,
        }
    }
}

fn encode(project: &Project, prompt: &str) -> Result<Vec<u32>, Diagnostics> {
    let Some(tokenizer) = &project.tokenizer else {
        let dir = project.config.model_path.display().to_string();
        let message = Diagnostic::error("the model has no tokenizer.json, so text can not be read")
            .in_file(dir)
            .help("put the tokenizer.json of the model's origin into its directory");
        return Err(message.into());
    };
    let mut ids = tokenizer
        .encode(prompt)
        .map_err(|e| Diagnostics::from(Diagnostic::error(e.to_string())))?;
    // Tokenizers that add the first token themselves have it in front already.
    if let Some(bos) = project.model.config.bos
        && ids.first() != Some(&bos)
    {
        ids.insert(0, bos);
    }
    if ids.is_empty() {
        let message = Diagnostic::error("the prompt is empty")
            .help("this model has no token that begins a text: give at least one word");
        return Err(message.into());
    }
    Ok(ids)
}

fn longer_context(project: &Project, message: Diagnostic) -> Diagnostic {
    let limit = project.model.config.max_positions;
    if (project.derived.context as usize) < limit {
        message.help(format!(
            "or raise [model] context, up to the model's {limit}"
        ))
    } else {
        message
    }
}
