//! What can go wrong in a system simulation.

use hw::isa::{Cause, FaultUnit};
use hw::machine::Fault;
use hw::rtl::RtlError;

use crate::axi::AxiError;
use crate::sim::SimError;

/// The first difference between RTL and golden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub cycle: u64,
    /// Unit and instruction number, where a retired instruction differs.
    pub place: Option<(&'static str, u32)>,
    pub what: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cycle {}: ", self.cycle)?;
        if let Some((unit, pc)) = self.place {
            write!(f, "{unit}, instruction {pc}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// Why a run ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    #[error(transparent)]
    Rtl(#[from] RtlError),
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("RTL and golden differ at {0}")]
    Mismatch(Box<Mismatch>),
    #[error("golden machine: {0}")]
    Golden(Fault),
    /// The machine reported a fault that golden does not have.
    #[error(
        "cycle {cycle}: the machine reports {} in {} at instruction {pc} (info {info:#x})",
        cause.map_or("an unknown cause", Cause::name), unit.map_or("an unknown unit", FaultUnit::name)
    )]
    Fault {
        cycle: u64,
        cause: Option<Cause>,
        unit: Option<FaultUnit>,
        info: u64,
        pc: u32,
    },
    #[error("memory port: {0}")]
    Axi(AxiError),
    #[error("the host's access to register {addr:#05x} was answered with an error")]
    Host { addr: u32 },
    #[error("no end after {0} cycles")]
    Limit(u64),
}
