//! Sources and sinks for streams (`<name>_valid`, `_ready`, `_data`, `_last`) with random stalls.
//!
//! A source offers a beat until it is taken and puts random values on its data while it offers
//! nothing; a sink checks that an offered beat is neither withdrawn nor changed before it is taken.
//! All randomness comes from seeds, so every run can be repeated.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::sim::{PortId, Sim, SimError, words};

/// What a stream test can end with.
#[derive(Debug, Error)]
pub enum StreamError {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("cycle {cycle}: stream {stream}: {what}")]
    Protocol {
        cycle: u64,
        stream: String,
        what: String,
    },
    #[error("cycle {cycle}: gave up after {waited} cycles waiting for {what}; {state}")]
    Timeout {
        cycle: u64,
        waited: u64,
        what: String,
        state: String,
    },
    #[error("stream {stream}: {what}")]
    Port { stream: String, what: String },
}

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Data words, lowest first; empty for a stream without data.
    pub data: Vec<u32>,
    pub last: bool,
}

impl Beat {
    /// A beat of at most 64 bits that is not the last.
    pub fn new(value: u64) -> Self {
        Self {
            data: vec![value as u32, (value >> 32) as u32],
            last: false,
        }
    }

    /// A beat from words, lowest first.
    pub fn wide(words: impl Into<Vec<u32>>) -> Self {
        Self {
            data: words.into(),
            last: false,
        }
    }

    /// The same beat with its last flag.
    pub fn with_last(mut self, last: bool) -> Self {
        self.last = last;
        self
    }

    /// The low 64 bits.
    pub fn value(&self) -> u64 {
        let word = |i: usize| u64::from(self.data.get(i).copied().unwrap_or(0));
        word(0) | (word(1) << 32)
    }
}

/// The ports of one stream; data and last may be absent.
#[derive(Debug, Clone)]
struct Ports {
    name: String,
    valid: PortId,
    ready: PortId,
    data: Option<PortId>,
    last: Option<PortId>,
}

impl Ports {
    fn find(sim: &Sim, name: &str, into_design: bool) -> Result<Self, StreamError> {
        let ports = Self {
            name: name.into(),
            valid: sim.port(&format!("{name}_valid"))?,
            ready: sim.port(&format!("{name}_ready"))?,
            data: sim.try_port(&format!("{name}_data")),
            last: sim.try_port(&format!("{name}_last")),
        };
        let payload_fits = [ports.data, ports.last]
            .iter()
            .flatten()
            .all(|p| p.is_input() == into_design);
        if ports.valid.is_input() != into_design
            || ports.ready.is_input() == into_design
            || !payload_fits
        {
            let what = match into_design {
                true => "its ports do not make an input of the design",
                false => "its ports do not make an output of the design",
            };
            return Err(StreamError::Port {
                stream: name.into(),
                what: what.into(),
            });
        }
        Ok(ports)
    }

    fn fired(&self, sim: &Sim) -> bool {
        sim.get(self.valid) == 1 && sim.get(self.ready) == 1
    }

    fn beat(&self, sim: &Sim) -> Beat {
        Beat {
            data: self
                .data
                .map(|p| sim.get_wide(p).to_vec())
                .unwrap_or_default(),
            last: self.last.is_some_and(|p| sim.get(p) == 1),
        }
    }
}

/// Feeds an input stream of the design from a queue.
///
/// Every cycle: [`Source::drive`], [`Sim::tick`], [`Source::sample`].
#[derive(Debug)]
pub struct Source {
    ports: Ports,
    queue: VecDeque<Beat>,
    offering: bool,
    stall_percent: u32,
    rng: ChaCha8Rng,
}

impl Source {
    /// A source on the stream `name`; in `stall_percent` of the cycles in which it could begin to
    /// offer a beat it does not.
    pub fn new(sim: &Sim, name: &str, stall_percent: u32, seed: u64) -> Result<Self, StreamError> {
        Ok(Self {
            ports: Ports::find(sim, name, true)?,
            queue: VecDeque::new(),
            offering: false,
            stall_percent,
            rng: ChaCha8Rng::seed_from_u64(seed),
        })
    }

    /// Adds a beat at the end of the queue.
    pub fn push(&mut self, beat: Beat) {
        self.queue.push_back(beat);
    }

    /// Beats not yet taken by the design.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Puts this cycle's values on the inputs.
    pub fn drive(&mut self, sim: &mut Sim) {
        if !self.offering && !self.queue.is_empty() {
            self.offering = !stalls(&mut self.rng, self.stall_percent);
        }
        sim.set(self.ports.valid, u64::from(self.offering));
        let front = self.queue.front().filter(|_| self.offering);
        if let Some(port) = self.ports.data {
            match front {
                Some(beat) => sim.set_wide(port, &beat.data),
                None => {
                    let noise: Vec<u32> = (0..words(port.width()))
                        .map(|_| self.rng.random())
                        .collect();
                    sim.set_wide(port, &noise);
                }
            }
        }
        if let Some(port) = self.ports.last {
            let last = front.map_or_else(|| self.rng.random(), |beat| beat.last);
            sim.set(port, u64::from(last));
        }
    }

    /// Notes whether the beat was taken at this cycle's edge.
    pub fn sample(&mut self, sim: &Sim) {
        if self.ports.fired(sim) {
            self.queue.pop_front();
            self.offering = false;
        }
    }
}

/// Takes beats from an output stream of the design and checks the protocol.
///
/// Every cycle: [`Sink::drive`], [`Sim::tick`], [`Sink::sample`].
#[derive(Debug)]
pub struct Sink {
    ports: Ports,
    received: Vec<Beat>,
    pending: Option<Beat>,
    stall_percent: u32,
    rng: ChaCha8Rng,
}

impl Sink {
    /// A sink on the stream `name` that is not ready in `stall_percent` of the cycles.
    pub fn new(sim: &Sim, name: &str, stall_percent: u32, seed: u64) -> Result<Self, StreamError> {
        Ok(Self {
            ports: Ports::find(sim, name, false)?,
            received: Vec::new(),
            pending: None,
            stall_percent,
            rng: ChaCha8Rng::seed_from_u64(seed),
        })
    }

    /// Beats received so far and not taken away.
    pub fn received(&self) -> &[Beat] {
        &self.received
    }

    /// Takes all received beats.
    pub fn take(&mut self) -> Vec<Beat> {
        std::mem::take(&mut self.received)
    }

    /// Puts this cycle's ready on the input.
    pub fn drive(&mut self, sim: &mut Sim) {
        let ready = !stalls(&mut self.rng, self.stall_percent);
        sim.set(self.ports.ready, u64::from(ready));
    }

    /// Notes what was transferred at this cycle's edge.
    ///
    /// # Errors
    /// [`StreamError::Protocol`] when a beat that was offered before and not taken is withdrawn or
    /// has changed.
    pub fn sample(&mut self, sim: &Sim) -> Result<(), StreamError> {
        let beat = (sim.get(self.ports.valid) == 1).then(|| self.ports.beat(sim));
        if let Some(before) = self.pending.take() {
            let what = match &beat {
                None => Some(format!(
                    "valid fell before ready, with {before:x?} on offer"
                )),
                Some(now) if *now != before => Some(format!(
                    "data changed before ready, from {before:x?} to {now:x?}"
                )),
                Some(_) => None,
            };
            if let Some(what) = what {
                let (cycle, stream) = (sim.cycle(), self.ports.name.clone());
                return Err(StreamError::Protocol {
                    cycle,
                    stream,
                    what,
                });
            }
        }
        match beat {
            Some(beat) if sim.get(self.ports.ready) == 1 => self.received.push(beat),
            offered => self.pending = offered,
        }
        Ok(())
    }
}

fn stalls(rng: &mut ChaCha8Rng, percent: u32) -> bool {
    percent > 0 && rng.random_range(0..100) < percent
}

/// A source of a [`Bench`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceId(usize);

/// A sink of a [`Bench`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkId(usize);

/// A simulation with its sources and sinks.
#[derive(Debug)]
pub struct Bench {
    pub sim: Sim,
    sources: Vec<Source>,
    sinks: Vec<Sink>,
}

impl Bench {
    /// A bench around a simulation that has been reset.
    pub fn new(sim: Sim) -> Self {
        Self {
            sim,
            sources: Vec::new(),
            sinks: Vec::new(),
        }
    }

    /// Adds a source, see [`Source::new`].
    pub fn source(&mut self, name: &str, stalls: u32, seed: u64) -> Result<SourceId, StreamError> {
        self.sources
            .push(Source::new(&self.sim, name, stalls, seed)?);
        Ok(SourceId(self.sources.len() - 1))
    }

    /// Adds a sink, see [`Sink::new`].
    pub fn sink(&mut self, name: &str, stalls: u32, seed: u64) -> Result<SinkId, StreamError> {
        self.sinks.push(Sink::new(&self.sim, name, stalls, seed)?);
        Ok(SinkId(self.sinks.len() - 1))
    }

    /// Queues a beat.
    pub fn send(&mut self, source: SourceId, beat: Beat) {
        self.sources[source.0].push(beat);
    }

    /// Beats of a source that the design has not yet taken.
    pub fn waiting(&self, source: SourceId) -> usize {
        self.sources[source.0].waiting()
    }

    /// Beats a sink has received and that were not taken away.
    pub fn received(&self, sink: SinkId) -> &[Beat] {
        self.sinks[sink.0].received()
    }

    /// Takes all beats of a sink.
    pub fn take(&mut self, sink: SinkId) -> Vec<Beat> {
        self.sinks[sink.0].take()
    }

    /// One clock cycle with all sources and sinks.
    pub fn step(&mut self) -> Result<(), StreamError> {
        self.sources.iter_mut().for_each(|s| s.drive(&mut self.sim));
        self.sinks.iter_mut().for_each(|s| s.drive(&mut self.sim));
        self.sim.tick()?;
        self.sources.iter_mut().for_each(|s| s.sample(&self.sim));
        self.sinks.iter_mut().try_for_each(|s| s.sample(&self.sim))
    }

    /// `cycles` clock cycles.
    pub fn run(&mut self, cycles: u64) -> Result<(), StreamError> {
        (0..cycles).try_for_each(|_| self.step())
    }

    /// Runs until `done` holds after a cycle and returns the number of cycles run.
    ///
    /// # Errors
    /// [`StreamError::Timeout`] after `limit` cycles; `what` says what was waited for.
    pub fn run_until(
        &mut self,
        limit: u64,
        what: &str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<u64, StreamError> {
        for cycle in 0..limit {
            if done(self) {
                return Ok(cycle);
            }
            self.step()?;
        }
        if done(self) {
            return Ok(limit);
        }
        let (cycle, state) = (self.sim.cycle(), self.state());
        Err(StreamError::Timeout {
            cycle,
            waited: limit,
            what: what.into(),
            state,
        })
    }

    /// Runs until `sink` holds `count` beats, at most `limit` cycles, and takes all its beats.
    pub fn collect(
        &mut self,
        sink: SinkId,
        count: usize,
        limit: u64,
    ) -> Result<Vec<Beat>, StreamError> {
        let what = format!("{count} beats of {}", self.sinks[sink.0].ports.name);
        self.run_until(limit, &what, |bench| bench.received(sink).len() >= count)?;
        Ok(self.take(sink))
    }

    fn state(&self) -> String {
        let sources = self
            .sources
            .iter()
            .map(|s| format!("source {} has {} beats left", s.ports.name, s.waiting()));
        let sinks = self
            .sinks
            .iter()
            .map(|s| format!("sink {} received {} beats", s.ports.name, s.received.len()));
        sources.chain(sinks).collect::<Vec<_>>().join(", ")
    }
}
