//! A design: one top module with all modules below it, each emitted once, in one file.

use std::sync::Arc;

use indexmap::IndexMap;

use super::error::RtlError;
use super::module::Module;
use super::print;

/// One emitted file: `name` is `<module>.v`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmittedFile {
    pub name: String,
    pub text: String,
}

/// All modules of a hierarchy, children before parents.
#[derive(Debug)]
pub struct Design {
    pub top: Arc<Module>,
    modules: IndexMap<String, Arc<Module>>,
}

impl Design {
    /// Collects the hierarchy below `top`.
    ///
    /// # Errors
    /// Two different modules under one name.
    pub fn new(top: &Arc<Module>) -> Result<Design, RtlError> {
        let mut modules = IndexMap::new();
        collect(top, &mut modules)?;
        Ok(Design {
            top: top.clone(),
            modules,
        })
    }

    pub fn modules(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.values()
    }

    /// Verilog files in an order in which every module is known before it is used; `head` (may be empty) is put
    /// as a comment at the head of each.
    pub fn emit(&self, head: &str) -> Vec<EmittedFile> {
        let comment: String = head.lines().map(|l| format!("// {l}\n")).collect();
        self.modules
            .values()
            .map(|m| EmittedFile {
                name: format!("{}.v", m.name),
                text: format!("{comment}{}", print::module(m)),
            })
            .collect()
    }
}

impl Module {
    /// Verilog of this module alone, without a head comment.
    pub fn verilog(&self) -> String {
        print::module(self)
    }
}

fn collect(
    module: &Arc<Module>,
    modules: &mut IndexMap<String, Arc<Module>>,
) -> Result<(), RtlError> {
    for child in module.children() {
        collect(child, modules)?;
    }
    match modules.get(&module.name) {
        None => {
            modules.insert(module.name.clone(), module.clone());
        }
        Some(known) if Arc::ptr_eq(known, module) => {}
        Some(known) if known.verilog() == module.verilog() => {}
        Some(_) => {
            let text = "two different modules have this name: put the parameters into it";
            return Err(RtlError {
                module: module.name.clone(),
                faults: vec![text.into()],
            });
        }
    }
    Ok(())
}
