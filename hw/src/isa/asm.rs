//! Assembler text: `gemv dst=r3+12, src=64, k=192, nt=48 wait=load release=vec`.
//!
//! A line is a mnemonic and `name=value` items in any order, separated by commas or blanks; `;` starts a comment.
//! Operands are `r3`, `r3+12`, `r3-12`, `12`, `-12` or hexadecimal `0x1f`; what is not written is 0. Flags are a
//! bare name, `name=choice` or `name=number`. Masks are unit names joined by `+`. Bits that the table does not
//! name are written `f0=` .. `f6=`, `flags=`, `wait=`, `release=` with numbers, so that every word has a text.
//! In a program, `name:` on its own line is a label, and `to=@name` jumps to it.

use std::fmt::Write;

use indexmap::IndexMap;

use super::instr::{FieldKind, FlagKind, Op};
use super::unit::Unit;
use super::word::{Instr, Operand};

/// Fault in assembler text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AsmError {
    #[error("line {line}: {source}")]
    Line {
        line: usize,
        #[source]
        source: Box<AsmError>,
    },
    #[error("`{0}` is not an instruction")]
    Mnemonic(String),
    #[error("`{op}` has no operand or flag `{name}`")]
    Name { op: &'static str, name: String },
    #[error("`{0}` is not a value of this operand")]
    Value(String),
    #[error("`{0}` is not a unit")]
    Unit(String),
    #[error("label `{0}` is not defined")]
    Label(String),
    #[error("label `{0}` is defined twice")]
    LabelTwice(String),
}

/// One instruction as text.
pub fn disassemble(instr: &Instr) -> String {
    let def = instr.op.def();
    let mut out = def.mnemonic.to_string();
    let mut first = true;
    let mut operand = |name: &str, value: String| {
        let comma = if first { "" } else { "," };
        first = false;
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma} {name}={value}");
    };
    for field in def.fields {
        let f = instr.f[usize::from(field.index)];
        match field.kind {
            FieldKind::Literal => operand(field.name, (f.raw() as i32).to_string()),
            FieldKind::Register if f.imm != 0 => {
                operand(&format!("f{}", field.index), operand_text(f));
            }
            FieldKind::Register => operand(field.name, format!("r{}", f.reg)),
            _ => operand(field.name, operand_text(f)),
        }
    }
    for (index, f) in instr.f.iter().enumerate() {
        let named = def.fields.iter().any(|d| usize::from(d.index) == index);
        if !named && f.raw() != 0 {
            operand(&format!("f{index}"), operand_text(*f));
        }
    }
    let known = def.flags.iter().fold(0u8, |acc, f| acc | f.mask());
    if instr.flags & !known != 0 {
        let _ = write!(out, " flags={:#04x}", instr.flags);
    } else {
        for flag in def.flags {
            let value = (instr.flags & flag.mask()) >> flag.low;
            let _ = match flag.kind {
                FlagKind::MinusOne => write!(out, " {}={}", flag.name, value + 1),
                _ if value == 0 => Ok(()),
                FlagKind::Bit => write!(out, " {}", flag.name),
                FlagKind::Choice(names) => {
                    write!(out, " {}={}", flag.name, names[usize::from(value)])
                }
            };
        }
    }
    for (name, mask) in [("wait", instr.wait), ("release", instr.release)] {
        if mask != 0 {
            let _ = write!(out, " {name}={}", mask_text(mask));
        }
    }
    out
}

/// A program as text: one line an instruction, with its number as a comment and labels at literal branch targets.
pub fn disassemble_program(program: &[Instr]) -> String {
    let target = |instr: &Instr| {
        let def = instr.op.def();
        let branch = def.fields.iter().find(|f| f.kind == FieldKind::Branch)?;
        let f = instr.f[usize::from(branch.index)];
        let to = usize::try_from(f.imm).ok()?;
        (f.reg == 0 && to < program.len()).then_some(to)
    };
    let mut targets: Vec<usize> = program.iter().filter_map(target).collect();
    targets.sort_unstable();
    targets.dedup();
    let mut out = String::new();
    for (pc, instr) in program.iter().enumerate() {
        if targets.binary_search(&pc).is_ok() {
            let _ = writeln!(out, "L{pc}:");
        }
        let mut text = disassemble(instr);
        if let Some(to) = target(instr) {
            text = text.replace(&format!("to={to}"), &format!("to=@L{to}"));
        }
        let _ = writeln!(out, "    {text:<72} ; {pc}");
    }
    out
}

/// One line without labels.
///
/// # Errors
/// Unknown mnemonic, name, unit or value.
pub fn assemble_line(line: &str) -> Result<Instr, AsmError> {
    parse(line, &IndexMap::new())
}

/// A program with labels, comments and empty lines.
///
/// # Errors
/// As [`assemble_line`], with the line number; unknown or doubled labels.
pub fn assemble(text: &str) -> Result<Vec<Instr>, AsmError> {
    let mut labels = IndexMap::new();
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = |source| AsmError::Line {
            line: number + 1,
            source: Box::new(source),
        };
        let line = line.split(';').next().unwrap_or_default().trim();
        if let Some(label) = line.strip_suffix(':') {
            let pc = lines.len() as i32;
            if labels.insert(label.to_string(), pc).is_some() {
                return Err(at(AsmError::LabelTwice(label.to_string())));
            }
        } else if !line.is_empty() {
            lines.push((number + 1, line));
        }
    }
    lines
        .into_iter()
        .map(|(line, text)| {
            parse(text, &labels).map_err(|source| AsmError::Line {
                line,
                source: Box::new(source),
            })
        })
        .collect()
}

fn parse(line: &str, labels: &IndexMap<String, i32>) -> Result<Instr, AsmError> {
    let line = line.split(';').next().unwrap_or_default();
    let mut words = line
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|w| !w.is_empty());
    let mnemonic = words.next().unwrap_or_default();
    let op = Op::from_mnemonic(mnemonic).ok_or_else(|| AsmError::Mnemonic(mnemonic.into()))?;
    let mut instr = Instr::new(op);
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        item(&mut instr, name, value, labels)?;
    }
    Ok(instr)
}

fn item(
    instr: &mut Instr,
    name: &str,
    value: Option<&str>,
    labels: &IndexMap<String, i32>,
) -> Result<(), AsmError> {
    let def = instr.op.def();
    let unknown = || AsmError::Name {
        op: def.mnemonic,
        name: name.into(),
    };
    let text = value.unwrap_or_default();
    let bad = || AsmError::Value(text.into());
    if let Some(field) = def.fields.iter().find(|f| f.name == name) {
        instr.f[usize::from(field.index)] = match (field.kind, text.strip_prefix('@')) {
            (FieldKind::Literal, _) => {
                let bits = number(text).ok_or_else(bad)?;
                let ok = (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&bits);
                Operand::from_raw(ok.then_some(bits as u32).ok_or_else(bad)?)
            }
            (FieldKind::Branch, Some(label)) => {
                let pc = labels
                    .get(label)
                    .ok_or_else(|| AsmError::Label(label.into()))?;
                Operand::new(0, *pc).ok_or_else(bad)?
            }
            (FieldKind::Register, _) => {
                let f = operand(text).ok_or_else(bad)?;
                let named = text.starts_with('r') && f.imm == 0;
                named.then_some(f).ok_or_else(bad)?
            }
            _ => operand(text).ok_or_else(bad)?,
        };
        return Ok(());
    }
    if let Some(flag) = def.flags.iter().find(|f| f.name == name) {
        let max = i64::from(flag.mask() >> flag.low);
        let bits = match (flag.kind, value) {
            (FlagKind::Bit, None) => 1,
            (FlagKind::Choice(names), Some(text)) => {
                names.iter().position(|n| *n == text).ok_or_else(bad)? as i64
            }
            (FlagKind::MinusOne, Some(text)) => number(text).ok_or_else(bad)? - 1,
            _ => return Err(bad()),
        };
        if !(0..=max).contains(&bits) {
            return Err(bad());
        }
        instr.flags = (instr.flags & !flag.mask()) | (bits as u8) << flag.low;
        return Ok(());
    }
    match name {
        "wait" => instr.wait = mask(text)?,
        "release" => instr.release = mask(text)?,
        "flags" => instr.flags = byte(text).ok_or_else(bad)?,
        _ => {
            let index = name.strip_prefix('f').and_then(|n| n.parse::<usize>().ok());
            let slot = index.and_then(|i| instr.f.get_mut(i)).ok_or_else(unknown)?;
            *slot = operand(text).ok_or_else(bad)?;
        }
    }
    Ok(())
}

fn operand_text(f: Operand) -> String {
    match (f.reg, f.imm) {
        (0, imm) => imm.to_string(),
        (reg, 0) => format!("r{reg}"),
        (reg, imm) => format!("r{reg}{imm:+}"),
    }
}

fn operand(text: &str) -> Option<Operand> {
    let Some(rest) = text.strip_prefix('r') else {
        return Operand::new(0, i32::try_from(number(text)?).ok()?);
    };
    let digits = rest.find(['+', '-']).unwrap_or(rest.len());
    let (reg, imm) = rest.split_at(digits);
    let imm = match imm.strip_prefix('+').unwrap_or(imm) {
        "" => 0,
        imm => i32::try_from(number(imm)?).ok()?,
    };
    Operand::new(reg.parse().ok()?, imm)
}

fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    // `parse` would take a second sign.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => i64::from_str_radix(hex, 16).ok()?,
        Some(_) => return None,
        None => digits.parse().ok()?,
    };
    i64::checked_mul(sign, value)
}

fn byte(text: &str) -> Option<u8> {
    u8::try_from(number(text)?).ok()
}

fn mask_text(mask: u8) -> String {
    if mask >> Unit::COUNT != 0 {
        return format!("{mask:#04x}");
    }
    let names: Vec<&str> = Unit::ALL
        .iter()
        .filter(|u| mask & u.mask() != 0)
        .map(|u| u.name())
        .collect();
    names.join("+")
}

fn mask(text: &str) -> Result<u8, AsmError> {
    if let Some(mask) = byte(text) {
        return Ok(mask);
    }
    text.split('+').try_fold(0, |acc, name| {
        let unit = Unit::from_name(name).ok_or_else(|| AsmError::Unit(name.into()))?;
        Ok(acc | unit.mask())
    })
}
