//! A module in the native simulation and in Verilator, with the same inputs in every cycle.

use std::sync::Arc;

use hw::rtl::{Design, Module, NativeSim, PortDir};
use hw::vendor::simulation_files;
use num_bigint::BigUint;
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

pub struct Lockstep {
    pub native: NativeSim,
    sim: Sim,
    outputs: Vec<String>,
}

impl Lockstep {
    /// Of a module with one clock, `clk`; every warning of Verilator is an error.
    pub fn new(top: &Arc<Module>) -> Lockstep {
        let ports = top.ports.iter().map(|p| match p.dir {
            PortDir::Input => PortSpec::input(&p.name, p.ty.width),
            PortDir::Output => PortSpec::output(&p.name, p.ty.width),
        });
        let files = Design::new(top).unwrap().emit("").into_iter();
        let spec = BuildSpec {
            top: top.name.clone(),
            files: files
                .map(|f| (f.name, f.text))
                .chain(simulation_files(top))
                .collect(),
            ports: ports.collect(),
            ..BuildSpec::default()
        };
        let model = Model::build(&spec).unwrap_or_else(|e| panic!("{e}"));
        let outputs = top.ports.iter().filter(|p| p.dir == PortDir::Output);
        Lockstep {
            native: NativeSim::new(top).unwrap(),
            sim: Sim::new(&model).unwrap(),
            outputs: outputs.map(|p| p.name.clone()).collect(),
        }
    }

    pub fn set(&mut self, name: &str, value: &BigUint) {
        self.native.set_wide(name, value);
        let port = self.sim.port(name).unwrap();
        self.sim.set_wide(port, &value.to_u32_digits());
    }

    /// One cycle; with `compare` all outputs must be equal before its edge.
    pub fn step(&mut self, compare: bool) {
        self.sim.tick().unwrap_or_else(|e| panic!("{e}"));
        for name in &self.outputs {
            let port = self.sim.port(name).unwrap();
            let there = BigUint::new(self.sim.get_wide(port).to_vec());
            let here = self.native.get_wide(name);
            assert!(
                !compare || here == there,
                "{name}: {here:x}, Verilator {there:x}"
            );
        }
        self.native.tick("clk");
    }
}
