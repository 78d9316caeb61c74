//! What must hold before a module may be printed: types, one driver for each net, no unread bits, legal and
//! distinct names, no combinational loops, promised ranges kept.

use indexmap::{IndexMap, IndexSet};
use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};

use super::error::RtlError;
use super::expr::{BinOp, Expr, Node, UnOp};
use super::module::{Item, MemPort, Module, ModuleBuilder, NetKind, Port, PortDir};
use super::print;
use super::stmt::Stmt;
use super::ty::Ty;

/// Reserved words of Verilog-2005 and SystemVerilog that a designer might choose as a name.
const KEYWORDS: &[&str] = &[
    "always",
    "and",
    "assert",
    "assign",
    "assume",
    "automatic",
    "begin",
    "bind",
    "bit",
    "break",
    "buf",
    "byte",
    "case",
    "cell",
    "checker",
    "class",
    "clocking",
    "config",
    "const",
    "constraint",
    "context",
    "continue",
    "cover",
    "cross",
    "default",
    "design",
    "disable",
    "do",
    "edge",
    "else",
    "end",
    "endcase",
    "endmodule",
    "enum",
    "event",
    "expect",
    "export",
    "extends",
    "extern",
    "final",
    "for",
    "force",
    "forever",
    "fork",
    "function",
    "generate",
    "genvar",
    "global",
    "if",
    "implies",
    "import",
    "include",
    "initial",
    "inout",
    "input",
    "inside",
    "instance",
    "int",
    "integer",
    "interface",
    "join",
    "large",
    "let",
    "library",
    "local",
    "localparam",
    "logic",
    "medium",
    "modport",
    "module",
    "nand",
    "negedge",
    "new",
    "nor",
    "not",
    "null",
    "or",
    "output",
    "package",
    "packed",
    "parameter",
    "posedge",
    "primitive",
    "priority",
    "program",
    "property",
    "protected",
    "pull0",
    "pull1",
    "pure",
    "rand",
    "real",
    "ref",
    "reg",
    "release",
    "repeat",
    "restrict",
    "return",
    "scalared",
    "sequence",
    "shortint",
    "signed",
    "small",
    "solve",
    "specify",
    "static",
    "string",
    "strong",
    "struct",
    "super",
    "supply0",
    "supply1",
    "table",
    "task",
    "this",
    "throughout",
    "time",
    "timeunit",
    "tri",
    "type",
    "typedef",
    "union",
    "unique",
    "unsigned",
    "use",
    "var",
    "vectored",
    "virtual",
    "void",
    "wait",
    "wand",
    "weak",
    "while",
    "wildcard",
    "wire",
    "with",
    "within",
    "wor",
    "xnor",
    "xor",
];

const MASK: usize = 0xffff_ffff;

pub(super) fn finish(m: ModuleBuilder) -> Result<Module, RtlError> {
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

fn names(m: &ModuleBuilder, faults: &mut Vec<String>) {
    let mut seen: IndexSet<&str> = IndexSet::new();
    let instances = m.items.iter().filter_map(|i| match i {
        Item::Instance { name, .. } | Item::BlackBox { name, .. } | Item::Assert { name, .. } => {
            Some((name.as_str(), None))
        }
        _ => None,
    });
    // Names that the printer adds.
    let added: Vec<String> = m
        .items
        .iter()
        .filter_map(|i| match i {
            Item::Unused { index, .. } => Some(format!("unused_{index}")),
            Item::MemAccess {
                mem,
                port:
                    MemPort::Write {
                        bytes: Some((_, port)),
                        ..
                    },
                ..
            } => Some(print::lane_index(&m.mems[*mem], *port)),
            _ => None,
        })
        .collect();
    let nets = m.nets.iter().map(|n| (&*n.name, Some(n.loc)));
    let mems = m.mems.iter().map(|n| (&*n.name, Some(n.loc)));
    for (name, loc) in nets
        .chain(mems)
        .chain(instances)
        .chain(added.iter().map(|n| (n.as_str(), None)))
        .chain(std::iter::once((m.name.as_str(), None)))
    {
        let place = loc.map(|l| format!("{l}: ")).unwrap_or_default();
        let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            faults.push(format!("{place}`{name}` is not a Verilog identifier"));
        }
        if KEYWORDS.contains(&name) {
            faults.push(format!("{place}`{name}` is a reserved word"));
        }
        if !seen.insert(name) {
            faults.push(format!("{place}`{name}` is declared twice"));
        }
    }
}

/// Calls `f` with every expression of an item, as the item reads it.
pub(super) fn reads(item: &Item, f: &mut dyn FnMut(&Expr)) {
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
pub(super) fn operands(e: &Expr, f: &mut dyn FnMut(&Expr)) {
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
pub(super) fn driven(item: &Item) -> Vec<usize> {
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

/// Direct combinational dependencies: for each net the nets it is computed from in the same cycle.
fn combinational(m: &ModuleBuilder) -> Vec<IndexSet<usize>> {
    let mut deps: Vec<IndexSet<usize>> = vec![IndexSet::new(); m.nets.len()];
    fn leaves(e: &Expr, out: &mut IndexSet<usize>) {
        match &*e.node {
            Node::Net { id, .. } => {
                out.insert(id & MASK);
            }
            _ => operands(e, &mut |x| leaves(x, out)),
        }
    }
    for item in &m.items {
        match item {
            Item::Wire {
                net,
                value: Some(_),
            }
            | Item::Assign { net, .. }
            | Item::Case { net, .. } => {
                reads(item, &mut |e| leaves(e, &mut deps[*net]));
            }
            Item::Instance { module, conns, .. } => {
                for (name, value) in conns {
                    let (Some(inputs), Some(net)) = (module.through.get(name), value.net_id())
                    else {
                        continue;
                    };
                    for (_, source) in conns.iter().filter(|(n, _)| inputs.contains(n)) {
                        leaves(source, &mut deps[net & MASK]);
                    }
                }
            }
            Item::BlackBox { module, conns, .. } => {
                for (output, inputs) in &module.through {
                    let target = conns.iter().find(|(n, _)| n == output);
                    let Some(net) = target.and_then(|(_, e)| e.net_id()) else {
                        continue;
                    };
                    for (_, source) in conns.iter().filter(|(n, _)| inputs.contains(n)) {
                        leaves(source, &mut deps[net & MASK]);
                    }
                }
            }
            _ => {}
        }
    }
    deps
}

/// Reports a combinational loop by the names along it; else returns which outputs see which inputs.
fn loops(m: &ModuleBuilder, faults: &mut Vec<String>) -> IndexMap<String, Vec<String>> {
    let deps = combinational(m);
    // 0 new, 1 on the path, 2 done. An explicit stack: chains of nets can be long.
    let mut state = vec![0u8; m.nets.len()];
    for start in 0..m.nets.len() {
        let mut stack: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((net, next)) = stack.last_mut() {
            if *next == 0 {
                if state[*net] == 2 {
                    stack.pop();
                    continue;
                }
                state[*net] = 1;
            }
            match deps[*net].get_index(*next) {
                Some(&d) => {
                    *next += 1;
                    if state[d] == 1 {
                        let from = stack.iter().position(|s| s.0 == d).unwrap_or(0);
                        let path: Vec<&str> =
                            stack[from..].iter().map(|s| &*m.nets[s.0].name).collect();
                        faults.push(format!("combinational loop: {}", path.join(" <- ")));
                        return IndexMap::new();
                    }
                    if state[d] == 0 {
                        stack.push((d, 0));
                    }
                }
                None => {
                    state[*net] = 2;
                    stack.pop();
                }
            }
        }
    }
    let mut through = IndexMap::new();
    for &port in &m.ports {
        if m.nets[port].kind != NetKind::Output {
            continue;
        }
        let mut seen: IndexSet<usize> = IndexSet::from([port]);
        let mut at = 0;
        while let Some(&net) = seen.get_index(at) {
            at += 1;
            seen.extend(deps[net].iter().copied());
        }
        let inputs = seen
            .iter()
            .filter(|&&n| m.nets[n].kind == NetKind::Input)
            .map(|&n| m.nets[n].name.to_string())
            .collect();
        through.insert(m.nets[port].name.to_string(), inputs);
    }
    through
}

/// Interval arithmetic over declared ranges. An operation that could wrap has the full range of its type, so a
/// sum one bit too narrow is caught although every width agrees.
struct Ranges<'a> {
    m: &'a ModuleBuilder,
    memo: IndexMap<usize, (i128, i128)>,
}

/// Types wider than this are not tracked.
const WIDEST: u32 = 120;

fn full(ty: Ty) -> (i128, i128) {
    match (ty.width > WIDEST, ty.signed) {
        (true, _) => (i128::MIN / 2, i128::MAX / 2),
        (false, true) => (-(1i128 << (ty.width - 1)), (1i128 << (ty.width - 1)) - 1),
        (false, false) => (0, (1i128 << ty.width) - 1),
    }
}

impl Ranges<'_> {
    fn check(mut self, faults: &mut Vec<String>) {
        for def in &self.m.nets {
            let ((low, high), Some((a, b))) = (full(def.ty), def.range) else {
                continue;
            };
            if a < low || b > high {
                let text = format!("{}: `{}` promises {a}..={b}", def.loc, def.name);
                faults.push(format!("{text}, more than a {} holds", def.ty));
            }
        }
        for item in &self.m.items {
            match item {
                Item::Wire {
                    net,
                    value: Some(value),
                }
                | Item::Assign { net, value } => {
                    self.demand(*net, value, faults);
                }
                Item::Case {
                    net, arms, default, ..
                } => {
                    for value in arms.iter().map(|(_, v)| v).chain([default]) {
                        self.demand(*net, value, faults);
                    }
                }
                Item::Clocked { stmts, .. } => self.statements(stmts, faults),
                _ => {}
            }
        }
    }

    fn statements(&mut self, stmts: &[Stmt], faults: &mut Vec<String>) {
        for s in stmts {
            match s {
                Stmt::Set { net, value } => self.demand(net & MASK, value, faults),
                Stmt::If(arms) => arms.iter().for_each(|(_, b)| self.statements(b, faults)),
            }
        }
    }

    fn demand(&mut self, net: usize, value: &Expr, faults: &mut Vec<String>) {
        let def = &self.m.nets[net];
        let (Some((low, high)), false) = (def.range, def.assumed) else {
            return;
        };
        let (a, b) = self.of(value);
        if a < low || b > high {
            faults.push(format!(
                "{}: `{}` promises {low}..={high} but can be {a}..={b}",
                def.loc, def.name
            ));
        }
    }

    fn of(&mut self, e: &Expr) -> (i128, i128) {
        let whole = full(e.ty);
        if e.ty.width > WIDEST {
            return whole;
        }
        let exact = match &*e.node {
            Node::Net { id, .. } => self.net(id & MASK, e.ty),
            Node::Lit(v) => {
                let v = v.to_i128().unwrap_or(0);
                let v = if v > whole.1 {
                    v - (1i128 << e.ty.width)
                } else {
                    v
                };
                (v, v)
            }
            Node::Un(UnOp::Neg, x) => {
                let (a, b) = self.of(x);
                (-b, -a)
            }
            Node::Bin(op, a, b) => {
                let ((a0, a1), (b0, b1)) = (self.of(a), self.of(b));
                match op {
                    BinOp::Add => (a0 + b0, a1 + b1),
                    BinOp::Sub => (a0 - b1, a1 - b0),
                    BinOp::Mul => {
                        let p = [a0, a1].map(|x| [x.saturating_mul(b0), x.saturating_mul(b1)]);
                        let p = p.concat();
                        let low = p.iter().copied().min().unwrap_or(whole.0);
                        (low, p.iter().copied().max().unwrap_or(whole.1))
                    }
                    _ => whole,
                }
            }
            Node::Mux(_, a, b) => {
                let ((a0, a1), (b0, b1)) = (self.of(a), self.of(b));
                (a0.min(b0), a1.max(b1))
            }
            Node::Extend(x) => self.of(x),
            Node::Cast(x) => self.of(x),
            _ => whole,
        };
        if exact.0 < whole.0 || exact.1 > whole.1 {
            whole
        } else {
            exact
        }
    }

    fn net(&mut self, net: usize, ty: Ty) -> (i128, i128) {
        if let Some(range) = self.m.nets[net].range {
            return range;
        }
        if let Some(&known) = self.memo.get(&net) {
            return known;
        }
        let value = self.m.items.iter().find_map(|i| match i {
            Item::Wire {
                net: n,
                value: Some(v),
            } if *n == net => Some(v),
            _ => None,
        });
        let range = value.map_or(full(ty), |v| self.of(v));
        self.memo.insert(net, range);
        range
    }
}
