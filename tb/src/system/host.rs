//! What the host does through the CSRs.

use hw::isa::csr;
use hw::isa::{Cause, FaultUnit};

use super::stats::{Counters, collect, registers};
use super::{Bench, Job, SystemError};

/// State that the host reads when the machine has stopped.
pub(super) struct Stop {
    pub status: u32,
    pub cause: Option<Cause>,
    pub unit: Option<FaultUnit>,
    pub info: u64,
    pub pc: u32,
}

impl Bench {
    /// Finishes all queued accesses and returns what was read.
    pub(super) fn access(&mut self) -> Result<Vec<u32>, SystemError> {
        let mut values = Vec::new();
        for _ in 0..100_000 {
            while let Some(r) = self.host.response() {
                if r.resp != 0 {
                    return Err(SystemError::Host { addr: r.addr });
                }
                if !r.write {
                    values.push(r.data);
                }
            }
            if self.host.idle() {
                return Ok(values);
            }
            self.cycle()?;
        }
        Err(SystemError::Limit(100_000))
    }

    /// Memory as the job wants it; a port that never got its answers is reset together with the memory.
    pub(super) fn prepare(&mut self, job: &Job) -> Result<(), SystemError> {
        // After a fault the machine is idle once memory has answered what it owes, or has been silent for too long.
        let mut status = 0;
        for _ in 0..100_000 {
            self.host.read(csr::STATUS);
            status = self.access()?.first().copied().unwrap_or(0);
            if status & csr::STATUS_IDLE != 0 {
                break;
            }
        }
        if status & csr::STATUS_PORT_STUCK != 0 {
            self.memory.reset();
            self.host.write(csr::CTRL, csr::CTRL_PORT_RESET);
            self.access()?;
        }
        let e = &job.environment;
        self.memory.set_faults(e.error.clone(), e.silent_from);
        let bytes = self.memory.bytes_mut();
        let n = bytes.len().min(job.memory.bytes.len());
        bytes[..n].copy_from_slice(&job.memory.bytes[..n]);
        let wrong = e.flipped.and_then(|a| a.checked_sub(job.memory.origin));
        if let Some(byte) = wrong.and_then(|at| bytes.get_mut(at as usize)) {
            *byte ^= 1;
        }
        Ok(())
    }

    /// Windows, arguments, interrupts, start.
    pub(super) fn start(&mut self, job: &Job) -> Result<(), SystemError> {
        let m = &job.memory;
        let bases = [
            (csr::PROG_BASE_LO, m.program.start),
            (csr::PROG_LIMIT_LO, m.program.end),
            (csr::IMAGE_BASE_LO, m.image.start),
            (csr::IMAGE_LIMIT_LO, m.image.end),
            (csr::STATE_BASE_LO, m.state.start),
            (csr::STATE_LIMIT_LO, m.state.end),
        ];
        for (offset, value) in bases {
            self.host.write(offset, value as u32);
            self.host.write(offset + 4, (value >> 32) as u32);
        }
        for (offset, &value) in (csr::ARG0..).step_by(4).zip(&job.args) {
            self.host.write(offset, value);
        }
        self.host.write(csr::IRQ_STATUS, 7);
        self.host.write(
            csr::IRQ_ENABLE,
            csr::IRQ_DONE | csr::IRQ_TOKEN | csr::IRQ_FAULT,
        );
        self.host.write(csr::CTRL, csr::CTRL_START);
        self.access().map(|_| ())
    }

    pub(super) fn stop(&mut self) -> Result<Stop, SystemError> {
        for offset in [
            csr::STATUS,
            csr::FAULT_CAUSE,
            csr::FAULT_UNIT,
            csr::FAULT_INFO_LO,
            csr::FAULT_INFO_HI,
            csr::FAULT_PC,
        ] {
            self.host.read(offset);
        }
        let v = self.access()?;
        let at = |i: usize| v.get(i).copied().unwrap_or(0);
        Ok(Stop {
            status: at(0),
            cause: Cause::from_code(at(1) as u8),
            unit: FaultUnit::from_code(at(2) as u8),
            info: u64::from(at(3)) | u64::from(at(4)) << 32,
            pc: at(5),
        })
    }

    pub(super) fn counters(&mut self) -> Result<Counters, SystemError> {
        for offset in registers() {
            self.host.read(offset);
        }
        Ok(collect(&self.access()?))
    }
}
