//! `tritforge new`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Failure, Out};
use crate::config::starter_config;
use crate::diag::Diagnostic;
use crate::project::{SHIPPED_MODEL, models_dir};

#[derive(Debug, Args)]
pub struct NewArgs {
    /// File to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

pub fn new(args: &NewArgs, out: &mut Out) -> Result<(), Failure> {
    let refuse = |why: String| {
        Failure::Input(
            Diagnostic::error(why)
                .in_file(args.out.display().to_string())
                .into(),
        )
    };
    let folder = args.out.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder
        .unwrap_or(Path::new("."))
        .canonicalize()
        .map_err(|e| refuse(format!("its directory can not be used: {e}")))?;
    let model = models_dir().join(SHIPPED_MODEL);
    let text = starter_config(&relative(&folder, &model).to_string_lossy());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.out)
        .map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => refuse("exists already; choose another name".into()),
            _ => refuse(format!("can not be written: {e}")),
        })?;
    if let Err(e) = file.write_all(text.as_bytes()) {
        // A half-written file is worse than none.
        let _ = std::fs::remove_file(&args.out);
        return Err(Failure::failed(format!("{}: {e}", args.out.display())));
    }
    let name = args.out.display().to_string();
    out.result(
        &format!("wrote {name}; next: tritforge check --config {name}\n"),
        &json!({"ok": true, "file": name}),
    )
}

/// `to` as seen from the folder `from`, or `to` itself when they share only the root. Both absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    if shared <= 1 {
        return to.to_owned();
    }
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_inside_one_tree() {
        let relative = |a, b| relative(Path::new(a), Path::new(b)).display().to_string();
        assert_eq!(relative("/w/t", "/w/t/gen/models"), "gen/models");
        assert_eq!(relative("/w/a/b", "/w/t/m"), "../../t/m");
        assert_eq!(relative("/tmp", "/w/t/m"), "/w/t/m");
    }
}
