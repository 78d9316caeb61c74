//! `tritforge doctor`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tb::tools::{Status, base_dir};

use super::{Failure, Out};
use crate::diag::{Diagnostic, Diagnostics};

pub fn doctor(out: &mut Out) -> Result<(), Failure> {
    let findings = tb::tools::doctor();
    let mut text = String::new();
    let mut values = Vec::new();
    let mut missing = Diagnostics::new();
    for finding in &findings {
        let found = finding.found.as_deref().unwrap_or("not found");
        let word = match finding.status {
            Status::Ok => "ok",
            Status::InstalledOnDemand => "on demand",
            Status::Missing => "MISSING",
        };
        // Writing to a String never fails.
        let _ = writeln!(text, "  {word:<10}{:<16}{found}", finding.name);
        let path = finding.path.as_ref().map(|p| p.display().to_string());
        let mut more = |name: &str, what: &str| {
            let _ = writeln!(text, "  {:<10}{:<16}{name}: {what}", "", "");
        };
        if let Some(path) = &path {
            more("at", path);
        }
        more("wanted", &finding.wanted);
        if finding.status != Status::Ok {
            more("to get it", finding.how_to_get);
        }
        if finding.status == Status::Missing {
            missing.push(
                Diagnostic::error(format!("{} is missing", finding.name)).help(finding.how_to_get),
            );
        }
        values.push(json!({
            "name": finding.name,
            "status": word.to_lowercase(),
            "found": finding.found,
            "wanted": finding.wanted,
            "path": path,
            "how_to_get": finding.how_to_get,
        }));
    }
    let place = base_dir().display().to_string();
    let _ = writeln!(text, "\n  pinned tools live in {place}");
    let ok = !missing.has_errors();
    out.result(
        &text,
        &json!({"ok": ok, "tools": Value::from(values), "tools_dir": place}),
    )?;
    if ok {
        Ok(())
    } else {
        Err(Failure::Failed(missing))
    }
}
