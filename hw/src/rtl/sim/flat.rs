//! Flattens a hierarchy: every net of every instance gets a global index; nets that are plain copies of others
//! (ports of instances, renamed wires) become aliases.

use std::sync::Arc;

use indexmap::IndexSet;

use super::error::SimError;
use crate::rtl::blackbox::ExternModule;
use crate::rtl::check;
use crate::rtl::expr::{Expr, Node};
use crate::rtl::module::{Item, Module, NetKind, PortDir};

/// A net of the flat design.
pub(super) struct Net<'a> {
    /// Dotted path below the top.
    pub path: String,
    pub width: u32,
    pub kind: NetKind,
    /// Reset value of a register.
    pub reset: Option<&'a num_bigint::BigUint>,
    /// The net that this one copies.
    alias: Option<usize>,
}

pub(super) struct FlatMem {
    pub path: String,
    pub width: u32,
    pub depth: u64,
    pub contents: Vec<num_bigint::BigUint>,
}

/// Where the nets and memories of one instance begin.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    nets: usize,
    pub mems: usize,
}

/// What computes nets without a clock.
pub(super) enum Logic<'a> {
    Value(&'a Expr),
    /// A case item.
    Case(&'a Item),
    /// Outputs of a black box.
    Model(usize),
}

pub(super) struct Comb<'a> {
    pub targets: Vec<usize>,
    pub scope: usize,
    pub logic: Logic<'a>,
    /// Nets read, resolved once the hierarchy is complete.
    pub reads: Vec<usize>,
}

/// A clocked item in its instance.
pub(super) struct Edge<'a> {
    pub clock: usize,
    pub scope: usize,
    pub item: &'a Item,
    /// Path of the instance.
    pub path: String,
}

pub(super) struct FlatModel<'a> {
    pub path: String,
    pub module: &'a Arc<ExternModule>,
    pub item: &'a Item,
    /// Net of each port.
    pub ports: Vec<usize>,
    /// Clock net and port index of each clock input.
    pub clocks: Vec<(usize, usize)>,
}

#[derive(Default)]
pub(super) struct Flat<'a> {
    pub nets: Vec<Net<'a>>,
    pub mems: Vec<FlatMem>,
    pub scopes: Vec<Scope>,
    pub combs: Vec<Comb<'a>>,
    pub edges: Vec<Edge<'a>>,
    pub models: Vec<FlatModel<'a>>,
}

const INDEX: usize = 0xffff_ffff;

impl<'a> Flat<'a> {
    pub fn new(top: &'a Module) -> Result<Flat<'a>, SimError> {
        let mut flat = Flat::default();
        flat.module(top, "");
        flat.resolve()?;
        Ok(flat)
    }

    /// The global index of a module's net.
    pub fn net(&self, scope: usize, id: usize) -> usize {
        self.root(self.scopes[scope].nets + (id & INDEX))
    }

    pub fn root(&self, mut net: usize) -> usize {
        while let Some(a) = self.nets[net].alias {
            net = a;
        }
        net
    }

    /// Adds an instance and returns its scope.
    fn module(&mut self, m: &'a Module, prefix: &str) -> usize {
        let scope = self.scopes.len();
        self.scopes.push(Scope {
            nets: self.nets.len(),
            mems: self.mems.len(),
        });
        for def in &m.nets {
            self.nets.push(Net {
                path: format!("{prefix}{}", def.name),
                width: def.ty.width,
                kind: def.kind,
                reset: def.reset.as_ref(),
                alias: None,
            });
        }
        for def in &m.mems {
            self.mems.push(FlatMem {
                path: format!("{prefix}{}", def.name),
                width: def.width,
                depth: def.depth,
                contents: def.contents.clone().unwrap_or_default(),
            });
        }
        for item in &m.items {
            self.item(item, scope, prefix);
        }
        scope
    }

    fn item(&mut self, item: &'a Item, scope: usize, prefix: &str) {
        match item {
            Item::Wire {
                net,
                value: Some(value),
            }
            | Item::Assign { net, value } => {
                let target = self.scopes[scope].nets + net;
                self.drive(target, scope, value);
            }
            Item::Case { net, .. } => {
                let target = self.scopes[scope].nets + net;
                let mut reads = Vec::new();
                check::reads(item, &mut |e| self.leaves(scope, e, &mut reads));
                self.combs.push(Comb {
                    targets: vec![target],
                    scope,
                    logic: Logic::Case(item),
                    reads,
                });
            }
            Item::Clocked { clock, .. }
            | Item::MemAccess { clock, .. }
            | Item::Assert { clock, .. } => {
                let mut clocks = Vec::new();
                self.leaves(scope, &clock.clk, &mut clocks);
                self.edges.push(Edge {
                    // A clock that is no net has no edges; `resolve` reports it.
                    clock: clocks.first().copied().unwrap_or(usize::MAX),
                    scope,
                    item,
                    path: prefix.to_string(),
                });
            }
            Item::Instance {
                name,
                module,
                conns,
            } => {
                let child = self.module(module, &format!("{prefix}{name}."));
                for (port, value) in conns {
                    let inner = module.nets.iter().position(|n| *n.name == **port);
                    let Some(inner) = inner.map(|i| self.scopes[child].nets + i) else {
                        continue;
                    };
                    let output = module.port(port).is_some_and(|p| p.dir == PortDir::Output);
                    match value.net_id() {
                        Some(id) if output => {
                            let outer = self.scopes[scope].nets + (id & INDEX);
                            self.nets[outer].alias = Some(inner);
                        }
                        _ => self.drive(inner, scope, value),
                    }
                }
            }
            Item::BlackBox {
                name,
                module,
                conns,
                ..
            } => self.black_box(item, scope, &format!("{prefix}{name}"), module, conns),
            Item::Section(_)
            | Item::Comment(_)
            | Item::Wire { value: None, .. }
            | Item::Reg { .. }
            | Item::Mem { .. }
            | Item::Unused { .. } => {}
        }
    }

    fn black_box(
        &mut self,
        item: &'a Item,
        scope: usize,
        path: &str,
        module: &'a Arc<ExternModule>,
        conns: &'a [(String, Expr)],
    ) {
        let mut ports = Vec::new();
        for port in &module.ports {
            let net = self.nets.len();
            self.nets.push(Net {
                path: format!("{path}.{}", port.name),
                width: port.ty.width,
                kind: match port.dir {
                    PortDir::Input => NetKind::Input,
                    PortDir::Output => NetKind::Output,
                },
                reset: None,
                alias: None,
            });
            ports.push(net);
            let Some((_, value)) = conns.iter().find(|(n, _)| *n == port.name) else {
                continue;
            };
            match (port.dir, value.net_id()) {
                (PortDir::Output, Some(id)) => {
                    let outer = self.scopes[scope].nets + (id & INDEX);
                    self.nets[outer].alias = Some(net);
                }
                _ => self.drive(net, scope, value),
            }
        }
        let net_of = |name: &String| {
            let index = module.ports.iter().position(|p| p.name == *name);
            index.map(|i| (ports[i], i))
        };
        let model = self.models.len();
        let mut targets: IndexSet<usize> = IndexSet::new();
        for (output, inputs) in &module.through {
            let Some((net, _)) = net_of(output) else {
                continue;
            };
            targets.insert(net);
            self.combs.push(Comb {
                targets: vec![net],
                scope,
                logic: Logic::Model(model),
                reads: inputs.iter().filter_map(net_of).map(|(n, _)| n).collect(),
            });
        }
        let registered = ports.iter().zip(&module.ports);
        let registered: Vec<usize> = registered
            .filter(|(n, p)| p.dir == PortDir::Output && !targets.contains(*n))
            .map(|(n, _)| *n)
            .collect();
        self.combs.push(Comb {
            targets: registered,
            scope,
            logic: Logic::Model(model),
            reads: Vec::new(),
        });
        self.models.push(FlatModel {
            path: path.to_string(),
            module,
            item,
            clocks: module.clocks.iter().filter_map(net_of).collect(),
            ports,
        });
    }

    fn drive(&mut self, target: usize, scope: usize, value: &'a Expr) {
        if let Some(id) = value.net_id() {
            self.nets[target].alias = Some(self.scopes[scope].nets + (id & INDEX));
            return;
        }
        let mut reads = Vec::new();
        self.leaves(scope, value, &mut reads);
        self.combs.push(Comb {
            targets: vec![target],
            scope,
            logic: Logic::Value(value),
            reads,
        });
    }

    fn leaves(&self, scope: usize, e: &Expr, out: &mut Vec<usize>) {
        match &*e.node {
            Node::Net { id, .. } => out.push(self.scopes[scope].nets + (id & INDEX)),
            _ => check::operands(e, &mut |x| self.leaves(scope, x, out)),
        }
    }

    /// Replaces aliases in the lists and checks that every clock is an input of the top.
    fn resolve(&mut self) -> Result<(), SimError> {
        let roots: Vec<usize> = (0..self.nets.len()).map(|n| self.root(n)).collect();
        for comb in &mut self.combs {
            comb.reads.iter_mut().for_each(|r| *r = roots[*r]);
        }
        let models = self.models.iter_mut();
        let boxed = models.flat_map(|m| m.clocks.iter_mut().map(|c| (&mut c.0, m.path.clone())));
        let edges = self.edges.iter_mut();
        for (clock, path) in edges.map(|e| (&mut e.clock, e.path.clone())).chain(boxed) {
            let root = roots.get(*clock).copied();
            let root = root.filter(|&r| {
                self.nets[r].kind == NetKind::Input && !self.nets[r].path.contains('.')
            });
            *clock = root.ok_or(SimError::Clock { path })?;
        }
        Ok(())
    }
}
