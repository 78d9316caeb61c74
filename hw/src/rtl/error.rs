//! Errors of the RTL layer: what is wrong, with which types, and the generator's source line.

use std::fmt;
use std::panic::Location;

/// Position in the generator's source, taken by `#[track_caller]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Loc {
    pub file: &'static str,
    pub line: u32,
}

impl Loc {
    #[track_caller]
    pub(crate) fn here() -> Loc {
        let l = Location::caller();
        Loc {
            file: l.file(),
            line: l.line(),
        }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Debug for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All faults found in one module; printed one a line.
#[derive(Debug, Clone, thiserror::Error)]
#[error("module `{module}`:{}", .faults.iter().map(|f| format!("\n  {f}")).collect::<String>())]
pub struct RtlError {
    pub module: String,
    pub faults: Vec<String>,
}
