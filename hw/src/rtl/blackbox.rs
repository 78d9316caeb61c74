//! Modules that others provide: vendor primitives and hard macros, with a Rust model for native simulation.

use std::fmt;

use indexmap::IndexMap;
use num_bigint::BigUint;

use super::builder::ModuleBuilder;
use super::error::Loc;
use super::expr::Expr;
use super::module::{Instance, Item, Port, PortDir};
use super::ty::Ty;

/// Makes the model of one instance from its parameters.
pub type ModelMaker = fn(&[(String, Param)]) -> Box<dyn BlackBoxModel>;

/// An external module: the ports of it that the design uses. Ports that are not listed stay open.
#[derive(Clone, Debug)]
pub struct ExternModule {
    pub name: String,
    pub ports: Vec<Port>,
    /// Inputs that are clocks.
    pub clocks: Vec<String>,
    /// Outputs that depend on inputs without a register between, each with those inputs.
    pub through: Vec<(String, Vec<String>)>,
    /// Without it the design can only be printed.
    pub model: Option<ModelMaker>,
}

impl ExternModule {
    pub fn new(name: impl Into<String>) -> ExternModule {
        ExternModule {
            name: name.into(),
            ports: Vec::new(),
            clocks: Vec::new(),
            through: Vec::new(),
            model: None,
        }
    }

    /// Adds a clock input.
    pub fn clock(mut self, name: &str) -> ExternModule {
        self.clocks.push(name.to_string());
        self.input(name, super::ty::bool_ty())
    }

    pub fn input(self, name: &str, ty: Ty) -> ExternModule {
        self.with(name, ty, PortDir::Input)
    }

    /// Adds an output that comes from a register of the module.
    pub fn output(self, name: &str, ty: Ty) -> ExternModule {
        self.with(name, ty, PortDir::Output)
    }

    /// Adds an output that depends on `inputs` in the same cycle.
    pub fn output_through(mut self, name: &str, ty: Ty, inputs: &[&str]) -> ExternModule {
        let inputs = inputs.iter().map(|s| s.to_string()).collect();
        self.through.push((name.to_string(), inputs));
        self.output(name, ty)
    }

    /// Sets the maker of models.
    pub fn model(mut self, make: ModelMaker) -> ExternModule {
        self.model = Some(make);
        self
    }

    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|p| p.name == name)
    }

    fn with(mut self, name: &str, ty: Ty, dir: PortDir) -> ExternModule {
        self.ports.push(Port {
            name: name.to_string(),
            ty,
            dir,
            doc: String::new(),
        });
        self
    }
}

/// Value of a Verilog parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    Int(i32),
    /// Sized constant: bits and width.
    Bits(BigUint, u32),
    Text(String),
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Param::Int(v) => write!(f, "{v}"),
            Param::Bits(v, width) => write!(f, "{width}'h{v:x}"),
            Param::Text(s) => write!(f, "\"{s}\""),
        }
    }
}

/// Behaviour of one instance in native simulation.
pub trait BlackBoxModel: Send {
    /// Sets every output from the inputs and the state. May run several times a cycle; only outputs whose
    /// `through` inputs are settled are used after each run.
    fn eval(&mut self, io: &mut BoxIo<'_>);

    /// Rising edge of the clock on input `clock` (index in `ports`): updates the state from the inputs.
    fn tick(&mut self, clock: usize, io: &BoxIo<'_>);
}

/// The ports of an instance, by their index in `ExternModule::ports`.
pub struct BoxIo<'a> {
    pub(super) arena: &'a mut [u64],
    /// Offset and width of each port.
    pub(super) ports: &'a [(u32, u32)],
}

impl BoxIo<'_> {
    /// Low 64 bits of a port.
    pub fn get(&self, port: usize) -> u64 {
        self.arena[self.ports[port].0 as usize]
    }

    /// A port of at most 64 bits read as two's complement.
    pub fn get_signed(&self, port: usize) -> i64 {
        super::sim::sign_extend(self.get(port), self.ports[port].1.min(64))
    }

    pub fn get_wide(&self, port: usize) -> BigUint {
        let (at, width) = self.ports[port];
        super::sim::load(self.arena, at, width)
    }

    /// Sets an output to the low bits of `value`; higher bits of a wide port become zero.
    pub fn set(&mut self, port: usize, value: u64) {
        let (at, width) = self.ports[port];
        super::sim::store(self.arena, at, width, &[value]);
    }

    /// Sets an output to the low bits of `value`.
    pub fn set_wide(&mut self, port: usize, value: &BigUint) {
        let (at, width) = self.ports[port];
        super::sim::store(self.arena, at, width, &value.to_u64_digits());
    }
}

impl ModuleBuilder {
    /// Instance of an external module; `inputs` names every listed input. Outputs become wires
    /// `<instance without u_>_<port>`.
    #[track_caller]
    pub fn black_box(
        &mut self,
        name: &str,
        module: &ExternModule,
        params: &[(&str, Param)],
        inputs: &[(&str, &Expr)],
    ) -> Instance {
        let here = Loc::here();
        for text in params.iter().filter_map(|(_, p)| match p {
            Param::Text(t) if t.contains(['"', '\\', '\n']) => Some(t),
            _ => None,
        }) {
            let text = format!("{here}: parameter text {text:?} of {name} needs escapes");
            self.faults.push(text);
        }
        for clock in &module.clocks {
            if !module.port(clock).is_some_and(|p| p.dir == PortDir::Input) {
                self.faults
                    .push(format!("{here}: {} has no clock {clock}", module.name));
            }
        }
        let (outputs, conns) = self.connect(name, &module.name, &module.ports, None, inputs);
        self.items.push(Item::BlackBox {
            name: name.to_string(),
            module: module.clone().into(),
            params: params
                .iter()
                .map(|(n, p)| (n.to_string(), p.clone()))
                .collect(),
            conns,
        });
        Instance::new(name, outputs)
    }

    /// Checks and completes the connections of an instance: wires for outputs, expressions for inputs.
    #[track_caller]
    pub(super) fn connect(
        &mut self,
        name: &str,
        module: &str,
        ports: &[Port],
        clock: Option<&super::module::Clock>,
        inputs: &[(&str, &Expr)],
    ) -> (IndexMap<String, Expr>, Vec<(String, Expr)>) {
        let here = Loc::here();
        let stem = name.strip_prefix("u_").unwrap_or(name);
        let mut outputs = IndexMap::new();
        let mut conns = Vec::new();
        for (port, _) in inputs {
            if !ports.iter().any(|p| p.name == **port) {
                self.faults
                    .push(format!("{here}: {module} has no port {port}"));
            }
        }
        for port in ports {
            let named = inputs.iter().find(|(n, _)| *n == port.name);
            let value = match port.dir {
                PortDir::Output if named.is_some_and(|(_, e)| e.net_id().is_some()) => {
                    named.map_or_else(super::expr::zero, |(_, e)| (*e).clone())
                }
                PortDir::Output => {
                    if named.is_some() {
                        let text = format!("{here}: output {} of {name} needs a net", port.name);
                        self.faults.push(text);
                    }
                    let wire = self.wire_decl(&format!("{stem}_{}", port.name), port.ty);
                    outputs.insert(port.name.clone(), wire.clone());
                    wire
                }
                PortDir::Input => match (named, clock, port.name.as_str()) {
                    (Some((_, value)), ..) => (*value).clone(),
                    (None, Some(clock), "clk") => clock.clk.clone(),
                    (None, Some(clock), "rst") => clock.rst.clone(),
                    _ => {
                        let text =
                            format!("{here}: input {} of {name} is not connected", port.name);
                        self.faults.push(text);
                        continue;
                    }
                },
            };
            if value.ty() != port.ty {
                let text = format!(
                    "{here}: {name}.{} is {}, connected to {}",
                    port.name,
                    port.ty,
                    value.ty()
                );
                self.faults.push(text);
            }
            conns.push((port.name.clone(), value));
        }
        (outputs, conns)
    }
}
