//! The module builder: ports, nets, registers, memories, instances, in the order a designer draws them.
//!
//! Items are printed in the order they are made, so an author writes a module as it shall read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use num_bigint::BigUint;

use super::blackbox::{ExternModule, Param};
use super::check;
use super::error::{Loc, RtlError};
use super::expr::{Expr, Node};
use super::stmt::{Block, Stmt};
use super::ty::{Ty, bool_ty, clog2, uint};

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
    name: Arc<str>,
    width: u32,
    depth: u64,
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
}

static NEXT_OWNER: AtomicU64 = AtomicU64::new(0);

/// A module under construction.
pub struct ModuleBuilder {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) nets: Vec<NetDef>,
    pub(crate) mems: Vec<MemDef>,
    pub(crate) items: Vec<Item>,
    pub(crate) ports: Vec<usize>,
    pub(crate) faults: Vec<String>,
    unused: usize,
    owner: u64,
}

impl Module {
    /// Starts a module. The name is also the name of its file.
    #[expect(clippy::new_ret_no_self)] // A module exists only once its builder has checked it.
    pub fn new(name: impl Into<String>) -> ModuleBuilder {
        ModuleBuilder {
            name: name.into(),
            doc: String::new(),
            nets: Vec::new(),
            mems: Vec::new(),
            items: Vec::new(),
            ports: Vec::new(),
            faults: Vec::new(),
            unused: 0,
            owner: NEXT_OWNER.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl ModuleBuilder {
    /// Contract of the module, printed at its head; lines separated by `\n`.
    pub fn doc(mut self, text: impl Into<String>) -> ModuleBuilder {
        self.doc = text.into();
        self
    }

    /// Net ids carry the builder's number in the high bits, so that a net of another module is caught.
    #[track_caller]
    fn net(&mut self, name: &str, ty: Ty, kind: NetKind, doc: &str) -> Expr {
        if ty.width == 0 {
            self.faults
                .push(format!("{}: net {name} has no bits", Loc::here()));
        }
        let id = (self.owner as usize) << 32 | self.nets.len();
        let name: Arc<str> = Arc::from(name);
        self.nets.push(NetDef {
            name: name.clone(),
            ty,
            kind,
            doc: doc.to_string(),
            loc: Loc::here(),
            reset: None,
            range: None,
            assumed: false,
        });
        Expr::new(Node::Net { id, name }, ty)
    }

    pub(crate) fn owns(&self, id: usize) -> bool {
        id >> 32 == self.owner as usize
    }

    /// Input port.
    #[track_caller]
    pub fn input(&mut self, name: &str, ty: Ty, doc: &str) -> Expr {
        self.ports.push(self.nets.len());
        self.net(name, ty, NetKind::Input, doc)
    }

    /// Output port; drive it with `assign` or connect an instance.
    #[track_caller]
    pub fn output(&mut self, name: &str, ty: Ty, doc: &str) -> Expr {
        self.ports.push(self.nets.len());
        self.net(name, ty, NetKind::Output, doc)
    }

    /// Clock and synchronous reset ports.
    #[track_caller]
    pub fn clock_reset(&mut self, clk: &str, rst: &str) -> Clock {
        let clk = self.input(clk, bool_ty(), "clock, rising edge");
        let rst = self.input(rst, bool_ty(), "synchronous reset, active high");
        Clock { clk, rst }
    }

    /// Clock port without a reset, for pipelines of datapath registers.
    #[track_caller]
    pub fn clock(&mut self, clk: &str) -> Clock {
        let clk = self.input(clk, bool_ty(), "clock, rising edge");
        Clock {
            clk,
            rst: super::expr::zero(),
        }
    }

    /// Headline between items.
    pub fn section(&mut self, title: &str) {
        self.items.push(Item::Section(title.to_string()));
    }

    /// Comment line(s) before the next item: say why.
    pub fn comment(&mut self, text: &str) {
        self.items.push(Item::Comment(text.to_string()));
    }

    /// Names an expression.
    #[track_caller]
    pub fn wire(&mut self, name: &str, value: impl AsRef<Expr>) -> Expr {
        let value = value.as_ref();
        let net = self.net(name, value.ty, NetKind::Wire, "");
        self.items.push(Item::Wire {
            net: net_index(&net),
            value: Some(value.clone()),
        });
        net
    }

    /// Declares a wire that is driven later with `assign`.
    #[track_caller]
    pub fn wire_decl(&mut self, name: &str, ty: Ty) -> Expr {
        let net = self.net(name, ty, NetKind::Wire, "");
        self.items.push(Item::Wire {
            net: net_index(&net),
            value: None,
        });
        net
    }

    /// Drives an output port or a declared wire.
    #[track_caller]
    pub fn assign(&mut self, net: &Expr, value: impl AsRef<Expr>) {
        let value = value.as_ref();
        if let Some(fault) = value.fault() {
            self.faults.push(fault.to_string());
        }
        match net.net_id() {
            Some(id) if net.ty == value.ty => {
                self.items.push(Item::Assign {
                    net: id & 0xffff_ffff,
                    value: value.clone(),
                });
            }
            // A faulty value has been reported; its type says nothing.
            Some(_) if value.fault().is_some() => {}
            Some(_) => self.faults.push(format!(
                "{}: net of type {} assigned a {}",
                Loc::here(),
                net.ty,
                value.ty
            )),
            None => self
                .faults
                .push(format!("{}: assign to something not a net", Loc::here())),
        }
    }

    /// Multiplexer by a table: `arms` give the value for each value of `select`, `default` for the others.
    #[track_caller]
    pub fn case(
        &mut self,
        name: &str,
        select: &Expr,
        arms: impl IntoIterator<Item = (u64, Expr)>,
        default: impl AsRef<Expr>,
    ) -> Expr {
        let default = default.as_ref().clone();
        let net = self.net(name, default.ty, NetKind::Case, "");
        let arms: Vec<(BigUint, Expr)> = arms
            .into_iter()
            .map(|(k, v)| (BigUint::from(k), v))
            .collect();
        for (key, value) in &arms {
            if value.ty != default.ty {
                let text = format!(
                    "{}: case arm {key} is {}, default is {}",
                    Loc::here(),
                    value.ty,
                    default.ty
                );
                self.faults.push(text);
            }
            if key.bits() > u64::from(select.ty.width) {
                self.faults.push(format!(
                    "{}: case arm {key} exceeds {}",
                    Loc::here(),
                    select.ty
                ));
            }
        }
        let id = net_index(&net);
        self.items.push(Item::Case {
            net: id,
            select: select.clone(),
            arms,
            default,
        });
        net
    }

    /// Register without reset: for datapaths, never observed before it is written.
    #[track_caller]
    pub fn reg(&mut self, name: &str, ty: Ty) -> Expr {
        let net = self.net(name, ty, NetKind::Reg, "");
        self.items.push(Item::Reg {
            net: net_index(&net),
        });
        net
    }

    /// Register that the reset sets to `init` (bits of the type).
    #[track_caller]
    pub fn reg_init(&mut self, name: &str, ty: Ty, init: u64) -> Expr {
        let net = self.reg(name, ty);
        let init = BigUint::from(init);
        if init.bits() > u64::from(ty.width) {
            self.faults.push(format!(
                "{}: reset value {init} does not fit {ty}",
                Loc::here()
            ));
        }
        if let Some(def) = self.nets.last_mut() {
            def.reset = Some(init);
        }
        net
    }

    /// Explains a net in the emitted Verilog.
    pub fn note(&mut self, net: &Expr, doc: &str) {
        if let Some(def) = net
            .net_id()
            .and_then(|id| self.nets.get_mut(id & 0xffff_ffff))
        {
            def.doc = doc.to_string();
        }
    }

    /// Promises that a net stays within `low ..= high`; `finish` verifies that its drivers do.
    pub fn range(&mut self, net: &Expr, low: i128, high: i128) {
        if let Some(def) = net
            .net_id()
            .and_then(|id| self.nets.get_mut(id & 0xffff_ffff))
        {
            def.range = Some((low, high));
        }
    }

    /// States that a net stays within `low ..= high` for a reason that interval arithmetic cannot see, such as a
    /// feedback register that is cleared in time. Others' ranges build on it; nothing verifies it.
    pub fn assume_range(&mut self, net: &Expr, low: i128, high: i128) {
        self.range(net, low, high);
        if let Some(def) = net
            .net_id()
            .and_then(|id| self.nets.get_mut(id & 0xffff_ffff))
        {
            def.assumed = true;
        }
    }

    /// Clocked block; registers with a reset value are reset in it.
    #[track_caller]
    pub fn clocked(&mut self, clock: &Clock, body: impl FnOnce(&mut Block)) {
        let mut block = Block::default();
        body(&mut block);
        self.faults.append(&mut block.faults);
        let mut regs = Vec::new();
        collect_targets(&block.stmts, &mut regs);
        self.items.push(Item::Clocked {
            clock: clock.clone(),
            stmts: block.stmts,
            regs,
        });
    }

    /// Shorthand: `name` is `value` delayed by one clock, without reset, while `enable` is high.
    #[track_caller]
    pub fn delay(
        &mut self,
        name: &str,
        clock: &Clock,
        enable: Option<&Expr>,
        value: impl AsRef<Expr>,
    ) -> Expr {
        let value = value.as_ref();
        let reg = self.reg(name, value.ty);
        self.clocked(clock, |b| match enable {
            Some(en) => {
                b.when(en, |b| {
                    b.set(&reg, value);
                });
            }
            None => {
                b.set(&reg, value);
            }
        });
        reg
    }

    /// Memory of `depth` words of `width` bits.
    #[track_caller]
    pub fn ram(&mut self, name: &str, width: u32, depth: u64, style: MemStyle, doc: &str) -> Mem {
        self.memory(name, width, depth, style, doc, None)
    }

    /// Read-only memory; read it with `read_async`.
    #[track_caller]
    pub fn rom(&mut self, name: &str, width: u32, contents: Vec<BigUint>, doc: &str) -> Mem {
        let depth = contents.len() as u64;
        if contents.iter().any(|w| w.bits() > u64::from(width)) {
            self.faults.push(format!(
                "{}: a word of {name} exceeds {width} bits",
                Loc::here()
            ));
        }
        self.memory(name, width, depth, MemStyle::Auto, doc, Some(contents))
    }

    #[track_caller]
    fn memory(
        &mut self,
        name: &str,
        width: u32,
        depth: u64,
        style: MemStyle,
        doc: &str,
        contents: Option<Vec<BigUint>>,
    ) -> Mem {
        let id = self.mems.len();
        let name: Arc<str> = Arc::from(name);
        if width == 0 || depth == 0 {
            self.faults
                .push(format!("{}: memory {name} is empty", Loc::here()));
        }
        self.mems.push(MemDef {
            name: name.clone(),
            width,
            depth,
            style,
            doc: doc.to_string(),
            loc: Loc::here(),
            contents,
        });
        self.items.push(Item::Mem { mem: id });
        Mem {
            id,
            name,
            width,
            depth,
        }
    }

    /// Write port, optionally with an enable for each group of bits.
    #[track_caller]
    pub fn write(
        &mut self,
        mem: &Mem,
        clock: &Clock,
        enable: impl AsRef<Expr>,
        addr: impl AsRef<Expr>,
        data: impl AsRef<Expr>,
        bytes: Option<ByteEnable>,
    ) {
        let (enable, addr, data) = (enable.as_ref(), addr.as_ref(), data.as_ref());
        self.check_access(mem, enable, addr);
        if data.ty != uint(mem.width) {
            self.faults.push(format!(
                "{}: word of {} is u{}, data is {}",
                Loc::here(),
                mem.name,
                mem.width,
                data.ty
            ));
        }
        if let Some(b) = &bytes
            && b.enable.ty.width * b.width != mem.width
        {
            let text = format!(
                "{}: {} enables of {} bits for a word of {}",
                Loc::here(),
                b.enable.ty.width,
                b.width,
                mem.width
            );
            self.faults.push(text);
        }
        let mut enable = enable.clone();
        // One lane is the whole word.
        let bytes = bytes.filter(|b| {
            if b.enable.ty == bool_ty() {
                enable = &enable & &b.enable;
            }
            b.enable.ty != bool_ty()
        });
        if let Some(b) = &bytes
            && (b.enable.net_id().is_none() || data.net_id().is_none())
        {
            let text = format!(
                "{}: byte enables and their data need named nets: name them with wire()",
                Loc::here()
            );
            self.faults.push(text);
        }
        let lanes = self.items.iter().filter(|i| {
            matches!(i, Item::MemAccess { mem: m, port: MemPort::Write { bytes: Some(_), .. }, .. } if *m == mem.id)
        });
        let nth = lanes.count();
        let port = MemPort::Write {
            enable,
            addr: addr.clone(),
            data: data.clone(),
            bytes: bytes.map(|b| (b, nth)),
        };
        self.items.push(Item::MemAccess {
            mem: mem.id,
            clock: clock.clone(),
            port,
        });
    }

    /// Registered read port; the result is a register that keeps its value while `enable` is low.
    #[track_caller]
    pub fn read_sync(
        &mut self,
        name: &str,
        mem: &Mem,
        clock: &Clock,
        enable: impl AsRef<Expr>,
        addr: impl AsRef<Expr>,
    ) -> Expr {
        let (enable, addr) = (enable.as_ref(), addr.as_ref());
        self.check_access(mem, enable, addr);
        let net = self.reg(name, uint(mem.width));
        let port = MemPort::Read {
            enable: enable.clone(),
            addr: addr.clone(),
            net: net_index(&net),
        };
        self.items.push(Item::MemAccess {
            mem: mem.id,
            clock: clock.clone(),
            port,
        });
        net
    }

    /// Combinational read (distributed RAM, ROM).
    #[track_caller]
    pub fn read_async(&mut self, mem: &Mem, addr: impl AsRef<Expr>) -> Expr {
        let addr = addr.as_ref();
        self.check_access(mem, &super::expr::one(), addr);
        let node = Node::MemRead {
            mem: mem.id,
            name: mem.name.clone(),
            addr: addr.clone(),
        };
        Expr::new(node, uint(mem.width))
    }

    #[track_caller]
    fn check_access(&mut self, mem: &Mem, enable: &Expr, addr: &Expr) {
        if enable.ty != bool_ty() {
            let text = format!("{}: enable of {} is {}", Loc::here(), mem.name, enable.ty);
            self.faults.push(text);
        }
        let want = uint(clog2(mem.depth));
        if addr.ty != want {
            let text = format!(
                "{}: address of {} is {}, not {want}",
                Loc::here(),
                mem.name,
                addr.ty
            );
            self.faults.push(text);
        }
    }

    /// Instance of `module`. Ports `clk` and `rst` are connected to `clock` unless named in `inputs`. An output named
    /// there drives that net, declared before; the others become wires of the instance.
    #[track_caller]
    pub fn instance(
        &mut self,
        name: &str,
        module: &Arc<Module>,
        clock: &Clock,
        inputs: &[(&str, &Expr)],
    ) -> Instance {
        let (outputs, conns) = self.connect(name, &module.name, &module.ports, Some(clock), inputs);
        self.items.push(Item::Instance {
            name: name.to_string(),
            module: module.clone(),
            conns,
        });
        Instance::new(name, outputs)
    }

    /// Immediate assertion at the clock edge outside reset; printed under `ifdef FORMAL`, always checked natively.
    pub fn assert(&mut self, name: &str, clock: &Clock, cond: impl AsRef<Expr>) {
        self.items.push(Item::Assert {
            name: name.to_string(),
            clock: clock.clone(),
            cond: cond.as_ref().clone(),
        });
    }

    /// Declares that these bits are left unread on purpose.
    pub fn unused(&mut self, value: impl AsRef<Expr>) {
        let index = self.unused;
        self.unused += 1;
        self.items.push(Item::Unused {
            value: value.as_ref().clone(),
            index,
        });
    }

    /// Checks the module: types, drivers, unread bits, names, loops, ranges.
    ///
    /// # Errors
    /// All faults at once, each with the generator's source line where there is one.
    pub fn finish(self) -> Result<Arc<Module>, RtlError> {
        check::finish(self).map(Arc::new)
    }
}

fn net_index(net: &Expr) -> usize {
    net.net_id().unwrap_or(0) & 0xffff_ffff
}

fn collect_targets(stmts: &[Stmt], out: &mut Vec<usize>) {
    for stmt in stmts {
        match stmt {
            Stmt::Set { net, .. } => {
                let net = net & 0xffff_ffff;
                if !out.contains(&net) {
                    out.push(net);
                }
            }
            Stmt::If(arms) => arms.iter().for_each(|(_, body)| collect_targets(body, out)),
        }
    }
}
