//! RTL and golden side by side.

use std::collections::VecDeque;

use hw::isa::{Unit, csr};
use hw::machine::{Fault, Machine, Memory, Retired, Step};

use super::error::{Mismatch, SystemError};
use super::stats::Counters;
use super::{Bench, Job};
use crate::sim::{PeekId, PortId, Sim, SimError};

/// What happens while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A token that RTL wrote and golden confirms.
    Token { token: u32, cycle: u64 },
    /// Every few thousand cycles.
    Cycle(u64),
}

/// A run in which every bit agreed.
#[derive(Clone, Debug)]
pub struct Report {
    pub tokens: Vec<u32>,
    /// Cycle of each token, from the start command.
    pub token_cycles: Vec<u64>,
    /// Retired instructions compared.
    pub compared: u64,
    pub counters: Counters,
    /// The same fault that golden has, when the program ends in one.
    pub fault: Option<Fault>,
    pub state: Vec<u8>,
}

/// An instruction that golden has retired, with the scratchpad words that it wrote.
struct Expected {
    retired: Retired,
    writes: Vec<(u32, Vec<u32>)>,
}

/// Golden, run as far as RTL needs.
struct Golden {
    machine: Machine,
    memory: Memory,
    queues: [VecDeque<Expected>; Unit::COUNT],
    tokens: VecDeque<u32>,
    halted: bool,
    fault: Option<Fault>,
}

impl Golden {
    fn step(&mut self) {
        if self.halted || self.fault.is_some() {
            return;
        }
        match self.machine.step(&mut self.memory) {
            Ok(Step::Retired(retired)) => {
                let pad = &self.machine.pad;
                let words = self.machine.written.iter().flat_map(|&(a, n)| a..a + n);
                let writes = words
                    .map(|a| (a, pad.word(a).map(<[u32]>::to_vec).unwrap_or_default()))
                    .collect();
                self.queues[retired.unit.index()].push_back(Expected { retired, writes });
            }
            Ok(Step::Token(token)) => self.tokens.push_back(token),
            Ok(Step::Halted) => self.halted = true,
            Ok(Step::Scalar) => {}
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// Steps until `ready` or nothing more can come.
    fn until(&mut self, ready: impl Fn(&Golden) -> bool) {
        while !ready(self) && !self.halted && self.fault.is_none() {
            self.step();
        }
    }
}

/// Trace ports of one unit.
struct Trace {
    unit: Unit,
    valid: PortId,
    pc: PortId,
    sig: PortId,
}

fn traces(sim: &Sim) -> Result<Vec<Trace>, SimError> {
    Unit::ALL
        .into_iter()
        .filter(|u| sim.try_port(&format!("trace_{u}_valid")).is_some())
        .map(|unit| {
            let port = |name: &str| sim.port(&format!("trace_{unit}_{name}"));
            Ok(Trace {
                unit,
                valid: port("valid")?,
                pc: port("pc")?,
                sig: port("sig")?,
            })
        })
        .collect()
}

impl Bench {
    /// Runs a job and compares. The machine may have run before, and may have ended in a fault.
    ///
    /// # Errors
    /// The first difference, a fault of one side only, protocol errors on the memory port, no end.
    pub fn run(
        &mut self,
        job: &Job,
        observe: &mut dyn FnMut(Progress),
    ) -> Result<Report, SystemError> {
        let waves = job.waves.clone();
        self.waves = waves.map(|(file, window)| (file, window.unwrap_or(0..u64::MAX)));
        let result = compare(self, job, observe);
        self.waves = None;
        let written = self.sim.trace_stop();
        // A difference is worth more than why its waves can not be written.
        let report = result?;
        written?;
        Ok(report)
    }
}

fn compare(
    bench: &mut Bench,
    job: &Job,
    observe: &mut dyn FnMut(Progress),
) -> Result<Report, SystemError> {
    bench.prepare(job)?;
    let mut machine = Machine::new(&bench.params);
    machine.args = job.args;
    let fault = machine.start(&job.memory).err();
    let mut golden = Golden {
        machine,
        memory: job.memory.clone(),
        queues: Default::default(),
        tokens: VecDeque::new(),
        halted: false,
        fault,
    };
    let traces = traces(&bench.sim)?;
    let irq = bench.sim.port("irq")?;
    let banks: Vec<PeekId> = (0..bench.params.scratchpad_banks)
        .map(|k| bench.sim.peek_id(&format!("bank{k}")))
        .collect::<Result<_, _>>()?;
    bench.start(job)?;
    let begin = bench.sim.cycle();
    let (mut tokens, mut token_cycles, mut compared) = (Vec::new(), Vec::new(), 0u64);
    loop {
        let cycle = bench.sim.cycle();
        bench.cycle()?;
        for t in &traces {
            if bench.sim.get(t.valid) != 0 {
                let (pc, sig) = (bench.sim.get(t.pc) as u32, bench.sim.get(t.sig) as u32);
                compared += 1;
                retire(&mut golden, &bench.sim, &banks, t.unit, pc, sig, cycle)?;
            }
        }
        if cycle.is_multiple_of(4096) {
            observe(Progress::Cycle(cycle - begin));
            bench.memory.check().map_err(SystemError::Axi)?;
        }
        if cycle - begin > job.cycle_limit {
            return Err(SystemError::Limit(job.cycle_limit));
        }
        if bench.sim.get(irq) == 0 {
            continue;
        }
        // Reading the cause takes some cycles, in which instructions retire: their traces are compared too.
        let cause = read(
            bench,
            &mut golden,
            &traces,
            &banks,
            &mut compared,
            csr::IRQ_STATUS,
        )?;
        if cause & csr::IRQ_TOKEN != 0 {
            let token = read(
                bench,
                &mut golden,
                &traces,
                &banks,
                &mut compared,
                csr::TOKEN,
            )?;
            golden.until(|g| !g.tokens.is_empty());
            let expected = golden.tokens.pop_front();
            if expected != Some(token) {
                let what = format!("token {token}, golden has {expected:?}");
                return Err(mismatch(bench.sim.cycle(), None, what));
            }
            compare_state(bench, &golden, job, false)?;
            tokens.push(token);
            token_cycles.push(cycle - begin);
            observe(Progress::Token {
                token,
                cycle: cycle - begin,
            });
        }
        bench.host.write(csr::IRQ_STATUS, cause);
        while !bench.host.idle() {
            step(bench, &mut golden, &traces, &banks, &mut compared)?;
        }
        while bench.host.response().is_some() {}
        if cause & (csr::IRQ_DONE | csr::IRQ_FAULT) != 0 {
            break;
        }
    }
    // A few more cycles: signatures leave their monitors a little later than instructions retire.
    for _ in 0..64 {
        step(bench, &mut golden, &traces, &banks, &mut compared)?;
    }
    bench.memory.check().map_err(SystemError::Axi)?;
    let counters = bench.counters()?;
    let fault = finish(bench, &mut golden, job)?;
    let state = &bench.memory.bytes()[(job.memory.state.start - job.memory.origin) as usize..];
    Ok(Report {
        tokens,
        token_cycles,
        compared,
        counters,
        fault,
        state: state.to_vec(),
    })
}

/// Compares how both sides ended.
fn finish(bench: &mut Bench, golden: &mut Golden, job: &Job) -> Result<Option<Fault>, SystemError> {
    golden.until(|_| false);
    let stop = bench.stop()?;
    let cycle = bench.sim.cycle();
    let faulted = stop.status & csr::STATUS_FAULT != 0;
    if !faulted {
        if let Some(fault) = golden.fault {
            return Err(SystemError::Golden(fault));
        }
        for queue in &golden.queues {
            if let Some(e) = queue.front() {
                let (unit, pc) = (e.retired.unit.name(), e.retired.pc);
                return Err(mismatch(
                    cycle,
                    Some((unit, pc)),
                    "never retired in RTL".into(),
                ));
            }
        }
        compare_state(bench, golden, job, true)?;
        return Ok(None);
    }
    let same = golden.fault.is_some_and(|g| {
        stop.cause == Some(g.cause) && stop.unit == Some(g.unit) && stop.pc == g.pc
    });
    // Errors of the memory itself are not golden's: the caller has asked for them.
    let expected = job.environment.error.is_some() || job.environment.silent_from.is_some();
    if let (Some(cause), Some(unit), true) = (stop.cause, stop.unit, same || expected) {
        return Ok(Some(Fault {
            cause,
            unit,
            info: stop.info,
            pc: stop.pc,
        }));
    }
    Err(SystemError::Fault {
        cycle,
        cause: stop.cause,
        unit: stop.unit,
        info: stop.info,
        pc: stop.pc,
    })
}

/// One cycle with comparison of what retires in it.
fn step(
    bench: &mut Bench,
    golden: &mut Golden,
    traces: &[Trace],
    banks: &[PeekId],
    compared: &mut u64,
) -> Result<(), SystemError> {
    let cycle = bench.sim.cycle();
    bench.cycle()?;
    for t in traces {
        if bench.sim.get(t.valid) != 0 {
            let (pc, sig) = (bench.sim.get(t.pc) as u32, bench.sim.get(t.sig) as u32);
            *compared += 1;
            retire(golden, &bench.sim, banks, t.unit, pc, sig, cycle)?;
        }
    }
    Ok(())
}

/// Reads one register while the machine runs.
fn read(
    bench: &mut Bench,
    golden: &mut Golden,
    traces: &[Trace],
    banks: &[PeekId],
    compared: &mut u64,
    register: u32,
) -> Result<u32, SystemError> {
    bench.host.read(register);
    loop {
        step(bench, golden, traces, banks, compared)?;
        match bench.host.response() {
            Some(r) if r.resp != 0 => return Err(SystemError::Host { addr: r.addr }),
            Some(r) if !r.write => return Ok(r.data),
            _ => {}
        }
    }
}

fn mismatch(cycle: u64, place: Option<(&'static str, u32)>, what: String) -> SystemError {
    SystemError::Mismatch(Box::new(Mismatch {
        cycle,
        place,
        element: None,
        what,
    }))
}

/// Compares one retired instruction with golden's next of the same unit.
fn retire(
    golden: &mut Golden,
    sim: &Sim,
    banks: &[PeekId],
    unit: Unit,
    pc: u32,
    sig: u32,
    cycle: u64,
) -> Result<(), SystemError> {
    golden.until(|g| !g.queues[unit.index()].is_empty());
    let place = Some((unit.name(), pc));
    let Some(expected) = golden.queues[unit.index()].pop_front() else {
        // Other units work on until a fault stops them; golden stops at the instruction itself.
        if golden.fault.is_some() {
            return Ok(());
        }
        return Err(mismatch(
            cycle,
            place,
            "golden retires nothing more on this unit".into(),
        ));
    };
    if expected.retired.pc != pc {
        let what = format!("golden retires instruction {} here", expected.retired.pc);
        return Err(mismatch(cycle, place, what));
    }
    if expected.retired.signature == sig {
        return Ok(());
    }
    let what = format!(
        "signature {sig:08x}, golden has {:08x}",
        expected.retired.signature
    );
    for (addr, lanes) in &expected.writes {
        let bank = banks[*addr as usize % banks.len()];
        let word = sim.peek(bank, *addr / banks.len() as u32)?;
        if let Some(lane) = (0..lanes.len()).find(|&l| word.get(l) != Some(&lanes[l])) {
            let got = word.get(lane).copied().unwrap_or(0);
            let what = format!(
                "scratchpad word {addr}, lane {lane} is {got:08x} ({}), golden has {:08x} ({})",
                f32::from_bits(got),
                lanes[lane],
                f32::from_bits(lanes[lane]),
            );
            let element = Some((*addr, lane as u32));
            return Err(SystemError::Mismatch(Box::new(Mismatch {
                cycle,
                place,
                element,
                what,
            })));
        }
    }
    Err(mismatch(cycle, place, what))
}

/// State memory of both sides; before the end the token that has just been told may still be on its way.
fn compare_state(bench: &Bench, golden: &Golden, job: &Job, end: bool) -> Result<(), SystemError> {
    let m = &job.memory;
    let skip = if end { 0 } else { job.token_bytes };
    let range = (m.state.start + skip - m.origin) as usize..(m.state.end - m.origin) as usize;
    let (rtl, gold) = (
        &bench.memory.bytes()[range.clone()],
        &golden.memory.bytes[range.clone()],
    );
    if rtl == gold {
        return Ok(());
    }
    let at = rtl.iter().zip(gold).position(|(a, b)| a != b).unwrap_or(0);
    let addr = m.origin + (range.start + at) as u64;
    let what = format!(
        "memory at {addr:#x} is {:02x}, golden has {:02x}",
        rtl[at], gold[at]
    );
    Err(mismatch(bench.sim.cycle(), None, what))
}
