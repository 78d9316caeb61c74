//! What a module consists of: ports, nets, memories and items.

use std::sync::Arc;

use indexmap::IndexMap;
use num_bigint::BigUint;

use super::blackbox::{ExternModule, Param};
use super::error::Loc;
use super::expr::Expr;
use super::stmt::Stmt;
use super::ty::{Ty, uint};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortDir {
    Input,
    Output,
}

/// One port of a finished module.
#[derive(Clone, Debug)]
pub struct Port {
    pub name: String,
    pub ty: Ty,
    pub dir: PortDir,
    pub doc: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetKind {
    Input,
    Output,
    Wire,
    /// Output of a case statement: a Verilog reg without state.
    Case,
    Reg,
}

#[derive(Clone, Debug)]
pub(crate) struct NetDef {
    pub name: Arc<str>,
    pub ty: Ty,
    pub kind: NetKind,
    pub doc: String,
    pub loc: Loc,
    /// Reset value of a register.
    pub reset: Option<BigUint>,
    /// Inclusive range that the author promises and `check` verifies.
    pub range: Option<(i128, i128)>,
    /// The range is trusted without verification.
    pub assumed: bool,
    /// A register that synthesis must not turn into a shift register of look-up tables.
    pub flip_flop: bool,
}

/// Where a memory shall live; printed as `ram_style` and asserted on cell counts in tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemStyle {
    Auto,
    Distributed,
    Block,
    Ultra,
}

#[derive(Clone, Debug)]
pub(crate) struct MemDef {
    pub name: Arc<str>,
    pub width: u32,
    pub depth: u64,
    pub style: MemStyle,
    pub doc: String,
    pub loc: Loc,
    /// Contents of a ROM, word by word.
    pub contents: Option<Vec<BigUint>>,
}

/// Write enable for each group of `width` bits of a word.
#[derive(Clone, Debug)]
pub struct ByteEnable {
    pub width: u32,
    pub enable: Expr,
}

#[derive(Clone, Debug)]
pub(crate) enum MemPort {
    Write {
        enable: Expr,
        addr: Expr,
        data: Expr,
        /// Byte enables, and which of the memory's ports with such this is.
        bytes: Option<(ByteEnable, usize)>,
    },
    /// Registered read; the old word when the same address is written in this cycle.
    Read {
        enable: Expr,
        addr: Expr,
        net: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Section(String),
    Comment(String),
    Wire {
        net: usize,
        value: Option<Expr>,
    },
    Assign {
        net: usize,
        value: Expr,
    },
    Case {
        net: usize,
        select: Expr,
        arms: Vec<(BigUint, Expr)>,
        default: Expr,
    },
    Reg {
        net: usize,
    },
    Clocked {
        clock: Clock,
        stmts: Vec<Stmt>,
        regs: Vec<usize>,
    },
    Mem {
        mem: usize,
    },
    MemAccess {
        mem: usize,
        clock: Clock,
        port: MemPort,
    },
    Instance {
        name: String,
        module: Arc<Module>,
        conns: Vec<(String, Expr)>,
    },
    BlackBox {
        name: String,
        module: Arc<ExternModule>,
        params: Vec<(String, Param)>,
        conns: Vec<(String, Expr)>,
    },
    Assert {
        name: String,
        clock: Clock,
        cond: Expr,
    },
    Unused {
        value: Expr,
        index: usize,
    },
}

/// A clock and its synchronous, active-high reset.
#[derive(Clone, Debug)]
pub struct Clock {
    pub clk: Expr,
    pub rst: Expr,
}

/// A memory of the module under construction.
#[derive(Clone, Debug)]
pub struct Mem {
    pub(crate) id: usize,
    pub(super) name: Arc<str>,
    pub(super) width: u32,
    pub(super) depth: u64,
}

/// Outputs of an instance, each a wire `<instance without u_>_<port>`.
pub struct Instance {
    outputs: IndexMap<String, Expr>,
    name: String,
}

impl Instance {
    pub(super) fn new(name: &str, outputs: IndexMap<String, Expr>) -> Instance {
        Instance {
            outputs,
            name: name.to_string(),
        }
    }

    /// An output port of an instance whose ports depend on its parameters.
    pub fn find(&self, port: &str) -> Option<Expr> {
        self.outputs.get(port).cloned()
    }

    /// The wire on output port `port`.
    #[track_caller]
    pub fn get(&self, port: &str) -> Expr {
        self.outputs.get(port).cloned().unwrap_or_else(|| {
            Expr::poison(
                uint(1),
                format!("instance {} has no output {port}", self.name),
            )
        })
    }
}

/// A finished, checked module.
#[derive(Debug)]
pub struct Module {
    pub name: String,
    pub doc: String,
    pub ports: Vec<Port>,
    pub(crate) nets: Vec<NetDef>,
    pub(crate) mems: Vec<MemDef>,
    pub(crate) items: Vec<Item>,
    /// For each output port, the input ports it depends on without a register between.
    pub(crate) through: IndexMap<String, Vec<String>>,
}

impl Module {
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|p| p.name == name)
    }

    /// Modules instantiated here, in order, each once.
    pub fn children(&self) -> Vec<&Arc<Module>> {
        let mut seen: Vec<&Arc<Module>> = Vec::new();
        for item in &self.items {
            if let Item::Instance { module, .. } = item
                && !seen.iter().any(|m| Arc::ptr_eq(m, module))
            {
                seen.push(module);
            }
        }
        seen
    }

    /// Names of the external modules in this module and its children, each once, sorted.
    pub fn black_boxes(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .items
            .iter()
            .filter_map(|item| match item {
                Item::BlackBox { module, .. } => Some(module.name.clone()),
                _ => None,
            })
            .chain(self.children().iter().flat_map(|c| c.black_boxes()))
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
