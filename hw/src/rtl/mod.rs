//! Typed RTL layer: hardware is described in Rust, checked, printed as Verilog-2005 and simulated natively.
//!
//! | file | what |
//! |---|---|
//! | `ty` | types of nets: width and sign |
//! | `expr` | expressions, their typing rules and operators |
//! | `module` | the module builder: ports, nets, registers, memories, instances |
//! | `stmt` | clocked blocks: `when`, `elif`, `otherwise`, `set` |
//! | `stream` | valid/ready/data/last bundles |
//! | `check` | what must hold before a module may be printed |
//! | `print` | the one printer |
//!
//! How to use it is in `docs/rtl.md`.

mod check;
mod design;
mod error;
mod expr;
mod module;
mod print;
mod stmt;
mod stream;
mod ty;

pub use design::{Design, EmittedFile};
pub use error::{Loc, RtlError};
pub use expr::{Expr, all, any, cat, lit, mux, one, repeat, slit, sum_tree, zero};
pub use module::{
    ByteEnable, Clock, Instance, Mem, MemStyle, Module, ModuleBuilder, Port, PortDir,
};
pub use stmt::{Block, When};
pub use stream::{Sink, Source};
pub use ty::{Ty, bits_for, bool_ty, clog2, sint, uint};
