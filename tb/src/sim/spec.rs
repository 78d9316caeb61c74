//! What to build: sources, ports, options and the signals to look at.

use super::SimError;

/// A port of the top module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSpec {
    pub name: String,
    /// Width in bits, at least 1.
    pub width: u32,
    /// True for an input of the module.
    pub input: bool,
}

impl PortSpec {
    /// An input port of `width` bits.
    pub fn input(name: impl Into<String>, width: u32) -> Self {
        Self {
            name: name.into(),
            width,
            input: true,
        }
    }

    /// An output port of `width` bits.
    pub fn output(name: impl Into<String>, width: u32) -> Self {
        Self {
            name: name.into(),
            width,
            input: false,
        }
    }

    /// 32-bit words that hold one value of the port.
    pub fn words(&self) -> usize {
        words(self.width)
    }
}

/// 32-bit words that hold `width` bits.
pub fn words(width: u32) -> usize {
    width.div_ceil(32) as usize
}

/// A register or memory inside the design that the test bench may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The name by which [`super::Sim::peek_id`] finds it.
    pub name: String,
    /// Instance path below the top, such as `u_load.u_fifo`; empty for the top module itself.
    pub instance: String,
    /// Name of the module that declares the variable.
    pub module: String,
    /// Name of the variable: a vector, or a memory of one dimension.
    pub var: String,
}

/// How much the C++ compiler optimises the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Opt {
    /// `-O1`: builds fastest; right for unit tests of up to some 100 000 cycles.
    #[default]
    Quick,
    /// `-O2` for the code that runs every cycle; right for long runs of big models.
    Fast,
}

/// Everything that determines a model.
#[derive(Debug, Clone, Default)]
pub struct BuildSpec {
    /// Name of the top module.
    pub top: String,
    /// Verilog sources as (file name, text). Each file should hold the module it is named after.
    pub files: Vec<(String, String)>,
    /// All ports of the top module, in any order.
    pub ports: Vec<PortSpec>,
    /// The clock's port; when None, `clk` or else `aclk` if such an input exists. A design
    /// without any of them is combinational.
    pub clock: Option<String>,
    /// Builds the model so that waves can be recorded; costs build time and some speed.
    pub trace: bool,
    pub opt: Opt,
    pub peeks: Vec<Peek>,
}

impl BuildSpec {
    /// The clock port's name, chosen as [`BuildSpec::clock`] says.
    pub fn clock_name(&self) -> Option<&str> {
        let is_input = |name: &str| self.ports.iter().any(|p| p.input && p.name == name);
        match &self.clock {
            Some(name) => Some(name),
            None => ["clk", "aclk"].into_iter().find(|name| is_input(name)),
        }
    }

    /// Refuses what would otherwise fail far from its cause, inside generated C++.
    pub(super) fn validate(&self) -> Result<(), SimError> {
        let bad = |what: String| {
            Err(SimError::Spec {
                top: self.top.clone(),
                what,
            })
        };
        if !is_identifier(&self.top) {
            return bad(format!(
                "the top module's name {:?} is not an identifier",
                self.top
            ));
        }
        if self.files.is_empty() {
            return bad("no source files".into());
        }
        for (i, (name, _)) in self.files.iter().enumerate() {
            let plain = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
                && !name.starts_with(['.', '-']);
            if !plain {
                return bad(format!(
                    "source file name {name:?} is not a plain file name"
                ));
            }
            if self.files[..i].iter().any(|(other, _)| other == name) {
                return bad(format!("source file {name:?} is given twice"));
            }
        }
        for (i, port) in self.ports.iter().enumerate() {
            if !is_identifier(&port.name) || port.name.contains("__") {
                return bad(format!("port name {:?} is not usable in C++", port.name));
            }
            if port.width == 0 {
                return bad(format!("port {} has width 0", port.name));
            }
            if self.ports[..i].iter().any(|other| other.name == port.name) {
                return bad(format!("port {} is given twice", port.name));
            }
        }
        if let Some(clock) = &self.clock
            && !self
                .ports
                .iter()
                .any(|p| p.input && p.width == 1 && p.name == *clock)
        {
            return bad(format!("the clock {clock} is not a 1-bit input port"));
        }
        for peek in &self.peeks {
            let path_ok = peek.instance.is_empty() || peek.instance.split('.').all(is_identifier);
            if !path_ok || !is_identifier(&peek.module) || !is_identifier(&peek.var) {
                return bad(format!("peek {:?} does not name a plain signal", peek.name));
            }
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A port's place in the flat arrays of words that the C++ side reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortId {
    pub(super) offset: u32,
    pub(super) width: u32,
    pub(super) input: bool,
}

impl PortId {
    /// Width in bits.
    pub fn width(self) -> u32 {
        self.width
    }

    /// True for an input of the module.
    pub fn is_input(self) -> bool {
        self.input
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        let start = self.offset as usize;
        start..start + words(self.width)
    }
}

/// Places of all ports except the clock: inputs in one array, outputs in another, in port order.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub(super) ports: Vec<(String, PortId)>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Layout {
    pub(super) fn new(spec: &BuildSpec) -> Self {
        let mut layout = Self::default();
        for port in spec
            .ports
            .iter()
            .filter(|p| Some(p.name.as_str()) != spec.clock_name())
        {
            let next = if port.input {
                &mut layout.inputs
            } else {
                &mut layout.outputs
            };
            let id = PortId {
                offset: *next as u32,
                width: port.width,
                input: port.input,
            };
            *next += port.words();
            layout.ports.push((port.name.clone(), id));
        }
        layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> BuildSpec {
        BuildSpec {
            top: "m".into(),
            files: vec![("m.v".into(), String::new())],
            ports: vec![
                PortSpec::input("clk", 1),
                PortSpec::input("a", 65),
                PortSpec::output("y", 8),
                PortSpec::input("b", 1),
            ],
            ..BuildSpec::default()
        }
    }

    #[test]
    fn layout_separates_directions_and_leaves_the_clock_out() {
        let layout = Layout::new(&spec());
        let offsets: Vec<_> = layout
            .ports
            .iter()
            .map(|(n, id)| (n.as_str(), id.offset, id.input))
            .collect();
        assert_eq!(offsets, [("a", 0, true), ("y", 0, false), ("b", 3, true)]);
        assert_eq!((layout.inputs, layout.outputs), (4, 1));
    }

    #[test]
    fn bad_specs_are_named() {
        let says = |change: fn(&mut BuildSpec), words: &str| {
            let mut s = spec();
            change(&mut s);
            let text = s.validate().unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        };
        says(|s| s.top = "1m".into(), "top module");
        says(|s| s.files.clear(), "no source files");
        says(|s| s.files[0].0 = "../m.v".into(), "plain file name");
        says(|s| s.ports[1].width = 0, "width 0");
        says(|s| s.ports[1].name = "b".into(), "given twice");
        says(|s| s.clock = Some("a".into()), "not a 1-bit input");
        assert!(spec().validate().is_ok());
    }
}
