//! A memory behind an AXI4 port.

use std::collections::VecDeque;
use std::ops::Range;

use super::{AxiError, Dice};
use crate::sim::{PortId, Sim, SimError};

/// How the memory behaves.
#[derive(Debug, Clone)]
pub struct AxiConfig {
    /// Byte address of the first byte. Outside of the bytes the memory answers DECERR.
    pub origin: u64,
    /// Cycles from an accepted address (or the last write beat) to the response, least and most.
    pub latency: (u32, u32),
    /// Share of cycles in which a channel does nothing, each channel by itself.
    pub stall_percent: u32,
    /// Bursts accepted and not yet answered, in each direction.
    pub outstanding: usize,
    /// Longest burst that the master may make, in beats.
    pub max_burst: u32,
    pub seed: u64,
    /// Bursts that touch these addresses are answered with SLVERR; writes to them have no effect.
    pub error: Option<Range<u64>>,
    /// From this burst on (counted over both directions as accepted, from 0) nothing is answered.
    pub silent_from: Option<u64>,
}

impl Default for AxiConfig {
    fn default() -> Self {
        Self {
            origin: 0,
            latency: (8, 8),
            stall_percent: 0,
            outstanding: 8,
            max_burst: 256,
            seed: 0,
            error: None,
            silent_from: None,
        }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AxiStats {
    pub read_bursts: u64,
    pub read_beats: u64,
    pub write_bursts: u64,
    /// All beats on W, those without strobes too.
    pub write_beats: u64,
    /// Beats on W without any strobe.
    pub empty_beats: u64,
}

const OKAY: u64 = 0;
const SLVERR: u64 = 2;
const DECERR: u64 = 3;
/// Breaches kept; later ones follow from the first.
const KEPT_ERRORS: usize = 16;

/// AR or AW.
#[derive(Debug)]
struct AddressPorts {
    valid: PortId,
    ready: PortId,
    id: PortId,
    addr: PortId,
    len: PortId,
    size: PortId,
    burst: PortId,
}

impl AddressPorts {
    fn find(sim: &Sim, prefix: &str, channel: &str) -> Result<Self, SimError> {
        let port = |field: &str| sim.port(&format!("{prefix}_{channel}{field}"));
        Ok(Self {
            valid: port("valid")?,
            ready: port("ready")?,
            id: port("id")?,
            addr: port("addr")?,
            len: port("len")?,
            size: port("size")?,
            burst: port("burst")?,
        })
    }

    fn payload(&self, sim: &Sim) -> [u64; 5] {
        [self.id, self.addr, self.len, self.size, self.burst].map(|p| sim.get(p))
    }
}

#[derive(Debug)]
struct Ports {
    ar: AddressPorts,
    aw: AddressPorts,
    r_valid: PortId,
    r_ready: PortId,
    r_id: PortId,
    r_data: PortId,
    r_resp: PortId,
    r_last: PortId,
    w_valid: PortId,
    w_ready: PortId,
    w_data: PortId,
    w_strb: PortId,
    w_last: PortId,
    b_valid: PortId,
    b_ready: PortId,
    b_id: PortId,
    b_resp: PortId,
}

#[derive(Debug)]
struct Burst {
    id: u64,
    addr: u64,
    beats: u32,
    /// Beats moved.
    moved: u32,
    /// First cycle in which it may be answered.
    due: u64,
    response: u64,
    silent: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct WriteBeat {
    data: Vec<u32>,
    strobes: u64,
    last: bool,
}

/// The memory. Reads and writes are answered in order; a beat takes effect when it moves.
#[derive(Debug)]
pub struct AxiMemory {
    name: String,
    ports: Ports,
    config: AxiConfig,
    bytes: Vec<u8>,
    bus_bytes: u32,
    dice: Dice,
    reads: VecDeque<Burst>,
    writes: VecDeque<Burst>,
    /// Beats that came before their address.
    early: VecDeque<WriteBeat>,
    accepted: u64,
    offering_r: bool,
    offering_b: bool,
    held_ar: Option<[u64; 5]>,
    held_aw: Option<[u64; 5]>,
    held_w: Option<WriteBeat>,
    stats: AxiStats,
    errors: Vec<AxiError>,
}

impl AxiMemory {
    /// A memory of `bytes` on the master port `prefix` (such as `m_axi_0`) of the design.
    ///
    /// # Errors
    /// A port that the design lacks.
    pub fn new(
        sim: &Sim,
        prefix: &str,
        config: AxiConfig,
        bytes: Vec<u8>,
    ) -> Result<Self, SimError> {
        let port = |name: &str| sim.port(&format!("{prefix}_{name}"));
        let ports = Ports {
            ar: AddressPorts::find(sim, prefix, "ar")?,
            aw: AddressPorts::find(sim, prefix, "aw")?,
            r_valid: port("rvalid")?,
            r_ready: port("rready")?,
            r_id: port("rid")?,
            r_data: port("rdata")?,
            r_resp: port("rresp")?,
            r_last: port("rlast")?,
            w_valid: port("wvalid")?,
            w_ready: port("wready")?,
            w_data: port("wdata")?,
            w_strb: port("wstrb")?,
            w_last: port("wlast")?,
            b_valid: port("bvalid")?,
            b_ready: port("bready")?,
            b_id: port("bid")?,
            b_resp: port("bresp")?,
        };
        Ok(Self {
            name: prefix.into(),
            bus_bytes: ports.r_data.width() / 8,
            ports,
            dice: Dice::new(config.seed),
            config,
            bytes,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            early: VecDeque::new(),
            accepted: 0,
            offering_r: false,
            offering_b: false,
            held_ar: None,
            held_aw: None,
            held_w: None,
            stats: AxiStats::default(),
            errors: Vec::new(),
        })
    }

    /// The bytes from `origin` on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be changed by the host while no burst is in flight.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub fn stats(&self) -> AxiStats {
        self.stats
    }

    /// Bursts accepted and not fully answered.
    pub fn owed(&self) -> usize {
        self.reads.len() + self.writes.len()
    }

    /// Other faults from now on; the count of `silent_from` begins anew.
    pub fn set_faults(&mut self, error: Option<Range<u64>>, silent_from: Option<u64>) {
        self.config.error = error;
        self.config.silent_from = silent_from;
        self.accepted = 0;
    }

    /// Reset of the interconnect: forgets all bursts. To be called after `sample` of the cycle in which
    /// the design's port was reset.
    pub fn reset(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.early.clear();
        self.offering_r = false;
        self.offering_b = false;
        self.held_ar = None;
        self.held_aw = None;
        self.held_w = None;
    }

    /// The first breach of the protocol.
    ///
    /// # Errors
    /// That breach; [`AxiMemory::errors`] has more of them.
    pub fn check(&self) -> Result<(), AxiError> {
        self.errors.first().cloned().map_or(Ok(()), Err)
    }

    /// Breaches of the protocol, the oldest first.
    pub fn errors(&self) -> &[AxiError] {
        &self.errors
    }

    /// Puts this cycle's values on the design's inputs.
    pub fn drive(&mut self, sim: &mut Sim) {
        let (now, stalls, most) = (
            sim.cycle(),
            self.config.stall_percent,
            self.config.outstanding,
        );
        let ar_ready = self.reads.len() < most && !self.dice.percent(stalls);
        let aw_ready = self.writes.len() < most && !self.dice.percent(stalls);
        sim.set(self.ports.ar.ready, u64::from(ar_ready));
        sim.set(self.ports.aw.ready, u64::from(aw_ready));
        // Beats may run ahead of their addresses by a few, as in a real interconnect.
        let w_ready = self.early.len() < 4 && !self.dice.percent(stalls);
        sim.set(self.ports.w_ready, u64::from(w_ready));
        if !self.offering_r {
            let due = self
                .reads
                .front()
                .is_some_and(|b| !b.silent && b.due <= now);
            if due && !self.dice.percent(stalls) {
                self.offering_r = true;
                self.offer_read(sim);
            }
            sim.set(self.ports.r_valid, u64::from(self.offering_r));
        }
        if !self.offering_b {
            let due = |b: &Burst| b.moved == b.beats && !b.silent && b.due <= now;
            let front = self
                .writes
                .front()
                .filter(|b| due(b))
                .map(|b| (b.id, b.response));
            if let Some((id, response)) = front
                && !self.dice.percent(stalls)
            {
                self.offering_b = true;
                sim.set(self.ports.b_id, id);
                sim.set(self.ports.b_resp, response);
            }
            sim.set(self.ports.b_valid, u64::from(self.offering_b));
        }
    }

    fn offer_read(&self, sim: &mut Sim) {
        let Some(burst) = self.reads.front() else {
            return;
        };
        let place = burst.addr + u64::from(burst.moved * self.bus_bytes);
        let start = place.wrapping_sub(self.config.origin);
        let mut words = [0u32; 32];
        let count = self.bus_bytes as usize / 4;
        let source = usize::try_from(start)
            .ok()
            .and_then(|s| self.bytes.get(s..s + 4 * count));
        if let Some(source) = source.filter(|_| burst.response == OKAY) {
            for (word, bytes) in words.iter_mut().zip(source.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        sim.set_wide(self.ports.r_data, &words[..count]);
        sim.set(self.ports.r_id, burst.id);
        sim.set(self.ports.r_resp, burst.response);
        sim.set(self.ports.r_last, u64::from(burst.moved + 1 == burst.beats));
    }

    /// Notes what moved at this cycle's edge and checks the protocol.
    pub fn sample(&mut self, sim: &Sim) {
        let now = sim.cycle();
        let fired = |valid: PortId, ready: PortId| sim.get(valid) == 1 && sim.get(ready) == 1;
        if self.offering_r && fired(self.ports.r_valid, self.ports.r_ready) {
            self.offering_r = false;
            self.stats.read_beats += 1;
            if let Some(burst) = self.reads.front_mut() {
                burst.moved += 1;
                if burst.moved == burst.beats {
                    self.reads.pop_front();
                }
            }
        }
        if self.offering_b && fired(self.ports.b_valid, self.ports.b_ready) {
            self.offering_b = false;
            self.writes.pop_front();
        }
        let held = self.held_ar.take();
        if let Some(burst) = self.address(sim, now, false, held) {
            self.stats.read_bursts += 1;
            self.reads.push_back(burst);
        }
        let held = self.held_aw.take();
        if let Some(burst) = self.address(sim, now, true, held) {
            self.stats.write_bursts += 1;
            self.writes.push_back(burst);
            while let Some(beat) = self.early.pop_front() {
                if let Some(beat) = self.write(now, beat) {
                    self.early.push_front(beat);
                    break;
                }
            }
        }
        self.write_channel(sim, now);
    }

    /// AR or AW: checks stability and rules; the burst if one was accepted.
    fn address(
        &mut self,
        sim: &Sim,
        now: u64,
        write: bool,
        held: Option<[u64; 5]>,
    ) -> Option<Burst> {
        let (ports, channel) = match write {
            false => (&self.ports.ar, "AR"),
            true => (&self.ports.aw, "AW"),
        };
        if sim.get(ports.valid) == 0 {
            if held.is_some() {
                self.error(now, channel, "valid fell before ready".into());
            }
            return None;
        }
        let ready = sim.get(ports.ready) == 1;
        let payload = ports.payload(sim);
        if held.is_some_and(|h| h != payload) {
            self.error(now, channel, "the payload changed before ready".into());
        }
        if !ready {
            match write {
                false => self.held_ar = Some(payload),
                true => self.held_aw = Some(payload),
            }
            return None;
        }
        let [id, addr, len, size, kind] = payload;
        let beats = len as u32 + 1;
        let bytes = u64::from(beats * self.bus_bytes);
        let (max, bus) = (self.config.max_burst, u64::from(self.bus_bytes));
        let mut rule = |holds: bool, what: &str| {
            if !holds {
                self.error(now, channel, format!("{what} ({beats} beats at {addr:#x})"));
            }
        };
        rule(
            addr / 4096 == (addr + bytes - 1) / 4096,
            "a burst crosses 4 KB",
        );
        rule(kind == 1, "the burst is not INCR");
        rule(beats <= max, "the burst is longer than agreed");
        rule(1 << size == bus, "size is not the bus width");
        rule(addr % bus == 0, "the address is not aligned to the bus");
        let index = self.accepted;
        self.accepted += 1;
        let end = self.config.origin + self.bytes.len() as u64;
        let touches = |r: &Range<u64>| addr < r.end && addr + bytes > r.start;
        let response = match () {
            () if addr < self.config.origin || addr + bytes > end => DECERR,
            () if self.config.error.as_ref().is_some_and(touches) => SLVERR,
            () => OKAY,
        };
        let (least, most) = self.config.latency;
        Some(Burst {
            id,
            addr,
            beats,
            moved: 0,
            due: now + u64::from(self.dice.between(least, most)),
            response,
            silent: self.config.silent_from.is_some_and(|k| index >= k),
        })
    }

    fn write_channel(&mut self, sim: &Sim, now: u64) {
        let held = self.held_w.take();
        if sim.get(self.ports.w_valid) == 0 {
            if held.is_some() {
                self.error(now, "W", "valid fell before ready".into());
            }
            return;
        }
        let beat = WriteBeat {
            data: sim.get_wide(self.ports.w_data).to_vec(),
            strobes: sim.get(self.ports.w_strb),
            last: sim.get(self.ports.w_last) == 1,
        };
        if held.is_some_and(|h| h != beat) {
            self.error(now, "W", "the payload changed before ready".into());
        }
        if sim.get(self.ports.w_ready) == 0 {
            self.held_w = Some(beat);
            return;
        }
        self.stats.write_beats += 1;
        self.stats.empty_beats += u64::from(beat.strobes == 0);
        if !self.early.is_empty() {
            self.early.push_back(beat);
        } else if let Some(beat) = self.write(now, beat) {
            self.early.push_back(beat);
        }
    }

    /// Applies a beat to the oldest unfinished burst; gives it back when there is none.
    fn write(&mut self, now: u64, beat: WriteBeat) -> Option<WriteBeat> {
        let Some(burst) = self.writes.iter_mut().find(|b| b.moved < b.beats) else {
            return Some(beat);
        };
        let place = burst.addr + u64::from(burst.moved * self.bus_bytes);
        let start = place.wrapping_sub(self.config.origin);
        burst.moved += 1;
        let wrong_last = beat.last != (burst.moved == burst.beats);
        if burst.moved == burst.beats {
            let (least, most) = self.config.latency;
            burst.due = now + u64::from(self.dice.between(least, most));
        }
        if burst.response == OKAY {
            for i in (0..self.bus_bytes as usize).filter(|i| beat.strobes >> i & 1 == 1) {
                self.bytes[start as usize + i] = beat.data[i / 4].to_le_bytes()[i % 4];
            }
        }
        if wrong_last {
            self.error(
                now,
                "W",
                format!("WLAST is {} in the wrong beat", u8::from(beat.last)),
            );
        }
        None
    }

    fn error(&mut self, cycle: u64, channel: &str, what: String) {
        if self.errors.len() < KEPT_ERRORS {
            let port = format!("{} {channel}", self.name);
            self.errors.push(AxiError { cycle, port, what });
        }
    }
}
