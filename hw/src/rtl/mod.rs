//! Typed RTL layer: hardware is described in Rust, checked, printed as Verilog-2005 and simulated natively.
//!
//! | file | what |
//! |---|---|
//! | `ty` | types of nets: width and sign |
//! | `expr`, `operators` | expressions, their typing rules and operators |
//! | `module` | what a module consists of |
//! | `builder`, `memory` | the module builder: ports, nets, registers, instances, memories |
//! | `stmt` | clocked blocks: `when`, `elif`, `otherwise`, `set` |
//! | `stream` | valid/ready/data/last bundles |
//! | `blackbox` | external modules and their Rust models |
//! | `check` | what must hold before a module may be printed |
//! | `print` | the one printer |
//! | `sim` | native simulation of the same description |
//!
//! How to use it is in `docs/rtl.md`.

mod blackbox;
mod builder;
mod check;
mod design;
mod error;
mod expr;
mod memory;
mod module;
mod operators;
mod print;
mod sim;
mod stmt;
mod stream;
#[cfg(test)]
mod tests;
mod ty;

pub use blackbox::{BlackBoxModel, BoxIo, ExternModule, ModelMaker, Param};
pub use builder::ModuleBuilder;
pub use design::{Design, EmittedFile};
pub use error::{Loc, RtlError};
pub use expr::{Expr, all, any, cat, lit, mux, one, repeat, slit, sum_tree, zero};
pub use module::{ByteEnable, Clock, Instance, Mem, MemStyle, Module, Port, PortDir};
pub use sim::{NativeSim, PortId, SimError};
pub use stmt::{Block, When};
pub use stream::{Sink, Source};
pub use ty::{Ty, bits_for, bool_ty, clog2, sint, uint};
