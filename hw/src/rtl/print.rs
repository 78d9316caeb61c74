//! The one printer: a checked module becomes Verilog-2005 that every tool reads in the same way.
//!
//! Every operator inside another is parenthesised, so no precedence is relied on; every operand already has the
//! width of its context, so no implicit extension happens.

use std::fmt::Write;

use num_bigint::BigUint;
use num_traits::Zero;

use super::expr::{BinOp, Expr, Node, UnOp};
use super::module::{Clock, Item, MemDef, MemPort, MemStyle, Module, NetDef, NetKind, PortDir};
use super::stmt::Stmt;
use super::ty::Ty;

const INDENT: &str = "  ";

/// Text of one module, without the file's head comment.
pub(super) fn module(m: &Module) -> String {
    let mut out = String::new();
    for line in m.doc.lines() {
        let _ = writeln!(out, "{}", format!("// {line}").trim_end());
    }
    out.push_str("`default_nettype none\n\n");
    ports(m, &mut out);
    let mut quiet = true;
    for item in &m.items {
        // Declarations and their one-line drivers stand together; blocks are set apart by an empty line.
        let block = !matches!(
            item,
            Item::Wire { .. } | Item::Reg { .. } | Item::Assign { .. } | Item::Unused { .. }
        );
        if block && !quiet && !matches!(item, Item::Comment(_)) {
            out.push('\n');
        }
        let comment = matches!(item, Item::Comment(_));
        if comment && !quiet {
            out.push('\n');
        }
        let start = out.len();
        print_item(m, item, &mut out);
        let large = out[start..].lines().count() > 1 && block;
        if large {
            out.push('\n');
        }
        quiet = large || comment || matches!(item, Item::Section(_));
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out.push_str("\nendmodule\n\n`default_nettype wire\n");
    out
}

fn ports(m: &Module, out: &mut String) {
    let _ = writeln!(out, "module {} (", m.name);
    let rows: Vec<(String, String, &str)> = m
        .ports
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let dir = match p.dir {
                PortDir::Input => "input  wire",
                PortDir::Output => "output wire",
            };
            let comma = if i + 1 == m.ports.len() { "" } else { "," };
            (
                format!("{dir} {}", range(p.ty)),
                format!("{}{comma}", p.name),
                p.doc.as_str(),
            )
        })
        .collect();
    let left = rows.iter().map(|r| r.0.len()).max().unwrap_or(0);
    let mid = rows.iter().map(|r| r.1.len()).max().unwrap_or(0);
    for (a, b, doc) in &rows {
        let line = if doc.is_empty() {
            format!("{INDENT}{a:<left$} {b}")
        } else {
            format!("{INDENT}{a:<left$} {b:<mid$}  // {doc}")
        };
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push_str(");\n\n");
}

fn range(ty: Ty) -> String {
    let sign = if ty.signed { "signed " } else { "" };
    if ty.width == 1 && !ty.signed {
        String::new()
    } else {
        format!("{sign}[{}:0]", ty.width - 1)
    }
}

fn declare(kind: &str, net: &NetDef) -> String {
    let r = range(net.ty);
    let space = if r.is_empty() { "" } else { " " };
    format!("{kind} {r}{space}{}", net.name)
}

fn trailing(net: &NetDef) -> String {
    if net.doc.is_empty() {
        String::new()
    } else {
        format!("  // {}", net.doc)
    }
}

fn print_item(m: &Module, item: &Item, out: &mut String) {
    let line = |out: &mut String, text: String| {
        let _ = writeln!(out, "{INDENT}{text}");
    };
    match item {
        Item::Section(title) => {
            let rule = "-".repeat(96usize.saturating_sub(title.len()));
            line(out, format!("// {title} {rule}"));
        }
        Item::Comment(text) => {
            for l in text.lines() {
                line(out, format!("// {l}"));
            }
        }
        Item::Wire { net, value } => {
            let def = &m.nets[*net];
            let text = match value {
                Some(v) => format!("{} = {};{}", declare("wire", def), expr(v), trailing(def)),
                None => format!("{};{}", declare("wire", def), trailing(def)),
            };
            line(out, text);
        }
        Item::Reg { net } => {
            let def = &m.nets[*net];
            line(out, format!("{};{}", declare("reg", def), trailing(def)));
        }
        Item::Assign { net, value } => {
            line(
                out,
                format!("assign {} = {};", m.nets[*net].name, expr(value)),
            );
        }
        Item::Case {
            net,
            select,
            arms,
            default,
        } => case(m, *net, select, arms, default, out),
        Item::Clocked { clock, stmts, regs } => clocked(m, clock, stmts, regs, out),
        Item::Mem { mem } => memory(&m.mems[*mem], out),
        Item::MemAccess { mem, clock, port } => access(m, &m.mems[*mem], clock, port, out),
        Item::Instance {
            name,
            module,
            conns,
        } => {
            line(out, format!("{} {name} (", module.name));
            connections(conns, out);
        }
        Item::BlackBox {
            name,
            module,
            params,
            conns,
        } => {
            if params.is_empty() {
                line(out, format!("{} {name} (", module.name));
            } else {
                line(out, format!("{} #(", module.name));
                let pad = params.iter().map(|p| p.0.len()).max().unwrap_or(0);
                for (i, (param, value)) in params.iter().enumerate() {
                    let comma = if i + 1 == params.len() { "" } else { "," };
                    line(out, format!("{INDENT}.{param:<pad$} ({value}){comma}"));
                }
                line(out, format!(") {name} ("));
            }
            connections(conns, out);
        }
        Item::Assert { name, clock, cond } => {
            let _ = writeln!(out, "`ifdef FORMAL");
            line(out, format!("always @(posedge {}) begin", expr(&clock.clk)));
            line(
                out,
                format!(
                    "{INDENT}if (!{}) {name}: assert ({});",
                    operand(&clock.rst),
                    expr(cond)
                ),
            );
            line(out, "end".into());
            let _ = writeln!(out, "`endif");
        }
        Item::Unused { value, index } => {
            line(
                out,
                format!("wire unused_{index} = &{{1'b0, {}}};", expr(value)),
            );
        }
    }
}

fn connections(conns: &[(String, Expr)], out: &mut String) {
    let pad = conns.iter().map(|c| c.0.len()).max().unwrap_or(0);
    for (i, (port, value)) in conns.iter().enumerate() {
        let comma = if i + 1 == conns.len() { "" } else { "," };
        let _ = writeln!(
            out,
            "{INDENT}{INDENT}.{port:<pad$} ({}){comma}",
            expr(value)
        );
    }
    let _ = writeln!(out, "{INDENT});");
}

fn case(
    m: &Module,
    net: usize,
    select: &Expr,
    arms: &[(BigUint, Expr)],
    default: &Expr,
    out: &mut String,
) {
    let def = &m.nets[net];
    let _ = writeln!(out, "{INDENT}{};{}", declare("reg", def), trailing(def));
    let _ = writeln!(out, "{INDENT}always @* begin");
    let _ = writeln!(out, "{INDENT}{INDENT}case ({})", expr(select));
    let keys: Vec<String> = arms
        .iter()
        .map(|(k, _)| format!("{}'d{k}", select.ty.width))
        .collect();
    let pad = keys
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(0)
        .max("default".len());
    for (key, (_, value)) in keys.iter().zip(arms) {
        let key = format!("{key}:");
        let _ = writeln!(
            out,
            "{0}{0}{0}{key:<1$} {2} = {3};",
            INDENT,
            pad + 1,
            def.name,
            expr(value)
        );
    }
    let key = "default:";
    let _ = writeln!(
        out,
        "{0}{0}{0}{key:<1$} {2} = {3};",
        INDENT,
        pad + 1,
        def.name,
        expr(default)
    );
    let _ = writeln!(out, "{INDENT}{INDENT}endcase");
    let _ = writeln!(out, "{INDENT}end");
}

fn clocked(m: &Module, clock: &Clock, stmts: &[Stmt], regs: &[usize], out: &mut String) {
    let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
    for stmt in stmts {
        statement(m, stmt, 2, out);
    }
    let resets: Vec<(&NetDef, &BigUint)> = regs
        .iter()
        .filter_map(|&r| m.nets[r].reset.as_ref().map(|v| (&m.nets[r], v)))
        .collect();
    if !resets.is_empty() {
        let _ = writeln!(out, "{INDENT}{INDENT}if ({}) begin", expr(&clock.rst));
        let pad = resets.iter().map(|r| r.0.name.len()).max().unwrap_or(0);
        for (def, value) in resets {
            let text = literal(value, def.ty);
            let _ = writeln!(out, "{0}{0}{0}{1:<pad$} <= {text};", INDENT, def.name);
        }
        let _ = writeln!(out, "{INDENT}{INDENT}end");
    }
    let _ = writeln!(out, "{INDENT}end");
}

fn statement(m: &Module, stmt: &Stmt, depth: usize, out: &mut String) {
    let pad = INDENT.repeat(depth);
    match stmt {
        Stmt::Set { net, value } => {
            let _ = writeln!(
                out,
                "{pad}{} <= {};",
                m.nets[net & 0xffff_ffff].name,
                expr(value)
            );
        }
        Stmt::If(arms) => {
            let _ = write!(out, "{pad}");
            for (i, (cond, body)) in arms.iter().enumerate() {
                match (i, cond) {
                    (0, Some(c)) => {
                        let _ = writeln!(out, "if ({}) begin", expr(c));
                    }
                    (_, Some(c)) => {
                        let _ = writeln!(out, " else if ({}) begin", expr(c));
                    }
                    (_, None) => {
                        let _ = writeln!(out, " else begin");
                    }
                }
                for s in body {
                    statement(m, s, depth + 1, out);
                }
                let _ = write!(out, "{pad}end");
            }
            out.push('\n');
        }
    }
}

fn memory(def: &MemDef, out: &mut String) {
    let style = match def.style {
        MemStyle::Auto => "",
        MemStyle::Distributed => "(* ram_style = \"distributed\" *) ",
        MemStyle::Block => "(* ram_style = \"block\" *) ",
        MemStyle::Ultra => "(* ram_style = \"ultra\" *) ",
    };
    let doc = if def.doc.is_empty() {
        String::new()
    } else {
        format!("  // {}", def.doc)
    };
    let word = range(super::ty::uint(def.width));
    let space = if word.is_empty() { "" } else { " " };
    let _ = writeln!(
        out,
        "{INDENT}{style}reg {word}{space}{} [0:{}];{doc}",
        def.name,
        def.depth - 1
    );
    if let Some(words) = &def.contents {
        let _ = writeln!(out, "{INDENT}initial begin");
        for (i, w) in words.iter().enumerate() {
            let value = literal(w, super::ty::uint(def.width));
            let _ = writeln!(out, "{INDENT}{INDENT}{}[{i}] = {value};", def.name);
        }
        let _ = writeln!(out, "{INDENT}end");
    }
}

fn access(m: &Module, def: &MemDef, clock: &Clock, port: &MemPort, out: &mut String) {
    match port {
        MemPort::Write {
            enable,
            addr,
            data,
            bytes: None,
        } => {
            let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
            let _ = writeln!(
                out,
                "{0}{0}if ({1}) {2}[{3}] <= {4};",
                INDENT,
                expr(enable),
                def.name,
                expr(addr),
                expr(data)
            );
            let _ = writeln!(out, "{INDENT}end");
        }
        MemPort::Write {
            enable,
            addr,
            data,
            bytes: Some(b),
        } => {
            let (lanes, w, index) = (b.enable.ty.width, b.width, format!("{}_lane", def.name));
            let _ = writeln!(out, "{INDENT}integer {index};");
            let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
            let _ = writeln!(
                out,
                "{0}{0}for ({index} = 0; {index} < {lanes}; {index} = {index} + 1) begin",
                INDENT
            );
            let _ = writeln!(
                out,
                "{0}{0}{0}if ({1} & {2}[{index}]) {3}[{4}][{index} * {w} +: {w}] <= {5}[{index} * {w} +: {w}];",
                INDENT,
                operand(enable),
                expr(&b.enable),
                def.name,
                expr(addr),
                expr(data)
            );
            let _ = writeln!(out, "{INDENT}{INDENT}end");
            let _ = writeln!(out, "{INDENT}end");
        }
        MemPort::Read { enable, addr, net } => {
            let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
            let guard = match &*enable.node {
                Node::Lit(v) if !v.is_zero() => String::new(),
                _ => format!("if ({}) ", expr(enable)),
            };
            let _ = writeln!(
                out,
                "{0}{0}{guard}{1} <= {2}[{3}];",
                INDENT,
                m.nets[*net].name,
                def.name,
                expr(addr)
            );
            let _ = writeln!(out, "{INDENT}end");
        }
    }
}

/// A constant, sized and signed like its type.
fn literal(bits: &BigUint, ty: Ty) -> String {
    if !ty.signed {
        let long = ty.width > 32;
        return if long {
            format!("{}'h{bits:x}", ty.width)
        } else {
            format!("{}'d{bits}", ty.width)
        };
    }
    let sign = BigUint::from(1u32) << (ty.width - 1);
    if *bits < sign {
        format!("{}'sd{bits}", ty.width)
    } else if *bits == sign {
        // The magnitude of the minimum does not fit the type, so it is written as bits.
        format!("{}'sh{bits:x}", ty.width)
    } else {
        let magnitude = (&sign << 1u32) - bits;
        format!("-{}'sd{magnitude}", ty.width)
    }
}

/// An expression that stands alone: no parentheses around it.
fn expr(e: &Expr) -> String {
    match &*e.node {
        Node::Net { name, .. } => name.to_string(),
        Node::Lit(v) => literal(v, e.ty),
        Node::Un(op, x) => {
            let sign = match op {
                UnOp::Not => "~",
                UnOp::Neg => "-",
                UnOp::RedAnd => "&",
                UnOp::RedOr => "|",
                UnOp::RedXor => "^",
            };
            format!("{sign}{}", operand(x))
        }
        Node::Bin(BinOp::Mul, a, b) => {
            format!("{} * {}", widened(a, e.ty.width), widened(b, e.ty.width))
        }
        Node::Bin(op, a, b) => {
            let sign = match op {
                BinOp::And => "&",
                BinOp::Or => "|",
                BinOp::Xor => "^",
                BinOp::Add => "+",
                BinOp::Sub => "-",
                BinOp::Mul => "*",
                BinOp::Eq => "==",
                BinOp::Ne => "!=",
                BinOp::Lt => "<",
                BinOp::Le => "<=",
                BinOp::Shl => "<<",
                BinOp::Shr if a.ty.signed => ">>>",
                BinOp::Shr => ">>",
            };
            // Chains of one associative operator read better without parentheses.
            let chain = matches!(op, BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Add);
            let left = match &*a.node {
                Node::Bin(inner, ..) if chain && inner == op => expr(a),
                _ => operand(a),
            };
            format!("{left} {sign} {}", operand(b))
        }
        Node::Mux(c, a, b) => format!("{} ? {} : {}", operand(c), operand(a), mux_tail(b)),
        Node::Slice(base, lo) => {
            let hi = lo + e.ty.width - 1;
            if hi == *lo {
                format!("{}[{lo}]", expr(base))
            } else {
                format!("{}[{hi}:{lo}]", expr(base))
            }
        }
        Node::Part(base, index) => {
            let shift = e.ty.width.trailing_zeros();
            let start = if shift == 0 {
                expr(index)
            } else {
                format!("{{{}, {shift}'d0}}", expr(index))
            };
            if e.ty.width == 1 {
                format!("{}[{start}]", expr(base))
            } else {
                format!("{}[{start} +: {}]", expr(base), e.ty.width)
            }
        }
        Node::Cat(parts) => {
            let parts: Vec<String> = parts.iter().map(expr).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Node::Repeat(n, x) => format!("{{{n}{{{}}}}}", expr(x)),
        Node::Extend(_) => widened_node(e),
        Node::Cast(x) if e.ty.signed => format!("$signed({})", expr(x)),
        Node::Cast(x) => format!("$unsigned({})", expr(x)),
        Node::MemRead { name, addr, .. } => format!("{name}[{}]", expr(addr)),
        Node::Poison(message) => format!("/* {message} */"),
    }
}

/// A chain of multiplexers reads as a list.
fn mux_tail(e: &Expr) -> String {
    match &*e.node {
        Node::Mux(..) => expr(e),
        _ => operand(e),
    }
}

/// An expression inside another: parenthesised unless it is atomic.
fn operand(e: &Expr) -> String {
    match &*e.node {
        Node::Un(..) | Node::Bin(..) | Node::Mux(..) => format!("({})", expr(e)),
        Node::Lit(_) => {
            let text = expr(e);
            if text.starts_with('-') {
                format!("({text})")
            } else {
                text
            }
        }
        _ => expr(e),
    }
}

fn widened_node(e: &Expr) -> String {
    match &*e.node {
        Node::Extend(x) => widened(x, e.ty.width),
        _ => expr(e),
    }
}

/// `x` with its bits up to `width` filled with zeros or its sign.
fn widened(x: &Expr, width: u32) -> String {
    let fill = width - x.ty.width;
    match &*x.node {
        _ if fill == 0 => operand(x),
        Node::Lit(_) => expr(&x.extend(width)),
        _ if !x.ty.signed => format!("{{{fill}'d0, {}}}", expr(x)),
        _ => {
            let name = expr(x);
            let sign = if x.ty.width == 1 {
                format!("{name}[0]")
            } else {
                format!("{name}[{}]", x.ty.width - 1)
            };
            format!("$signed({{{{{fill}{{{sign}}}}}, {name}}})")
        }
    }
}

/// Kinds of nets that print as Verilog regs; used by the checker's messages.
pub(super) fn kind_name(kind: NetKind) -> &'static str {
    match kind {
        NetKind::Input => "input",
        NetKind::Output => "output",
        NetKind::Wire => "wire",
        NetKind::Case => "case",
        NetKind::Reg => "register",
    }
}
