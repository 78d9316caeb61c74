//! Yosys passes of the caller's own choice, in a folder of the caller's.

use std::fs;
use std::path::Path;

use thiserror::Error;

use crate::tools::{ToolError, Tools, tail};

const SCRIPT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../scripts/yosys_job.py"
));

/// Why passes did not run to their end.
#[derive(Debug, Error)]
pub enum PassError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("Yosys fails:\n{0}")]
    Failed(String),
}

/// Runs `passes` in `dir`, after writing `files` (name, text) there and reading them.
///
/// # Errors
/// What Yosys refuses, with the end of its log; a run that stops early counts as failed whatever its exit status.
pub fn run(dir: &Path, files: &[(String, String)], passes: &[String]) -> Result<(), PassError> {
    let tools = Tools::get()?;
    let mut all = Vec::new();
    for (name, text) in files {
        write(&dir.join(name), text)?;
        all.push(format!("read_verilog {name}"));
    }
    all.extend_from_slice(passes);
    let job = serde_json::json!({ "site": tools.site(), "passes": all, "done": "done.json" });
    write(&dir.join("job.json"), &job.to_string())?;
    write(&dir.join("job.py"), SCRIPT)?;
    let out = tools
        .python()
        .args(["job.py", "job.json"])
        .current_dir(dir)
        .output()
        .map_err(ToolError::io("starting Yosys"))?;
    if out.status.success() && dir.join("done.json").exists() {
        return Ok(());
    }
    let log = [out.stdout, out.stderr].concat();
    Err(PassError::Failed(tail(&String::from_utf8_lossy(&log), 12)))
}

fn write(path: &Path, text: &str) -> Result<(), ToolError> {
    fs::write(path, text).map_err(ToolError::io(format!("writing {}", path.display())))
}
