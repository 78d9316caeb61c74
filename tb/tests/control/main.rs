//! Control units in Verilator: queues with tokens, issue, fetch, CSRs, faults.
#![allow(clippy::unwrap_used, clippy::needless_range_loop)]

mod csr;
mod fetch;
mod issue;
mod queues;

use std::sync::Arc;

use hw::rtl::{Design, Module, PortDir};
use tb::sim::{BuildSpec, Model, PortSpec, Sim};

/// The module and all below it in Verilator, out of reset.
fn simulate(module: &Arc<Module>) -> Sim {
    let design = Design::new(module).unwrap();
    let ports = module.ports.iter().map(|p| match p.dir {
        PortDir::Input => PortSpec::input(&p.name, p.ty.width),
        PortDir::Output => PortSpec::output(&p.name, p.ty.width),
    });
    let spec = BuildSpec {
        top: module.name.clone(),
        files: design
            .emit("")
            .into_iter()
            .map(|f| (f.name, f.text))
            .collect(),
        ports: ports.collect(),
        ..BuildSpec::default()
    };
    let mut sim = Sim::new(&Model::build(&spec).unwrap()).unwrap();
    sim.reset(2).unwrap();
    sim
}

/// Ports by name, for benches that look at many.
trait ByName {
    fn put(&mut self, name: &str, value: u64);
    fn see(&self, name: &str) -> u64;
}

impl ByName for Sim {
    fn put(&mut self, name: &str, value: u64) {
        let port = self.port(name).unwrap();
        self.set(port, value);
    }

    fn see(&self, name: &str) -> u64 {
        self.get(self.port(name).unwrap())
    }
}
