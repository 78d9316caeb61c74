//! What must hold before a module may be printed: types, one driver for each net, no unread bits, legal and
//! distinct names, no combinational loops, promised ranges kept.

mod loops;
mod names;
mod ranges;

use indexmap::{IndexMap, IndexSet};
use num_bigint::BigUint;
use num_traits::{One, Zero};

use super::builder::ModuleBuilder;
use super::error::RtlError;
use super::expr::{Expr, Node};
use super::module::{Item, MemPort, Module, NetKind, Port, PortDir};
use super::print;
use super::stmt::Stmt;
use loops::loops;
use names::names;
use ranges::Ranges;

const MASK: usize = 0xffff_ffff;

pub(in crate::rtl) fn finish(m: ModuleBuilder) -> Result<Module, RtlError> {
    let mut faults = m.faults.clone();
    names(&m, &mut faults);
    expressions(&m, &mut faults);
    let mut through = IndexMap::new();
    if faults.is_empty() {
        drivers(&m, &mut faults);
        unread(&m, &mut faults);
        through = loops(&m, &mut faults);
        Ranges {
            m: &m,
            memo: IndexMap::new(),
        }
        .check(&mut faults);
    }
    if !faults.is_empty() {
        return Err(RtlError {
            module: m.name,
            faults,
        });
    }
    let ports = m
        .ports
        .iter()
        .map(|&p| {
            let net = &m.nets[p];
            let dir = if net.kind == NetKind::Input {
                PortDir::Input
            } else {
                PortDir::Output
            };
            Port {
                name: net.name.to_string(),
                ty: net.ty,
                dir,
                doc: net.doc.clone(),
            }
        })
        .collect();
    Ok(Module {
        name: m.name,
        doc: m.doc,
        ports,
        nets: m.nets,
        mems: m.mems,
        items: m.items,
        through,
    })
}

/// Calls `f` with every expression of an item, as the item reads it.
pub(in crate::rtl) fn reads(item: &Item, f: &mut dyn FnMut(&Expr)) {
    match item {
        Item::Section(_) | Item::Comment(_) | Item::Reg { .. } | Item::Mem { .. } => {}
        Item::Wire { value, .. } => value.iter().for_each(f),
        Item::Assign { value, .. } | Item::Unused { value, .. } => f(value),
        Item::Case {
            select,
            arms,
            default,
            ..
        } => {
            f(select);
            arms.iter().for_each(|(_, v)| f(v));
            f(default);
        }
        Item::Clocked { clock, stmts, .. } => {
            f(&clock.clk);
            statement_reads(stmts, f);
        }
        Item::MemAccess { clock, port, .. } => {
            f(&clock.clk);
            match port {
                MemPort::Write {
                    enable,
                    addr,
                    data,
                    bytes,
                } => {
                    f(enable);
                    f(addr);
                    f(data);
                    bytes.iter().for_each(|(b, _)| f(&b.enable));
                }
                MemPort::Read { enable, addr, .. } => {
                    f(enable);
                    f(addr);
                }
            }
        }
        Item::Instance { module, conns, .. } => {
            for (name, value) in conns {
                if module.port(name).is_some_and(|p| p.dir == PortDir::Input) {
                    f(value);
                }
            }
        }
        Item::BlackBox { module, conns, .. } => {
            for (name, value) in conns {
                if module.port(name).is_some_and(|p| p.dir == PortDir::Input) {
                    f(value);
                }
            }
        }
        Item::Assert { clock, cond, .. } => {
            f(&clock.clk);
            f(&clock.rst);
            f(cond);
        }
    }
}

fn statement_reads(stmts: &[Stmt], f: &mut dyn FnMut(&Expr)) {
    for s in stmts {
        match s {
            Stmt::Set { value, .. } => f(value),
            Stmt::If(arms) => {
                for (cond, body) in arms {
                    cond.iter().for_each(&mut *f);
                    statement_reads(body, f);
                }
            }
        }
    }
}

/// Calls `f` for each operand of `e`.
pub(in crate::rtl) fn operands(e: &Expr, f: &mut dyn FnMut(&Expr)) {
    match &*e.node {
        Node::Net { .. } | Node::Lit(_) | Node::Poison(_) => {}
        Node::Un(_, x)
        | Node::Slice(x, _)
        | Node::Repeat(_, x)
        | Node::Extend(x)
        | Node::Cast(x)
        | Node::MemRead { addr: x, .. } => f(x),
        Node::Bin(_, a, b) | Node::Part(a, b) => {
            f(a);
            f(b);
        }
        Node::Mux(c, a, b) => {
            f(c);
            f(a);
            f(b);
        }
        Node::Cat(parts) => parts.iter().for_each(f),
    }
}

/// Poisoned expressions and nets of other modules, each reported once.
fn expressions(m: &ModuleBuilder, faults: &mut Vec<String>) {
    let mut found: IndexSet<String> = faults.drain(..).collect();
    fn walk(m: &ModuleBuilder, e: &Expr, found: &mut IndexSet<String>) {
        match &*e.node {
            Node::Poison(text) => {
                found.insert(text.clone());
            }
            Node::Net { id, name } if !m.owns(*id) => {
                found.insert(format!("net {name} belongs to another module"));
            }
            _ => operands(e, &mut |x| walk(m, x, found)),
        }
    }
    for item in &m.items {
        reads(item, &mut |e| walk(m, e, &mut found));
        if let Item::Instance { conns, .. } | Item::BlackBox { conns, .. } = item {
            conns.iter().for_each(|(_, e)| walk(m, e, &mut found));
        }
    }
    faults.extend(found);
}

/// Nets driven by an item, each an index into `nets`.
pub(in crate::rtl) fn driven(item: &Item) -> Vec<usize> {
    match item {
        Item::Wire {
            net,
            value: Some(_),
        }
        | Item::Assign { net, .. }
        | Item::Case { net, .. } => {
            vec![*net]
        }
        Item::Clocked { regs, .. } => regs.clone(),
        Item::MemAccess {
            port: MemPort::Read { net, .. },
            ..
        } => vec![*net],
        Item::Instance { module, conns, .. } => conns
            .iter()
            .filter(|(name, _)| module.port(name).is_some_and(|p| p.dir == PortDir::Output))
            .filter_map(|(_, e)| e.net_id().map(|id| id & MASK))
            .collect(),
        Item::BlackBox { module, conns, .. } => conns
            .iter()
            .filter(|(name, _)| module.port(name).is_some_and(|p| p.dir == PortDir::Output))
            .filter_map(|(_, e)| e.net_id().map(|id| id & MASK))
            .collect(),
        _ => Vec::new(),
    }
}

fn drivers(m: &ModuleBuilder, faults: &mut Vec<String>) {
    let mut count = vec![0usize; m.nets.len()];
    for item in &m.items {
        let clocked = matches!(
            item,
            Item::Clocked { .. }
                | Item::MemAccess {
                    port: MemPort::Read { .. },
                    ..
                }
        );
        for net in driven(item) {
            count[net] += 1;
            let def = &m.nets[net];
            if clocked != (def.kind == NetKind::Reg) {
                let how = if clocked {
                    "in a clocked block"
                } else {
                    "continuously"
                };
                let kind = print::kind_name(def.kind);
                faults.push(format!(
                    "{}: {kind} `{}` is driven {how}",
                    def.loc, def.name
                ));
            }
        }
    }
    for (def, n) in m.nets.iter().zip(count) {
        let want = usize::from(def.kind != NetKind::Input);
        if n != want {
            let what = if n < want {
                "is never driven".into()
            } else {
                format!("is driven {n} times")
            };
            faults.push(format!("{}: `{}` {what}", def.loc, def.name));
        }
    }
}

/// Every bit of every net must be read, or declared unused: an unread bit is most often a mistake.
fn unread(m: &ModuleBuilder, faults: &mut Vec<String>) {
    let mut used: Vec<BigUint> = vec![BigUint::zero(); m.nets.len()];
    let ones = |width: u32| (BigUint::one() << width) - 1u32;
    fn mark(used: &mut [BigUint], e: &Expr, ones: &dyn Fn(u32) -> BigUint) {
        match &*e.node {
            Node::Net { id, .. } => used[id & MASK] |= ones(e.ty.width),
            Node::Slice(base, lo) => {
                if let Some(id) = base.net_id() {
                    used[id & MASK] |= ones(e.ty.width) << *lo;
                }
            }
            _ => operands(e, &mut |x| mark(used, x, ones)),
        }
    }
    for item in &m.items {
        reads(item, &mut |e| mark(&mut used, e, &ones));
        if let Item::Clocked { clock, regs, .. } = item
            && regs.iter().any(|&r| m.nets[r].reset.is_some())
        {
            mark(&mut used, &clock.rst, &ones);
        }
    }
    for (def, used) in m.nets.iter().zip(used) {
        let missing = ones(def.ty.width) ^ &used;
        if def.kind == NetKind::Output || missing.is_zero() {
            continue;
        }
        let what = if used.is_zero() {
            String::new()
        } else {
            let bits: Vec<String> = (0..u64::from(def.ty.width))
                .filter(|&b| missing.bit(b))
                .map(|b| b.to_string())
                .collect();
            format!(" bits {}", bits.join(","))
        };
        faults.push(format!(
            "{}: `{}`{what} never read (use it, drop it, or declare it with unused())",
            def.loc, def.name
        ));
    }
}
