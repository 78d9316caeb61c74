//! An AXI4-Lite master that reads and writes registers.

use std::collections::VecDeque;

use super::Dice;
use crate::sim::{PortId, Sim, SimError};

/// Result of one access, in the order of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiteResponse {
    pub addr: u32,
    /// What was read; 0 for a write.
    pub data: u32,
    /// AXI response code, 0 OKAY.
    pub resp: u8,
    pub write: bool,
}

#[derive(Debug, Clone, Copy)]
struct Access {
    addr: u32,
    data: u32,
    write: bool,
}

/// Progress of one access.
#[derive(Debug)]
struct Running {
    access: Access,
    /// The address is offered, was taken.
    addr: (bool, bool),
    /// The data is offered, was taken; a read has none.
    data: (bool, bool),
    ready: bool,
}

#[derive(Debug)]
struct Ports {
    aw: [PortId; 3],
    w: [PortId; 4],
    b: [PortId; 3],
    ar: [PortId; 3],
    r: [PortId; 4],
}

/// The master: one access at a time, each channel delayed at random.
#[derive(Debug)]
pub struct LiteMaster {
    ports: Ports,
    queue: VecDeque<Access>,
    running: Option<Running>,
    responses: VecDeque<LiteResponse>,
    stall_percent: u32,
    dice: Dice,
}

impl LiteMaster {
    /// A master on the slave port `prefix` (such as `s_axil`) of the design; in `stall_percent` of the cycles a channel
    /// that could begin or take something waits.
    ///
    /// # Errors
    /// A port that the design lacks.
    pub fn new(sim: &Sim, prefix: &str, stall_percent: u32, seed: u64) -> Result<Self, SimError> {
        let port = |name: &str| sim.port(&format!("{prefix}_{name}"));
        let ports = Ports {
            aw: [port("awvalid")?, port("awready")?, port("awaddr")?],
            w: [
                port("wvalid")?,
                port("wready")?,
                port("wdata")?,
                port("wstrb")?,
            ],
            b: [port("bvalid")?, port("bready")?, port("bresp")?],
            ar: [port("arvalid")?, port("arready")?, port("araddr")?],
            r: [
                port("rvalid")?,
                port("rready")?,
                port("rdata")?,
                port("rresp")?,
            ],
        };
        Ok(Self {
            ports,
            queue: VecDeque::new(),
            running: None,
            responses: VecDeque::new(),
            stall_percent,
            dice: Dice::new(seed),
        })
    }

    /// Queues a write of all four bytes.
    pub fn write(&mut self, addr: u32, data: u32) {
        let write = true;
        self.queue.push_back(Access { addr, data, write });
    }

    /// Queues a read.
    pub fn read(&mut self, addr: u32) {
        let (data, write) = (0, false);
        self.queue.push_back(Access { addr, data, write });
    }

    /// Nothing is queued or running.
    pub fn idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_none()
    }

    /// The oldest response not yet taken.
    pub fn response(&mut self) -> Option<LiteResponse> {
        self.responses.pop_front()
    }

    /// Puts this cycle's values on the design's inputs.
    pub fn drive(&mut self, sim: &mut Sim) {
        if self.running.is_none()
            && let Some(access) = self.queue.pop_front()
        {
            let (addr, data) = ((false, false), (false, !access.write));
            let ready = false;
            self.running = Some(Running {
                access,
                addr,
                data,
                ready,
            });
        }
        let p = &self.ports;
        let (mut aw, mut w, mut ar, mut b, mut r) = (0, 0, 0, 0, 0);
        if let Some(run) = &mut self.running {
            run.addr.0 = !run.addr.1 && (run.addr.0 || !self.dice.percent(self.stall_percent));
            run.data.0 = !run.data.1 && (run.data.0 || !self.dice.percent(self.stall_percent));
            run.ready = !self.dice.percent(self.stall_percent);
            let (addr, data, ready) = (
                u64::from(run.addr.0),
                u64::from(run.data.0),
                u64::from(run.ready),
            );
            match run.access.write {
                true => (aw, w, b) = (addr, data, ready),
                false => (ar, r) = (addr, ready),
            }
            let address = u64::from(run.access.addr);
            sim.set(p.aw[2], address);
            sim.set(p.ar[2], address);
            sim.set(p.w[2], run.access.data.into());
            sim.set(p.w[3], 15);
        }
        sim.set(p.aw[0], aw);
        sim.set(p.w[0], w);
        sim.set(p.ar[0], ar);
        sim.set(p.b[1], b);
        sim.set(p.r[1], r);
    }

    /// Notes what moved at this cycle's edge.
    pub fn sample(&mut self, sim: &Sim) {
        let Some(run) = &mut self.running else {
            return;
        };
        let p = &self.ports;
        let fired = |valid: PortId, ready: PortId| sim.get(valid) == 1 && sim.get(ready) == 1;
        let Access { addr, write, .. } = run.access;
        run.addr.1 |= if write {
            fired(p.aw[0], p.aw[1])
        } else {
            fired(p.ar[0], p.ar[1])
        };
        run.data.1 |= write && fired(p.w[0], p.w[1]);
        let (finished, data, resp) = match write {
            true => (fired(p.b[0], p.b[1]), 0, sim.get(p.b[2])),
            false => (
                fired(p.r[0], p.r[1]),
                sim.get(p.r[2]) as u32,
                sim.get(p.r[3]),
            ),
        };
        if finished {
            let resp = resp as u8;
            self.responses.push_back(LiteResponse {
                addr,
                data,
                resp,
                write,
            });
            self.running = None;
        }
    }
}
