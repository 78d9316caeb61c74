//! `tritforge run`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::stream::TextStream;
use super::{Failure, Out, TextArgs};
use crate::project::{Origin, Project};
use crate::session::Session;

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file; without it, the model with all defaults.
    #[arg(long, short, value_name = "FILE", conflicts_with = "model")]
    config: Option<PathBuf>,
    /// Model directory; without it, the shipped model.
    #[arg(long, short, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    text: TextArgs,
    /// Seed of the draw; the same seed gives the same text.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u32,
}

pub fn run(args: &RunArgs, out: &mut Out) -> Result<(), Failure> {
    let origin = match (&args.config, &args.model) {
        (Some(file), _) => Origin::File(file),
        (None, Some(dir)) => Origin::Model(dir),
        (None, None) => Origin::Shipped,
    };
    let project = Project::open(origin, false)?;
    out.warn(&project.warnings);
    let job = args.text.request(args.seed).job(&project)?;
    let compiled = project.compile()?;
    let refused = |e: crate::session::JobError| Failure::failed(e.to_string());
    let mut session = Session::start(&compiled, &project.params, &job).map_err(refused)?;
    let mut stream = TextStream::new(&project, &job.prompt, false, out)?;
    let start = Instant::now();
    let mut count = 0_u32;
    loop {
        match session.next_token() {
            Ok(Some(token)) => stream.token(token, &Value::Null, out)?,
            Ok(None) => break,
            Err(fault) => {
                stream.finish(out)?;
                return Err(Failure::failed(format!(
                    "the golden machine stopped: {fault}"
                )));
            }
        }
        count += 1;
    }
    stream.finish(out)?;
    let seconds = start.elapsed().as_secs_f64();
    if out.json {
        return out
            .value(&json!({"event": "result", "ok": true, "tokens": count, "seconds": seconds}));
    }
    out.step(&format!("{count} tokens in {seconds:.2} s"));
    Ok(())
}
