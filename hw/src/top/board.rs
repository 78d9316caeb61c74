//! The board that the units stand on: instances, and wires between them by name.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::isa::Unit;
use crate::rtl::{Clock, Expr, Module, ModuleBuilder, PortDir, cat, lit};

/// Instances with their output wires, which are declared before any instance so that each may be used anywhere.
pub(super) struct Board {
    pub(super) m: ModuleBuilder,
    pub(super) parts: IndexMap<String, Arc<Module>>,
    pub(super) wires: IndexMap<String, Expr>,
}

impl Board {
    /// A board without instances.
    pub(super) fn new(m: ModuleBuilder) -> Board {
        Board {
            m,
            parts: IndexMap::new(),
            wires: IndexMap::new(),
        }
    }

    /// Declares the outputs of `module` as wires `<name>_<port>`; ports of the package keep their names and are
    /// made ports of the top.
    pub(super) fn part(&mut self, name: &str, module: Arc<Module>) {
        for port in &module.ports {
            let key = format!("{name}.{}", port.name);
            let package = port.name.starts_with("s_axil_") || port.name.starts_with("m_axi_");
            let net = match (port.dir, package) {
                (PortDir::Input, true) => self.m.input(&port.name, port.ty, &port.doc),
                (PortDir::Output, true) => self.m.output(&port.name, port.ty, &port.doc),
                _ => continue,
            };
            self.wires.insert(key, net);
        }
        self.parts.insert(name.to_string(), module);
    }

    pub(super) fn declare(&mut self) {
        for (name, module) in &self.parts {
            self.m.section(&format!("Outputs of {name}"));
            for port in module.ports.iter().filter(|p| p.dir == PortDir::Output) {
                let key = format!("{name}.{}", port.name);
                if !self.wires.contains_key(&key) {
                    let wire = self.m.wire_decl(&format!("{name}_{}", port.name), port.ty);
                    self.wires.insert(key, wire);
                }
            }
        }
    }

    /// Output `port` of instance `name`, as `name.port`.
    #[track_caller]
    pub(super) fn get(&self, key: &str) -> Expr {
        self.wires.get(key).cloned().unwrap_or_else(|| lit(0, 0))
    }

    /// Places the instance with its inputs; outputs and package ports are connected by name.
    pub(super) fn place(&mut self, name: &str, clock: &Clock, inputs: &[(String, Expr)]) {
        let Some(module) = self.parts.get(name).cloned() else {
            return;
        };
        let mut conns: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (n.as_str(), e)).collect();
        let own: Vec<(String, Expr)> = module
            .ports
            .iter()
            .filter_map(|p| {
                Some((
                    p.name.clone(),
                    self.wires.get(&format!("{name}.{}", p.name))?.clone(),
                ))
            })
            .collect();
        conns.extend(own.iter().map(|(n, e)| (n.as_str(), e)));
        self.m
            .instance(&format!("u_{name}"), &module, clock, &conns);
    }

    /// `(input of an instance, output of another)` pairs by key.
    pub(super) fn wired(&self, pairs: &[(&str, &str)]) -> Vec<(String, Expr)> {
        pairs
            .iter()
            .map(|(to, from)| (to.to_string(), self.get(from)))
            .collect()
    }

    /// One bit a queue unit, bit u from output `port` of its queue.
    pub(super) fn of_queues(&self, port: &str) -> Expr {
        let bits: Vec<Expr> = Unit::ALL
            .iter()
            .rev()
            .map(|u| self.get(&format!("queue_{u}.{port}")))
            .collect();
        cat(&bits)
    }
}
