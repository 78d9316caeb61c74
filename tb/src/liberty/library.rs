//! What mapping and timing need of a library.

use std::collections::BTreeMap;
use std::path::Path;

use super::parse::{Group, parse};
use super::{LibertyError, read};

/// A library.
#[derive(Debug, Clone)]
pub struct Library {
    pub name: String,
    pub cells: BTreeMap<String, Cell>,
    pub(super) text: String,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub area: f64,
    /// Flip-flop or latch.
    pub register: bool,
    /// Capacitance of each input pin.
    pub inputs: BTreeMap<String, f64>,
    /// Function of each output pin that has one.
    pub functions: BTreeMap<String, String>,
    pub(super) arcs: Vec<Arc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Through the cell: does the output rise with the input, fall, or either?
    Positive,
    Negative,
    Either,
    /// From the clock to the output.
    Clock,
    /// Setup of an input before the clock.
    Setup,
}

/// Timing from one pin to another. Tables of rise and fall; of a setup both are the constraint.
#[derive(Debug, Clone)]
pub(super) struct Arc {
    pub from: String,
    pub to: String,
    pub kind: Kind,
    pub delay: [Table; 2],
    pub slope: [Table; 2],
}

/// Values over input slope and load (or over the two slopes of a setup).
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    rows: Vec<f64>,
    columns: Vec<f64>,
    values: Vec<f64>,
}

impl Table {
    fn new(group: Option<&Group>, swapped: impl Fn(&str) -> bool) -> Option<Table> {
        let group = group?;
        let numbers = |name: &str| -> Vec<f64> {
            let all = group.attributes.iter().filter(|a| a.0 == name);
            let words = all
                .flat_map(|a| a.1.iter())
                .flat_map(|v| v.split([',', ' ']));
            words.filter_map(|w| w.trim().parse().ok()).collect()
        };
        let (mut rows, mut columns, mut values) =
            (numbers("index_1"), numbers("index_2"), numbers("values"));
        if group.args.first().is_some_and(|template| swapped(template)) && !columns.is_empty() {
            let (r, c) = (rows.len(), columns.len());
            if values.len() == r * c {
                values = (0..r * c).map(|i| values[i % r * c + i / r]).collect();
            }
            std::mem::swap(&mut rows, &mut columns);
        }
        let fits = values.len() == rows.len().max(1) * columns.len().max(1);
        fits.then_some(Table {
            rows,
            columns,
            values,
        })
    }

    /// Linear between the points of the table, and beyond its ends.
    pub fn at(&self, row: f64, column: f64) -> f64 {
        if self.values.is_empty() {
            return 0.0;
        }
        let (r, fr) = place(&self.rows, row);
        let (c, fc) = place(&self.columns, column);
        let width = self.columns.len().max(1);
        let value = |r: usize, c: usize| self.values[r * width + c];
        let line = |r: usize| match self.columns.len() {
            0 | 1 => value(r, 0),
            _ => value(r, c) + fc * (value(r, c + 1) - value(r, c)),
        };
        match self.rows.len() {
            0 | 1 => line(0),
            _ => line(r) + fr * (line(r + 1) - line(r)),
        }
    }
}

/// The interval of `points` for `x`, and how far into it.
fn place(points: &[f64], x: f64) -> (usize, f64) {
    if points.len() < 2 {
        return (0, 0.0);
    }
    let above = points
        .iter()
        .position(|&p| p > x)
        .unwrap_or(points.len() - 1);
    let low = above.max(1) - 1;
    (low, (x - points[low]) / (points[low + 1] - points[low]))
}

impl Library {
    /// Reads a liberty file; one whose name ends in `.gz` is unpacked.
    ///
    /// # Errors
    /// A file that cannot be read, with the line of a fault in its text; a library without a cell.
    pub fn read(path: &Path) -> Result<Library, LibertyError> {
        let text = read(path).map_err(|source| LibertyError::Read {
            path: path.into(),
            source,
        })?;
        let group = parse(&text).map_err(|(line, what)| LibertyError::Syntax {
            path: path.into(),
            line,
            what,
        })?;
        let swapped = |template: &str| {
            let found = group
                .named("lu_table_template")
                .find(|t| t.args.first().is_some_and(|a| a == template));
            found
                .and_then(|t| t.attribute("variable_1"))
                .is_some_and(|v| v.contains("capacitance"))
        };
        let mut cells = BTreeMap::new();
        for cell in group.named("cell") {
            let Some(name) = cell.args.first() else {
                continue;
            };
            let area = cell.number("area");
            let area = area.ok_or_else(|| LibertyError::Library {
                path: path.into(),
                what: format!("cell {name} has no area"),
            })?;
            cells.insert(name.clone(), read_cell(cell, area, &swapped));
        }
        if cells.is_empty() {
            let what = "the library has no cells".into();
            let path = path.into();
            return Err(LibertyError::Library { path, what });
        }
        let name = group.args.first().cloned().unwrap_or_default();
        Ok(Library { name, cells, text })
    }

    /// The buffer with the best product of area and delay at `load`, with its name.
    pub(super) fn buffer(&self, load: f64) -> Option<(&str, &Cell)> {
        let buffers = self.cells.iter().filter(|(_, cell)| {
            let pins: Vec<&String> = cell.inputs.keys().collect();
            let single = pins.len() == 1 && cell.functions.len() == 1 && !cell.register;
            single
                && cell
                    .functions
                    .values()
                    .all(|f| truth(f, &pins) == Some(0b10))
        });
        let cost = |cell: &Cell| {
            let delays = cell
                .arcs
                .iter()
                .map(|a| a.delay[0].at(0.1, load).max(a.delay[1].at(0.1, load)));
            cell.area * delays.fold(0.0, f64::max)
        };
        let best = buffers.min_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
        best.map(|(name, cell)| (name.as_str(), cell))
    }

    /// Verilog that turns modules `full_adder` and `and_or_invert` into the smallest cells with their functions.
    pub(super) fn templates(&self) -> String {
        let adder = [("sum", 0b1001_0110), ("carry", 0b1110_1000)];
        let gate = [("y", 0b0000_0111_0111_0111)];
        let found = [
            self.template("full_adder", &["a", "b", "c"], &adder),
            self.template("and_or_invert", &["a", "b", "c", "d"], &gate),
        ];
        found.into_iter().flatten().collect()
    }

    /// Verilog of a module as the smallest cell with its functions (truth tables, bit i for the inputs i).
    fn template(&self, name: &str, ins: &[&str], outs: &[(&str, u16)]) -> Option<String> {
        let fitting = self.cells.iter().filter_map(|(cell_name, cell)| {
            if cell.inputs.len() != ins.len() || cell.functions.len() != outs.len() {
                return None;
            }
            let pins: Vec<&String> = cell.inputs.keys().collect();
            let connections = orders(&pins).into_iter().find_map(|pins| {
                let mut all: Vec<String> = pins
                    .iter()
                    .zip(ins)
                    .map(|(p, i)| format!(".{p}({i})"))
                    .collect();
                for (out, table) in outs {
                    let pin = cell
                        .functions
                        .iter()
                        .find(|(_, f)| truth(f, &pins) == Some(*table))?;
                    all.push(format!(".{}({out})", pin.0));
                }
                Some(all.join(", "))
            })?;
            Some((
                cell.area,
                format!("  {cell_name} _TECHMAP_REPLACE_ ({connections});\n"),
            ))
        });
        let (_, body) = fitting.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let ports: Vec<String> = (ins.iter().map(|i| format!("input {i}")))
            .chain(outs.iter().map(|(o, _)| format!("output {o}")))
            .collect();
        Some(format!(
            "module {name} ({});\n{body}endmodule\n",
            ports.join(", ")
        ))
    }
}

/// All orders of the pins.
fn orders<'a>(pins: &[&'a String]) -> Vec<Vec<&'a String>> {
    if pins.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for i in 0..pins.len() {
        let mut rest = pins.to_vec();
        let first = rest.remove(i);
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

fn read_cell(group: &Group, area: f64, swapped: &impl Fn(&str) -> bool) -> Cell {
    let register = group
        .groups
        .iter()
        .any(|g| g.name == "ff" || g.name == "latch");
    let mut cell = Cell {
        area,
        register,
        ..Cell::default()
    };
    for pin in group.named("pin") {
        let Some(name) = pin.args.first() else {
            continue;
        };
        if pin.attribute("direction") == Some("input") {
            cell.inputs
                .insert(name.clone(), pin.number("capacitance").unwrap_or(0.0));
        } else if let Some(f) = pin.attribute("function") {
            cell.functions.insert(name.clone(), f.to_string());
        }
        for timing in pin.named("timing") {
            let kind = match (
                timing.attribute("timing_type"),
                timing.attribute("timing_sense"),
            ) {
                (Some("setup_rising" | "setup_falling"), _) => Kind::Setup,
                (Some("rising_edge" | "falling_edge"), _) => Kind::Clock,
                (None | Some("combinational"), Some("positive_unate")) => Kind::Positive,
                (None | Some("combinational"), Some("negative_unate")) => Kind::Negative,
                (None | Some("combinational"), _) => Kind::Either,
                _ => continue,
            };
            let table = |name| Table::new(timing.named(name).next(), swapped).unwrap_or_default();
            let [rise, fall] = match kind {
                Kind::Setup => ["rise_constraint", "fall_constraint"],
                _ => ["cell_rise", "cell_fall"],
            };
            cell.arcs.push(Arc {
                from: timing
                    .attribute("related_pin")
                    .unwrap_or_default()
                    .to_string(),
                to: name.clone(),
                kind,
                delay: [table(rise), table(fall)],
                slope: [table("rise_transition"), table("fall_transition")],
            });
        }
    }
    cell
}

/// Truth table of a function of up to four pins, bit i for the inputs i.
fn truth(function: &str, pins: &[&String]) -> Option<u16> {
    let mut table = 0;
    for i in 0..1u16 << pins.len() {
        let text = product_signs(function);
        let mut at = 0;
        let value = |name: &str| {
            pins.iter()
                .position(|p| *p == name)
                .map(|k| i >> k & 1 == 1)
        };
        let result = or(&text, &mut at, &value)?;
        if at != text.len() {
            return None;
        }
        table |= u16::from(result) << i;
    }
    Some(table)
}

/// The function without spaces: one between two operands is a product.
fn product_signs(function: &str) -> Vec<char> {
    let mut text: Vec<char> = Vec::new();
    for word in function.split_whitespace() {
        let operand = |c: &char| c.is_alphanumeric() || *c == '_';
        let before = text.last().is_some_and(|c| operand(c) || ")'".contains(*c));
        if before && word.starts_with(|c| operand(&c) || c == '(' || c == '!') {
            text.push('*');
        }
        text.extend(word.chars());
    }
    text
}

type Value<'a> = &'a dyn Fn(&str) -> Option<bool>;

fn or(text: &[char], at: &mut usize, value: Value) -> Option<bool> {
    let mut result = xor(text, at, value)?;
    while matches!(text.get(*at), Some('+' | '|')) {
        *at += 1;
        result |= xor(text, at, value)?;
    }
    Some(result)
}

fn xor(text: &[char], at: &mut usize, value: Value) -> Option<bool> {
    let mut result = and(text, at, value)?;
    while text.get(*at) == Some(&'^') {
        *at += 1;
        result ^= and(text, at, value)?;
    }
    Some(result)
}

fn and(text: &[char], at: &mut usize, value: Value) -> Option<bool> {
    let mut result = term(text, at, value)?;
    loop {
        match text.get(*at) {
            Some('*' | '&') => *at += 1,
            Some(c) if *c == '!' || *c == '(' || c.is_alphanumeric() => {}
            _ => return Some(result),
        }
        result &= term(text, at, value)?;
    }
}

fn term(text: &[char], at: &mut usize, value: Value) -> Option<bool> {
    let mut result = match text.get(*at)? {
        '!' => {
            *at += 1;
            !term(text, at, value)?
        }
        '(' => {
            *at += 1;
            let inner = or(text, at, value)?;
            if text.get(*at) != Some(&')') {
                return None;
            }
            *at += 1;
            inner
        }
        _ => {
            let start = *at;
            while text
                .get(*at)
                .is_some_and(|c| c.is_alphanumeric() || *c == '_')
            {
                *at += 1;
            }
            let name: String = text[start..*at].iter().collect();
            value(&name)?
        }
    };
    while text.get(*at) == Some(&'\'') {
        *at += 1;
        result = !result;
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_become_truth_tables() {
        let pins = ["A", "B", "C"].map(String::from);
        let pins: Vec<&String> = pins.iter().collect();
        assert_eq!(truth("A^B^C", &pins), Some(0b1001_0110));
        assert_eq!(truth("(A&B) | (A&C) | (B&C)", &pins), Some(0b1110_1000));
        assert_eq!(truth("A B + C (A + B)", &pins), Some(0b1110_1000));
        assert_eq!(
            truth("(!A&!B&C) | (!A&B&!C) | (A&!B&!C) | A*B*C", &pins),
            Some(0b1001_0110)
        );
        assert_eq!(truth("A' + (B", &pins), None);
        assert_eq!(truth("D", &pins), None);
    }

    #[test]
    fn tables_are_linear_between_and_beyond_their_points() {
        let table = Table {
            rows: vec![0.0, 1.0],
            columns: vec![0.0, 2.0],
            values: vec![0.0, 2.0, 10.0, 12.0],
        };
        assert_eq!(table.at(0.5, 1.0), 6.0);
        assert_eq!(table.at(2.0, 3.0), 23.0);
    }
}
