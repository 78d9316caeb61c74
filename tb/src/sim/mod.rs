//! Verilator as a library: a model is built once, then driven cycle by cycle from Rust.
//!
//! # What a cycle is
//! [`Sim::set`] puts values on inputs. [`Sim::eval`] lets them settle with the clock low;
//! [`Sim::edge`] is the rising edge; [`Sim::tick`] is both. After any of the three, [`Sim::get`] of
//! an output gives its value **before** the edge, that is the combinational result of the state
//! before the edge and of this cycle's inputs: exactly what a synchronous observer samples at that
//! edge. The value after the edge is seen with a following [`Sim::eval`].
//!
//! # Examples
//! ```no_run
//! use tb::sim::{BuildSpec, Model, PortSpec, Sim};
//! let spec = BuildSpec {
//!     top: "counter".into(),
//!     files: vec![("counter.v".into(), "module counter ...".into())],
//!     ports: vec![PortSpec::input("clk", 1), PortSpec::input("rst", 1), PortSpec::output("n", 8)],
//!     ..BuildSpec::default()
//! };
//! let model = Model::build(&spec)?;
//! let mut sim = Sim::new(&model)?;
//! let n = sim.port("n")?;
//! sim.reset(2)?;
//! for expected in 0..5 {
//!     sim.tick()?;
//!     assert_eq!(sim.get(n), expected);
//! }
//! # Ok::<(), tb::sim::SimError>(())
//! ```

mod build;
mod error;
mod ffi;
mod shim;
mod spec;
mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use build::{cache_dir, lint};
pub use error::SimError;
pub use spec::{BuildSpec, Layout, Opt, Peek, PortId, PortSpec, words};

use ffi::{Functions, Instance, RawShape};
use trace::Trace;

/// A built model, from which any number of independent simulations can be started.
#[derive(Debug, Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    top: String,
    layout: Layout,
    peeks: Vec<String>,
    trace: bool,
    functions: Arc<Functions>,
}

impl Model {
    /// Verilates and compiles `spec`, or takes the model from `target/sim-cache`.
    ///
    /// # Errors
    /// Any Verilator warning (`-Wall`) is an error with its full text, as is a failing compiler or a
    /// tool that cannot be installed.
    pub fn build(spec: &BuildSpec) -> Result<Self, SimError> {
        let path = build::library(spec)?;
        let layout = Layout::new(spec);
        let functions = load(&path, &layout)?;
        Ok(Self {
            inner: Arc::new(Inner {
                top: spec.top.clone(),
                layout,
                peeks: spec.peeks.iter().map(|p| p.name.clone()).collect(),
                trace: spec.trace,
                functions,
            }),
        })
    }
}

/// Loads a library at most once in this process: libraries are never unloaded.
fn load(path: &Path, layout: &Layout) -> Result<Arc<Functions>, SimError> {
    static LOADED: Mutex<BTreeMap<PathBuf, Arc<Functions>>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(functions) = loaded.get(path) {
        return Ok(Arc::clone(functions));
    }
    let functions = Functions::load(path, layout).map_err(|e| SimError::Load {
        path: path.to_path_buf(),
        what: e.to_string(),
    })?;
    let functions = Arc::new(functions);
    loaded.insert(path.to_path_buf(), Arc::clone(&functions));
    Ok(functions)
}

/// A peeked signal of one simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeekId {
    index: u32,
    shape: RawShape,
}

impl PeekId {
    /// Width in bits of the vector, or of one element of the memory.
    pub fn width(self) -> u32 {
        self.shape.width
    }

    /// Elements of the memory; 0 for a vector.
    pub fn depth(self) -> u32 {
        self.shape.elements
    }
}

/// A running simulation: one instance of a model with its own state.
#[derive(Debug)]
pub struct Sim {
    model: Arc<Inner>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    cycle: u64,
    instance: Instance,
    trace: Option<Trace>,
}

impl Sim {
    /// Starts a simulation with all inputs 0 and registers at random values of a fixed seed.
    pub fn new(model: &Model) -> Result<Self, SimError> {
        Self::with_seed(model, 1)
    }

    /// As [`Sim::new`] with the seed (not 0) of the values that registers and memories without
    /// initial value start from.
    pub fn with_seed(model: &Model, seed: u32) -> Result<Self, SimError> {
        let model = Arc::clone(&model.inner);
        let instance = Instance::new(Arc::clone(&model.functions), seed.max(1))
            .map_err(|messages| SimError::Stopped { cycle: 0, messages })?;
        let inputs = vec![0; model.layout.inputs];
        let outputs = vec![0; model.layout.outputs];
        let mut sim = Self {
            model,
            inputs,
            outputs,
            cycle: 0,
            instance,
            trace: None,
        };
        sim.eval()?;
        Ok(sim)
    }

    /// The port named `name`; the clock is not among them.
    pub fn port(&self, name: &str) -> Result<PortId, SimError> {
        let ports = &self.model.layout.ports;
        match ports.iter().find(|(n, _)| n == name) {
            Some((_, id)) => Ok(*id),
            None => Err(self.unknown("port", name, ports.iter().map(|p| p.0.as_str()))),
        }
    }

    /// The port named `name` if there is one.
    pub fn try_port(&self, name: &str) -> Option<PortId> {
        self.model
            .layout
            .ports
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, id)| *id)
    }

    fn unknown<'a>(
        &self,
        what: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> SimError {
        let known = known.collect::<Vec<_>>().join(", ");
        SimError::Unknown {
            top: self.model.top.clone(),
            what,
            name: name.into(),
            known,
        }
    }

    /// Puts the low bits of `value` on an input of at most 64 bits (a wider one is zero-extended).
    /// Setting an output has no effect on the model.
    pub fn set(&mut self, port: PortId, value: u64) {
        let words = [value as u32, (value >> 32) as u32];
        self.set_wide(port, &words);
    }

    /// Puts a value on an input, word 0 lowest. Missing words are 0; bits above the port's width
    /// are dropped, as in a Verilog assignment.
    pub fn set_wide(&mut self, port: PortId, value: &[u32]) {
        if !port.input {
            return;
        }
        let slot = &mut self.inputs[port.range()];
        for (i, word) in slot.iter_mut().enumerate() {
            *word = value.get(i).copied().unwrap_or(0);
        }
        let spare = (32 - port.width % 32) % 32;
        if let Some(top) = slot.last_mut() {
            *top &= u32::MAX >> spare;
        }
    }

    /// The low 64 bits of a port: what was set on an input; for an output see the module's head.
    pub fn get(&self, port: PortId) -> u64 {
        let words = self.get_wide(port);
        let high = words.get(1).copied().unwrap_or(0);
        u64::from(words[0]) | (u64::from(high) << 32)
    }

    /// All words of a port, word 0 lowest, bits above its width 0.
    pub fn get_wide(&self, port: PortId) -> &[u32] {
        let all = if port.input {
            &self.inputs
        } else {
            &self.outputs
        };
        &all[port.range()]
    }

    /// Lets the inputs settle with the clock low; updates the outputs.
    ///
    /// # Errors
    /// [`SimError::Stopped`] when an assertion of the design failed or it called `$stop` or `$finish`.
    pub fn eval(&mut self) -> Result<(), SimError> {
        let status = self.instance.eval(&self.inputs, &mut self.outputs);
        self.check(status)
    }

    /// The rising edge, for use after [`Sim::eval`] with unchanged inputs; outputs keep the values
    /// from before the edge.
    pub fn edge(&mut self) -> Result<(), SimError> {
        let status = self.instance.edge();
        self.cycle += 1;
        self.check(status)
    }

    /// One clock cycle: [`Sim::eval`] and [`Sim::edge`] in one call.
    pub fn tick(&mut self) -> Result<(), SimError> {
        let status = self.instance.cycle(&self.inputs, &mut self.outputs);
        self.cycle += 1;
        self.check(status)
    }

    fn check(&mut self, status: i32) -> Result<(), SimError> {
        if status == 0 {
            return Ok(());
        }
        Err(SimError::Stopped {
            cycle: self.cycle,
            messages: self.instance.messages(),
        })
    }

    /// Rising edges since the start.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Holds `rst` (or `aresetn` low) for `cycles` cycles, then releases it.
    pub fn reset(&mut self, cycles: u32) -> Result<(), SimError> {
        let (port, active) = match (self.try_port("rst"), self.try_port("aresetn")) {
            (Some(rst), _) => (rst, 1),
            (None, Some(aresetn)) => (aresetn, 0),
            (None, None) => {
                let known = self.model.layout.ports.iter().map(|p| p.0.as_str());
                return Err(self.unknown("port", "rst or aresetn", known));
            }
        };
        self.set(port, active);
        for _ in 0..cycles {
            self.tick()?;
        }
        self.set(port, 1 - active);
        self.eval()
    }

    /// Text that the design printed (`$display`) since the last call or error.
    pub fn printed(&mut self) -> String {
        self.instance.messages()
    }

    /// The peek that the model was built with under `name`.
    ///
    /// # Errors
    /// Unknown names, and signals that the design does not have at the given place.
    pub fn peek_id(&self, name: &str) -> Result<PeekId, SimError> {
        let Some(index) = self.model.peeks.iter().position(|n| n == name) else {
            let known = self.model.peeks.iter().map(String::as_str);
            return Err(self.unknown("peek", name, known));
        };
        let index = index as u32;
        match self.instance.peek_shape(index) {
            Some(shape) => Ok(PeekId { index, shape }),
            None => Err(SimError::Peek {
                name: name.into(),
                what: "the design has no such vector or one-dimensional memory there".into(),
            }),
        }
    }

    /// Words of element `index` (the Verilog index) of a memory, or of a vector with index 0, after
    /// the latest edge.
    pub fn peek(&self, peek: PeekId, index: u32) -> Result<Vec<u32>, SimError> {
        let mut value = vec![0; words(peek.width())];
        self.peek_into(peek, index, &mut value)?;
        Ok(value)
    }

    /// As [`Sim::peek`] into a slice of exactly the element's words.
    pub fn peek_into(&self, peek: PeekId, index: u32, out: &mut [u32]) -> Result<(), SimError> {
        if self
            .instance
            .peek(peek.index, peek.shape, i64::from(index), out)
        {
            return Ok(());
        }
        let name = self
            .model
            .peeks
            .get(peek.index as usize)
            .cloned()
            .unwrap_or_default();
        let what = format!(
            "element {index} into {} words, but it has {} elements of {} bits",
            out.len(),
            peek.depth(),
            peek.width()
        );
        Err(SimError::Peek { name, what })
    }

    /// Records waves of all signals from now on into an FST file that appears at `path` when the
    /// trace is stopped (or the simulation dropped). One cycle takes 10 ns: the outputs with the
    /// clock low, then the rising edge 5 ns later.
    ///
    /// # Errors
    /// The model was built without `trace`, a trace is running, or the file cannot be made.
    pub fn trace_start(&mut self, path: &Path) -> Result<(), SimError> {
        let bad = |what: &str| {
            Err(SimError::Trace {
                path: path.to_path_buf(),
                what: what.into(),
            })
        };
        if !self.model.trace {
            return bad("the model was built without BuildSpec::trace");
        }
        if self.trace.is_some() {
            return bad("another trace is running");
        }
        use std::os::fd::AsFd;
        let trace = Trace::start(path)?;
        let status = self.instance.trace_start(trace.pipe().as_fd());
        self.trace = Some(trace);
        self.check(status)
    }

    /// Whether a trace is running.
    pub fn tracing(&self) -> bool {
        self.trace.is_some()
    }

    /// Ends the trace and puts the file in place; does nothing when none runs.
    pub fn trace_stop(&mut self) -> Result<(), SimError> {
        self.instance.trace_stop();
        match self.trace.take() {
            Some(trace) => trace.finish(),
            None => Ok(()),
        }
    }
}

impl Drop for Sim {
    /// A trace that was not stopped is finished; its errors have no one to go to.
    fn drop(&mut self) {
        let _ = self.trace_stop();
    }
}
