//! Streams: `<name>_valid`, `<name>_ready`, `<name>_data` and, where packets matter, `<name>_last`.
//!
//! A beat moves in a cycle where valid and ready are both high. Valid never waits for ready; once high, valid
//! stays and data does not change until the beat has moved.

use super::builder::ModuleBuilder;
use super::expr::Expr;
use super::ty::{Ty, bool_ty};

/// A stream that enters the module: `valid`, `data`, `last` are inputs, `ready` must be driven.
#[derive(Clone)]
pub struct Sink {
    pub valid: Expr,
    pub ready: Expr,
    pub data: Expr,
    /// Present when made by `sink_last`.
    pub last: Option<Expr>,
}

/// A stream that leaves the module: `valid`, `data`, `last` must be driven, `ready` is an input.
#[derive(Clone)]
pub struct Source {
    pub valid: Expr,
    pub ready: Expr,
    pub data: Expr,
    /// Present when made by `source_last`.
    pub last: Option<Expr>,
}

impl Sink {
    /// A beat moves in this cycle.
    pub fn fire(&self) -> Expr {
        &self.valid & &self.ready
    }
}

impl Source {
    /// A beat moves in this cycle.
    pub fn fire(&self) -> Expr {
        &self.valid & &self.ready
    }
}

impl ModuleBuilder {
    /// Input stream without packets.
    #[track_caller]
    pub fn sink(&mut self, name: &str, ty: Ty, doc: &str) -> Sink {
        self.make_sink(name, ty, doc, false)
    }

    /// Input stream with `last`.
    #[track_caller]
    pub fn sink_last(&mut self, name: &str, ty: Ty, doc: &str) -> Sink {
        self.make_sink(name, ty, doc, true)
    }

    /// Output stream without packets.
    #[track_caller]
    pub fn source(&mut self, name: &str, ty: Ty, doc: &str) -> Source {
        self.make_source(name, ty, doc, false)
    }

    /// Output stream with `last`.
    #[track_caller]
    pub fn source_last(&mut self, name: &str, ty: Ty, doc: &str) -> Source {
        self.make_source(name, ty, doc, true)
    }

    #[track_caller]
    fn make_sink(&mut self, name: &str, ty: Ty, doc: &str, last: bool) -> Sink {
        Sink {
            valid: self.input(&format!("{name}_valid"), bool_ty(), doc),
            ready: self.output(&format!("{name}_ready"), bool_ty(), ""),
            data: self.input(&format!("{name}_data"), ty, ""),
            last: last.then(|| self.input(&format!("{name}_last"), bool_ty(), "")),
        }
    }

    #[track_caller]
    fn make_source(&mut self, name: &str, ty: Ty, doc: &str, last: bool) -> Source {
        Source {
            valid: self.output(&format!("{name}_valid"), bool_ty(), doc),
            ready: self.input(&format!("{name}_ready"), bool_ty(), ""),
            data: self.output(&format!("{name}_data"), ty, ""),
            last: last.then(|| self.output(&format!("{name}_last"), bool_ty(), "")),
        }
    }
}
