//! The module builder: ports, nets, registers, instances, in the order a designer draws them.
//!
//! Items are printed in the order they are made, so an author writes a module as it shall read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use num_bigint::BigUint;

use super::check;
use super::error::{Loc, RtlError};
use super::expr::{Expr, Node};
use super::module::{Clock, Instance, Item, MemDef, Module, NetDef, NetKind};
use super::stmt::{Block, Stmt};
use super::ty::{Ty, bool_ty};

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
            flip_flop: false,
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
        if constant(select) {
            // A process that reads nothing would never run: the choice becomes an expression.
            let value = arms.iter().rev().fold(default, |other, (key, value)| {
                let key = Expr::new(Node::Lit(key.clone()), select.ty);
                super::expr::mux(select.eq(&key), value, &other)
            });
            self.nets[id].kind = NetKind::Wire;
            self.items.push(Item::Wire {
                net: id,
                value: Some(value),
            });
            return net;
        }
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

    /// Keeps a register out of shift registers made of look-up tables: for delays where flip-flops are the cheaper resource.
    pub fn flip_flop(&mut self, reg: &Expr) {
        if let Some(def) = reg
            .net_id()
            .and_then(|id| self.nets.get_mut(id & 0xffff_ffff))
        {
            def.flip_flop = true;
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

/// Reads no net and no memory.
fn constant(e: &Expr) -> bool {
    let mut fixed = !matches!(*e.node, Node::Net { .. } | Node::MemRead { .. });
    check::operands(e, &mut |x| fixed &= constant(x));
    fixed
}

pub(super) fn net_index(net: &Expr) -> usize {
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
