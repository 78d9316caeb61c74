//! Texts derived from the tables: canonical text (hashed into the ABI), C header, Markdown, SystemRDL.

use std::fmt::Write;

use super::cause::{Cause, FaultUnit};
use super::csr::{self, Access};
use super::instr::{FlagKind, Op};
use super::unit::Unit;
use super::{FORMAT_VERSION, IMAGE_MAGIC, PROGRAM_MAGIC, VERSION};

/// Canonical text of instruction set, CSR map and causes: whatever may change the meaning of a program or of a
/// host driver changes this text.
pub fn isa_text() -> String {
    let mut out = String::new();
    line(&mut out, format_args!("version {VERSION:#010x}"));
    line(
        &mut out,
        format_args!("magic {PROGRAM_MAGIC:#010x} {IMAGE_MAGIC:#010x} format {FORMAT_VERSION}"),
    );
    for unit in Unit::ALL {
        line(&mut out, format_args!("unit {} {unit}", unit.index()));
    }
    for op in Op::ALL {
        let def = op.def();
        let mut row = format!(
            "op {:#04x} {} {}",
            def.opcode,
            def.mnemonic,
            def.target.name()
        );
        for f in def.fields {
            let _ = write!(row, " f{}:{}:{}", f.index, f.name, f.kind.name());
        }
        for f in def.flags {
            let _ = write!(row, " flag {}@{}+{} {:?}", f.name, f.low, f.width, f.kind);
        }
        line(&mut out, format_args!("{row} | {}", def.doc));
    }
    for c in csr::TABLE {
        let mut row = format!("csr {:#05x} {} {}", c.offset, c.name, c.access.name());
        for f in c.fields {
            let _ = write!(row, " {}@{}+{}", f.name, f.low, f.width);
        }
        line(&mut out, format_args!("{row}"));
    }
    for cause in Cause::ALL {
        line(
            &mut out,
            format_args!("cause {} {}", cause.code(), cause.name()),
        );
    }
    for unit in FaultUnit::ALL {
        line(
            &mut out,
            format_args!("fault_unit {} {}", unit.code(), unit.name()),
        );
    }
    out
}

/// C header of the host interface: CSR offsets and fields, causes, magic numbers. `abi` is the ABI hash of the
/// machine ([`crate::params::MachineParams::abi_hash`]).
pub fn csr_h(abi: u64) -> String {
    let mut out = String::from("#ifndef TRITFORGE_CSR_H\n#define TRITFORGE_CSR_H\n\n");
    line(
        &mut out,
        format_args!("#define TRITFORGE_ABI {abi:#018x}ull"),
    );
    line(
        &mut out,
        format_args!("#define TRITFORGE_ISA_VERSION {VERSION:#010x}u"),
    );
    line(
        &mut out,
        format_args!("#define TRITFORGE_PROGRAM_MAGIC {PROGRAM_MAGIC:#010x}u"),
    );
    line(
        &mut out,
        format_args!("#define TRITFORGE_IMAGE_MAGIC {IMAGE_MAGIC:#010x}u"),
    );
    out.push_str("\n/* Registers: byte offsets; _BIT: masks of their fields. */\n");
    for c in csr::TABLE {
        let name = format!("TRITFORGE_{}", c.name);
        line(
            &mut out,
            format_args!("#define {name:<32} {:#05x}u /* {} */", c.offset, c.doc),
        );
        for f in c.fields {
            let name = format!("{name}_{}_BIT", f.name.to_uppercase());
            line(
                &mut out,
                format_args!("#define {name:<32} {:#x}u /* {} */", 1u32 << f.low, f.doc),
            );
        }
    }
    out.push_str("\n/* Values of FAULT_CAUSE. */\n");
    for cause in Cause::ALL {
        let name = format!("TRITFORGE_CAUSE_{}", cause.name());
        line(
            &mut out,
            format_args!("#define {name:<32} {}u /* {} */", cause.code(), cause.doc()),
        );
    }
    out.push_str("\n/* Values of FAULT_UNIT. */\n");
    for unit in FaultUnit::ALL {
        let name = format!("TRITFORGE_UNIT_{}", unit.name().to_uppercase());
        line(
            &mut out,
            format_args!("#define {name:<32} {}u", unit.code()),
        );
    }
    out.push_str("\n#endif\n");
    out
}

/// Manual of instructions, CSRs and causes.
pub fn isa_markdown() -> String {
    let mut out = String::from("# Instructions\n\n");
    out.push_str("| opcode | instruction | unit | operands | flags | effect |\n");
    out.push_str("|---|---|---|---|---|---|\n");
    for op in Op::ALL {
        let def = op.def();
        let fields: Vec<String> = def
            .fields
            .iter()
            .map(|f| format!("f{} {} ({})", f.index, f.name, f.kind.name()))
            .collect();
        let flags: Vec<String> = def.flags.iter().map(flag_text).collect();
        line(
            &mut out,
            format_args!(
                "| {:#04x} | {} | {} | {} | {} | {} |",
                def.opcode,
                def.mnemonic,
                def.target.name(),
                fields.join(", "),
                flags.join("; "),
                def.doc
            ),
        );
    }
    out.push_str("\n# Control and status registers\n\n");
    out.push_str("| offset | name | access | reset | what |\n|---|---|---|---|---|\n");
    for c in csr::TABLE {
        let mut doc = c.doc.to_string();
        for f in c.fields {
            let _ = write!(doc, "; {} [{}]: {}", f.name, f.low, f.doc);
        }
        line(
            &mut out,
            format_args!(
                "| {:#05x} | {} | {} | {:#x} | {doc} |",
                c.offset,
                c.name,
                c.access.name(),
                c.reset
            ),
        );
    }
    out.push_str("\n# Fault causes\n\n| code | name | what |\n|---|---|---|\n");
    for cause in Cause::ALL {
        line(
            &mut out,
            format_args!("| {} | {} | {} |", cause.code(), cause.name(), cause.doc()),
        );
    }
    out
}

/// The CSR map in SystemRDL 2.0.
pub fn systemrdl() -> String {
    let mut out = String::from("addrmap tritforge {\n    default regwidth = 32;\n");
    for c in csr::TABLE {
        let (software, extra) = match c.access {
            Access::ReadOnly => ("r", ""),
            Access::ReadWrite | Access::Locked => ("rw", ""),
            Access::WriteOneClear => ("rw", " onwrite = woclr;"),
            Access::WriteOneSet => ("rw", " onwrite = woset;"),
            Access::Command => ("w", " singlepulse;"),
        };
        let hardware = match c.access {
            Access::ReadWrite | Access::Locked | Access::Command => "r",
            Access::WriteOneClear => "rw",
            Access::ReadOnly => "w",
            Access::WriteOneSet => "r",
        };
        let doc = c.doc.replace('"', "'");
        line(&mut out, format_args!("    reg {{"));
        line(&mut out, format_args!("        desc = \"{doc}\";"));
        if c.fields.is_empty() {
            line(
                &mut out,
                format_args!(
                    "        field {{ sw = {software}; hw = {hardware};{extra} }} value[31:0] = {:#x};",
                    c.reset
                ),
            );
        }
        for f in c.fields {
            let high = f.low + f.width - 1;
            let reset = (c.reset >> f.low) & ((1 << f.width) - 1);
            line(
                &mut out,
                format_args!(
                    "        field {{ desc = \"{}\"; sw = {software}; hw = {hardware};{extra} }} {}[{high}:{}] = {reset:#x};",
                    f.doc, f.name, f.low
                ),
            );
        }
        line(
            &mut out,
            format_args!("    }} {} @ {:#05x};", c.name, c.offset),
        );
    }
    out.push_str("};\n");
    out
}

fn flag_text(flag: &super::instr::Flag) -> String {
    let high = flag.low + flag.width - 1;
    let value = match flag.kind {
        FlagKind::Bit => String::new(),
        FlagKind::Choice(names) => format!(" ({})", names.join(", ")),
        FlagKind::MinusOne => " minus 1".into(),
    };
    format!("[{high}:{}] {}{value}: {}", flag.low, flag.name, flag.doc)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
