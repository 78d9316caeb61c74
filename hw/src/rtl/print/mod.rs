//! The one printer: a checked module becomes Verilog-2005 that every tool reads in the same way.
//!
//! Every binary operator inside another is parenthesised, so no precedence among them is relied on; every operand
//! already has the width of its context, so no implicit extension happens.

use std::fmt::Write;

mod expr;
mod layout;

use num_bigint::BigUint;
use num_traits::Zero;

use super::expr::{Expr, Node};
use super::module::{Clock, Item, MemDef, MemPort, MemStyle, Module, NetDef, NetKind, PortDir};
use super::stmt::Stmt;
use super::ty::Ty;
use expr::{expr, literal, operand};

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
    let mut items = &m.items[..];
    while let [item, rest @ ..] = items {
        let run = items.iter().take_while(|i| declares(i)).count();
        if run > 1 {
            declarations(m, &items[..run], &mut out);
            items = &items[run..];
            quiet = false;
            continue;
        }
        items = rest;
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
    layout::table(out, INDENT.len(), &rows);
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
    format!("{}{kind} {r}{space}{}", attribute(net), net.name)
}

fn attribute(net: &NetDef) -> &'static str {
    if net.flip_flop {
        "(* shreg_extract = \"no\" *) "
    } else {
        ""
    }
}

/// A declaration without a value.
fn declares(item: &Item) -> bool {
    matches!(item, Item::Reg { .. } | Item::Wire { value: None, .. })
}

/// A run of declarations, in columns.
fn declarations(m: &Module, items: &[Item], out: &mut String) {
    let rows: Vec<(String, String, &str)> = items
        .iter()
        .filter_map(|item| {
            let (kind, net) = match item {
                Item::Reg { net } => ("reg", net),
                Item::Wire { net, .. } => ("wire", net),
                _ => return None,
            };
            let def = &m.nets[*net];
            let left = format!("{}{kind} {}", attribute(def), range(def.ty));
            Some((left, format!("{};", def.name), def.doc.as_str()))
        })
        .collect();
    layout::table(out, INDENT.len(), &rows);
}

fn print_item(m: &Module, item: &Item, out: &mut String) {
    let line = |out: &mut String, text: String| layout::code(out, INDENT.len(), &text);
    match item {
        Item::Section(title) => {
            let rule = "-".repeat(96usize.saturating_sub(title.len()));
            let _ = writeln!(out, "{INDENT}// {title} {rule}");
        }
        Item::Comment(text) => {
            layout::comment(out, INDENT.len(), text);
        }
        Item::Wire { net, value } => {
            let def = &m.nets[*net];
            let text = match value {
                Some(v) => format!("{} = {};", declare("wire", def), expr(v)),
                None => format!("{};", declare("wire", def)),
            };
            layout::code_doc(out, INDENT.len(), &text, &def.doc);
        }
        Item::Reg { net } => {
            let def = &m.nets[*net];
            let text = format!("{};", declare("reg", def));
            layout::code_doc(out, INDENT.len(), &text, &def.doc);
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
        // A port takes bits as they are; Yosys 0.70 stops at a cast there.
        let bits = match &*value.node {
            Node::Cast(inner) => inner,
            _ => value,
        };
        let text = format!(".{port:<pad$} ({}){comma}", expr(bits));
        layout::code(out, 2 * INDENT.len(), &text);
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
    let text = format!("{};", declare("reg", def));
    layout::code_doc(out, INDENT.len(), &text, &def.doc);
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
    let rows = keys.iter().zip(arms.iter().map(|(_, v)| v));
    for (key, value) in rows.chain(std::iter::once((&"default".to_string(), default))) {
        let key = format!("{key}:");
        let text = format!("{key:<0$} {1} = {2};", pad + 1, def.name, expr(value));
        layout::code(out, 3 * INDENT.len(), &text);
    }
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
            let text = format!("{} <= {};", m.nets[net & 0xffff_ffff].name, expr(value));
            layout::code(out, pad.len(), &text);
        }
        Stmt::If(arms) => {
            let mut lead = String::new();
            for (cond, body) in arms {
                let head = match cond {
                    Some(c) => format!("{lead}if ({}) begin", expr(c)),
                    None => format!("{lead}begin"),
                };
                layout::code(out, pad.len(), &head);
                for s in body {
                    statement(m, s, depth + 1, out);
                }
                lead = "end else ".into();
            }
            let _ = writeln!(out, "{pad}end");
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
    let word = range(super::ty::uint(def.width));
    let space = if word.is_empty() { "" } else { " " };
    let last = def.depth - 1;
    let text = format!("{style}reg {word}{space}{} [0:{last}];", def.name);
    layout::code_doc(out, INDENT.len(), &text, &def.doc);
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
            let (en, a, d) = (expr(enable), expr(addr), expr(data));
            let text = format!("if ({en}) {}[{a}] <= {d};", def.name);
            layout::code(out, 2 * INDENT.len(), &text);
            let _ = writeln!(out, "{INDENT}end");
        }
        MemPort::Write {
            enable,
            addr,
            data,
            bytes: Some((b, lane_port)),
        } => {
            let (lanes, w, index) = (b.enable.ty.width, b.width, lane_index(def, *lane_port));
            let _ = writeln!(out, "{INDENT}integer {index};");
            let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
            let _ = writeln!(
                out,
                "{0}{0}for ({index} = 0; {index} < {lanes}; {index} = {index} + 1) begin",
                INDENT
            );
            let (en, lane, a, d) = (operand(enable), expr(&b.enable), expr(addr), expr(data));
            let part = format!("[{index} * {w} +: {w}]");
            let text = format!(
                "if ({en} & {lane}[{index}]) {}[{a}]{part} <= {d}{part};",
                def.name
            );
            layout::code(out, 3 * INDENT.len(), &text);
            let _ = writeln!(out, "{INDENT}{INDENT}end");
            let _ = writeln!(out, "{INDENT}end");
        }
        MemPort::Read { enable, addr, net } => {
            let _ = writeln!(out, "{INDENT}always @(posedge {}) begin", expr(&clock.clk));
            let guard = match &*enable.node {
                Node::Lit(v) if !v.is_zero() => String::new(),
                _ => format!("if ({}) ", expr(enable)),
            };
            let text = format!(
                "{guard}{} <= {}[{}];",
                m.nets[*net].name,
                def.name,
                expr(addr)
            );
            layout::code(out, 2 * INDENT.len(), &text);
            let _ = writeln!(out, "{INDENT}end");
        }
    }
}

/// Name of the loop variable of a memory's `port`-th write port with byte enables.
pub(super) fn lane_index(def: &MemDef, port: usize) -> String {
    match port {
        0 => format!("{}_lane", def.name),
        _ => format!("{}_lane_{port}", def.name),
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
