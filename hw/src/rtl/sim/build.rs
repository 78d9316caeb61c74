//! Makes the simulation of a design: places nets in the arena, orders logic, compiles programs.

use std::sync::Arc;

use indexmap::IndexMap;

use super::compile::{Compiler, Names};
use super::error::SimError;
use super::flat::{Edge, Flat, Logic};
use super::ops::{At, Memory, Op, Write};
use super::wide::limbs;
use super::{BoxInstance, ClockProgram, NativeSim, PortId};
use crate::rtl::expr::Expr;
use crate::rtl::module::{Item, MemPort, Module, NetKind};

/// Where every net is: aliases at the place of what they copy.
struct Places<'a> {
    flat: &'a Flat<'a>,
    at: Vec<At>,
}

impl Names for Places<'_> {
    fn net(&self, scope: usize, id: usize) -> At {
        self.at[self.flat.net(scope, id)]
    }

    fn mem(&self, scope: usize, mem: usize) -> u32 {
        (self.flat.scopes[scope].mems + mem) as u32
    }
}

/// Registers of one clock and where their next values are.
struct Domain {
    clock: usize,
    regs: (usize, usize, usize),
}

impl NativeSim {
    /// Compiles the hierarchy below `top`.
    ///
    /// # Errors
    /// A clock that is not an input of the top; an external module without a model.
    pub fn new(top: &Arc<Module>) -> Result<NativeSim, SimError> {
        let flat = Flat::new(top)?;
        let mut c = Compiler::default();
        let (places, domains, next) = place(&flat, &mut c);
        for n in order(&flat)? {
            let comb = &flat.combs[n];
            match &comb.logic {
                Logic::Value(e) => c.compute(&places, comb.scope, e, places.at[comb.targets[0]]),
                Logic::Case(Item::Case {
                    select,
                    arms,
                    default,
                    ..
                }) => {
                    let d = places.at[comb.targets[0]];
                    c.case(&places, comb.scope, select, arms, default, d);
                }
                Logic::Case(_) => {}
                Logic::Model(index) => c.ops.push(Op::Model {
                    index: *index as u32,
                }),
            }
        }
        let settle = std::mem::take(&mut c.ops);
        let mut assertions = Vec::new();
        let mut clocks = Vec::new();
        for domain in &domains {
            let mark = c.mark();
            let mut writes = Vec::new();
            for edge in flat.edges.iter().filter(|e| e.clock == domain.clock) {
                let mut e = EdgeCompiler {
                    c: &mut c,
                    places: &places,
                    next: &next,
                    edge,
                };
                e.item(&mut writes, &mut assertions);
            }
            c.forget(mark);
            let mut models = Vec::new();
            for (index, model) in flat.models.iter().enumerate() {
                let here = model.clocks.iter().filter(|k| k.0 == domain.clock);
                models.extend(here.map(|k| (index, k.1)));
            }
            clocks.push(ClockProgram {
                name: flat.nets[domain.clock].path.clone(),
                ops: std::mem::take(&mut c.ops),
                writes,
                regs: domain.regs,
                models,
            });
        }
        Ok(NativeSim {
            settle,
            clocks,
            models: models(&flat, &places)?,
            nets: names(&flat, &places),
            mem_names: (flat.mems.iter().enumerate())
                .map(|(i, m)| (m.path.clone(), i))
                .collect(),
            roms: flat.mems.iter().map(|m| !m.contents.is_empty()).collect(),
            unreset: (flat.nets.iter().enumerate())
                .filter(|(_, n)| n.kind == NetKind::Reg && n.reset.is_none())
                .map(|(i, n)| (places.at[i], n.width))
                .collect(),
            mems: memories(&flat),
            tables: c.tables,
            arena: c.arena,
            assertions,
            stale: true,
            edges: 0,
        })
    }
}

/// Places all nets: the registers of each clock side by side, so that an edge is two copies.
fn place<'a>(flat: &'a Flat<'a>, c: &mut Compiler) -> (Places<'a>, Vec<Domain>, Vec<At>) {
    let mut by_clock: IndexMap<usize, Vec<usize>> = IndexMap::new();
    for (clock, _) in flat.models.iter().flat_map(|m| &m.clocks) {
        by_clock.entry(*clock).or_default();
    }
    for edge in &flat.edges {
        let regs = by_clock.entry(edge.clock).or_default();
        match edge.item {
            Item::Clocked { regs: list, .. } => {
                regs.extend(list.iter().map(|&r| flat.net(edge.scope, r)));
            }
            Item::MemAccess {
                port: MemPort::Read { net, .. },
                ..
            } => regs.push(flat.net(edge.scope, *net)),
            _ => {}
        }
    }
    let mut at = vec![At::MAX; flat.nets.len()];
    let mut next = vec![At::MAX; flat.nets.len()];
    let mut domains = Vec::new();
    for (clock, regs) in by_clock {
        let start = c.arena.len();
        for &r in &regs {
            at[r] = c.alloc(flat.nets[r].width);
        }
        let shadow = c.arena.len();
        for &r in &regs {
            next[r] = c.alloc(flat.nets[r].width);
        }
        domains.push(Domain {
            clock,
            regs: (start, shadow, shadow - start),
        });
    }
    for n in 0..flat.nets.len() {
        let root = flat.root(n);
        if at[root] == At::MAX {
            at[root] = c.alloc(flat.nets[root].width);
        }
        at[n] = at[root];
    }
    (Places { flat, at }, domains, next)
}

/// Order of the combinational logic in which everything is computed before it is read.
fn order(flat: &Flat<'_>) -> Result<Vec<usize>, SimError> {
    let mut driver: Vec<Option<usize>> = vec![None; flat.nets.len()];
    for (i, comb) in flat.combs.iter().enumerate() {
        for &t in &comb.targets {
            driver[t] = Some(i);
        }
    }
    // 0 new, 1 on the path, 2 done.
    let mut state = vec![0u8; flat.combs.len()];
    let mut result = Vec::new();
    for start in 0..flat.combs.len() {
        let mut stack = vec![(start, 0usize)];
        while let Some((at, next)) = stack.last_mut() {
            if *next == 0 {
                if state[*at] == 2 {
                    stack.pop();
                    continue;
                }
                state[*at] = 1;
            }
            let comb = &flat.combs[*at];
            let Some(&read) = comb.reads.get(*next) else {
                state[*at] = 2;
                result.push(*at);
                stack.pop();
                continue;
            };
            *next += 1;
            match driver[read] {
                Some(d) if state[d] == 1 => {
                    let path = flat.nets[read].path.clone();
                    return Err(SimError::Loop { path });
                }
                Some(d) if state[d] == 0 => stack.push((d, 0)),
                _ => {}
            }
        }
    }
    Ok(result)
}

struct EdgeCompiler<'a, 'b> {
    c: &'a mut Compiler,
    places: &'a Places<'b>,
    next: &'a [At],
    edge: &'a Edge<'b>,
}

impl EdgeCompiler<'_, '_> {
    fn item(&mut self, writes: &mut Vec<Write>, assertions: &mut Vec<String>) {
        let (flat, scope) = (self.places.flat, self.edge.scope);
        match self.edge.item {
            Item::Clocked { clock, stmts, regs } => {
                let next = |net: usize| self.next[flat.net(scope, net)];
                self.c.statements(self.places, scope, stmts, &next);
                self.resets(&clock.rst, regs);
            }
            Item::MemAccess { mem, port, .. } => {
                let mem = self.places.mem(scope, *mem);
                self.access(mem, port, writes);
            }
            Item::Assert { name, clock, cond } => {
                let cond = self.c.value(self.places, scope, cond);
                let rst = self.c.value(self.places, scope, &clock.rst);
                let index = assertions.len() as u32;
                assertions.push(format!("{}{name}", self.edge.path));
                self.c.ops.push(Op::Check { cond, rst, index });
            }
            _ => {}
        }
    }

    /// Reset wins over all other statements of the block.
    fn resets(&mut self, rst: &Expr, regs: &[usize]) {
        let (flat, scope) = (self.places.flat, self.edge.scope);
        let nets = regs.iter().map(|&r| flat.net(scope, r));
        let reset: Vec<usize> = nets.filter(|&n| flat.nets[n].reset.is_some()).collect();
        if reset.is_empty() {
            return;
        }
        let c = self.c.value(self.places, scope, rst);
        let jump = self.c.ops.len();
        self.c.ops.push(Op::JumpUnless { c, to: 0 });
        for net in reset {
            let def = &flat.nets[net];
            if let Some(value) = def.reset {
                let a = self.c.constant(value, def.width);
                self.c.copy(self.next[net], a, def.width, def.width);
            }
        }
        self.c.land(Some(jump));
    }

    fn access(&mut self, mem: u32, port: &MemPort, writes: &mut Vec<Write>) {
        let scope = self.edge.scope;
        match port {
            MemPort::Read { enable, addr, net } => {
                let na = limbs(addr.width()) as u32;
                let c = self.c.value(self.places, scope, enable);
                let addr = self.c.value(self.places, scope, addr);
                let jump = self.c.ops.len();
                self.c.ops.push(Op::JumpUnless { c, to: 0 });
                let d = self.next[self.places.flat.net(scope, *net)];
                self.c.ops.push(Op::MemRead { d, mem, addr, na });
                self.c.land(Some(jump));
            }
            MemPort::Write {
                enable,
                addr,
                data,
                bytes,
            } => {
                let addr_limbs = limbs(addr.width()) as u32;
                let mut value = |e| self.c.value(self.places, scope, e);
                let write = Write {
                    mem,
                    enable: value(enable),
                    addr: value(addr),
                    addr_limbs,
                    data: value(data),
                    lanes: bytes.as_ref().map(|(b, _)| (value(&b.enable), b.width)),
                };
                writes.push(write);
            }
        }
    }
}

fn models(flat: &Flat<'_>, places: &Places<'_>) -> Result<Vec<BoxInstance>, SimError> {
    let mut out = Vec::new();
    for m in &flat.models {
        let (Some(make), Item::BlackBox { params, .. }) = (m.module.model, m.item) else {
            return Err(SimError::NoModel {
                path: m.path.clone(),
                module: m.module.name.clone(),
            });
        };
        let ports = m.ports.iter().map(|&p| (places.at[p], flat.nets[p].width));
        out.push(BoxInstance {
            model: make(params),
            ports: ports.collect(),
        });
    }
    Ok(out)
}

fn names(flat: &Flat<'_>, places: &Places<'_>) -> IndexMap<String, PortId> {
    let nets = flat.nets.iter().enumerate();
    nets.map(|(i, n)| {
        let id = PortId {
            at: places.at[i],
            width: n.width,
            input: n.kind == NetKind::Input && !n.path.contains('.'),
        };
        (n.path.clone(), id)
    })
    .collect()
}

fn memories(flat: &Flat<'_>) -> Vec<Memory> {
    let mems = flat.mems.iter().map(|m| {
        let n = limbs(m.width);
        let mut words = vec![0; n * m.depth as usize];
        for (i, word) in m.contents.iter().enumerate() {
            super::store(&mut words, (i * n) as At, m.width, &word.to_u64_digits());
        }
        Memory {
            width: m.width,
            depth: m.depth,
            words,
        }
    });
    mems.collect()
}
