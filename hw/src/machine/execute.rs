//! Effect of each instruction.

use super::{Fault, Machine, Memory, Retired, Signature, Step};
use crate::fault::OperandFault;
use crate::isa::{ARGS, Cause, FaultUnit, Instr, Op, Target, Unit};
use crate::memory::{Dram, MemoryFault, load, store};
use crate::num::F32;
use crate::pe::PeMode;
use crate::pe::golden::{peaxpy, pedot, pedot_float};
use crate::scratchpad::RangeFault;
use crate::tlmm::golden as tlmm_golden;
use crate::vec::golden::{Elements, Operands, execute as vec_execute};
use crate::vec::{VecFlags, VecOp};

/// Flag of load and store: addresses count from the state window.
const STATE: u8 = 8;

/// Cause and info, before unit and pc are known.
struct Trouble(Cause, u64);

impl From<MemoryFault> for Trouble {
    fn from(f: MemoryFault) -> Trouble {
        Trouble(f.cause, f.info)
    }
}

impl From<RangeFault> for Trouble {
    fn from(f: RangeFault) -> Trouble {
        Trouble(Cause::ScratchRange, u64::from(f.addr))
    }
}

impl From<OperandFault> for Trouble {
    fn from(f: OperandFault) -> Trouble {
        match f {
            OperandFault::Operand(value) => Trouble(Cause::Operand, u64::from(value)),
            OperandFault::StreamShort => Trouble(Cause::StreamShort, 0),
            OperandFault::Mode(number) => Trouble(Cause::Mode, u64::from(number)),
        }
    }
}

pub(super) fn execute(
    m: &mut Machine,
    instr: &Instr,
    pc: u32,
    memory: &mut Memory,
) -> Result<Step, Fault> {
    let v = instr.f.map(|f| f.value(&m.registers));
    match instr.op.target() {
        Target::Issue => scalar(m, instr, &v).map_err(|Trouble(cause, info)| Fault {
            cause,
            unit: FaultUnit::Issue,
            info,
            pc,
        }),
        Target::Queue(unit) => {
            let result = match unit {
                Unit::Load => loads(m, instr, &v, memory),
                Unit::Store => stores(m, instr, &v, memory),
                Unit::Tlmm => tlmm(m, &v),
                Unit::Pe => pe(m, instr, &v),
                Unit::Vec => vector(m, instr, &v),
                Unit::Sample => sample(m, instr, &v),
            };
            let fault = |Trouble(cause, info)| Fault {
                cause,
                unit: FaultUnit::Queue(unit),
                info,
                pc,
            };
            let signature = result.map_err(fault)?.0;
            Ok(Step::Retired(Retired {
                unit,
                pc,
                signature,
            }))
        }
    }
}

fn scalar(m: &mut Machine, instr: &Instr, v: &[u32; 7]) -> Result<Step, Trouble> {
    let rd = usize::from(instr.f[0].reg);
    let mut set = |value: u32| {
        if rd != 0 {
            m.registers[rd] = value;
        }
    };
    match instr.op {
        Op::Nop | Op::Sync => {}
        Op::Halt => return Ok(Step::Halted),
        Op::Li => set(instr.f[1].raw()),
        Op::Add => set(v[1].wrapping_add(v[2])),
        Op::Sub => set(v[1].wrapping_sub(v[2])),
        Op::Mul => set(v[1].wrapping_mul(v[2])),
        Op::Jmp => m.pc = v[2],
        Op::Beq if v[0] == v[1] => m.pc = v[2],
        Op::Bne if v[0] != v[1] => m.pc = v[2],
        Op::Blt if v[0] < v[1] => m.pc = v[2],
        Op::Bge if v[0] >= v[1] => m.pc = v[2],
        Op::Arg => {
            let value = m.args[v[1] as usize % ARGS];
            set(value);
        }
        Op::Rds => {
            let value = m.pad.read_scalar(v[1])?;
            set(value);
        }
        Op::Wrs => m.pad.write_scalar(v[0], v[1])?,
        Op::Emit => {
            m.token_count = m.token_count.wrapping_add(1);
            return Ok(Step::Token(v[1]));
        }
        // Branches not taken.
        _ => {}
    }
    Ok(Step::Scalar)
}

fn loads(
    m: &mut Machine,
    instr: &Instr,
    v: &[u32; 7],
    mem: &mut Memory,
) -> Result<Signature, Trouble> {
    let state = instr.flags & STATE != 0;
    let dram = Dram {
        origin: mem.origin,
        bytes: &mut mem.bytes,
        image: mem.image.clone(),
        state: mem.state.clone(),
    };
    let mut sig = Signature::default();
    match instr.op {
        Op::Ld => {
            load::ld(&m.moves, &dram, &mut m.pad, state, (v[0], v[1], v[2]))?;
            written(m, &mut sig, v[0], v[2].div_ceil(m.moves.lanes))?;
        }
        Op::Ld1 => {
            load::ld1(&m.moves, &dram, &mut m.pad, state, (v[0], v[1]))?;
            written(m, &mut sig, v[0], 1)?;
        }
        _ => {
            let packet = load::packet(&m.moves, &dram, state, (v[1], v[2]))?;
            sig.beats(&packet, m.moves.bus_bits as usize / 8);
            if !packet.is_empty() {
                let queue = if instr.op == Op::Ldw {
                    &mut m.weights
                } else {
                    &mut m.vectors
                };
                queue.push_back(packet);
            }
        }
    }
    Ok(sig)
}

fn stores(
    m: &mut Machine,
    instr: &Instr,
    v: &[u32; 7],
    mem: &mut Memory,
) -> Result<Signature, Trouble> {
    let state = instr.flags & STATE != 0;
    let mut dram = Dram {
        origin: mem.origin,
        bytes: &mut mem.bytes,
        image: mem.image.clone(),
        state: mem.state.clone(),
    };
    let mut sig = Signature::default();
    let beat = m.moves.bus_bits as usize / 8;
    if instr.op == Op::St {
        store::st(&m.moves, &mut dram, &m.pad, state, (v[0], v[1], v[2]))?;
        sig.beats(&m.pad.read_bytes(v[0], 4 * v[2] as usize)?, beat);
    } else {
        store::st1(&m.moves, &mut dram, &m.pad, state, (v[0], v[1]))?;
        let place = v[1] as usize % (beat / 4);
        let value = m.pad.read_scalar(v[0])?;
        sig.write(0, (0..beat / 4).map(|i| if i == place { value } else { 0 }));
    }
    Ok(sig)
}

fn tlmm(m: &mut Machine, v: &[u32; 7]) -> Result<Signature, Trouble> {
    let packet = m.weights.pop_front().unwrap_or_default();
    let [dst, src, k, nt, more, dst_stride, src_stride] = *v;
    tlmm_golden::check(&m.tlmm, k, nt, more)?;
    let place = |base: u32, stride: u32, i: u32| base.wrapping_add(i.wrapping_mul(stride));
    let vectors = (0..=more)
        .map(|i| m.pad.read_i8s(place(src, src_stride, i), k as usize))
        .collect::<Result<Vec<_>, _>>()?;
    let sums = tlmm_golden::gemv(&m.tlmm, &packet, &vectors, k, nt)?;
    // The words of all vectors side by side, as the unit writes them: where strides are short the later one stays.
    let lanes = m.moves.lanes as usize;
    let mut sig = Signature::default();
    for w in 0..(nt * m.tlmm.rows).div_ceil(lanes as u32) {
        for (i, y) in (0..).zip(&sums) {
            let from = w as usize * lanes;
            let word = &y[from..(from + lanes).min(y.len())];
            let at = place(dst, dst_stride, i).wrapping_add(w);
            m.pad.write_i32s(at, word)?;
            written(m, &mut sig, at, 1)?;
        }
    }
    Ok(sig)
}

fn pe(m: &mut Machine, instr: &Instr, v: &[u32; 7]) -> Result<Signature, Trouble> {
    let packet = m.vectors.pop_front().unwrap_or_default();
    let rows = u32::from(instr.flags & 15) + 1;
    let (n, len) = (v[2], v[3]);
    let dot = instr.op == Op::Pedot;
    let number = u32::from(instr.flags >> 4);
    let mode = m.pe.modes.of_flags(instr.flags);
    let mode = mode.filter(|&mode| dot || mode == PeMode::Int8);
    let mode = mode.ok_or(OperandFault::Mode(number))?;
    // Lengths beyond the unit's limits are refused before anything is read.
    let wanted = if dot {
        len.min(m.pe.max_len)
    } else {
        n.min(m.pe.max_count)
    } as usize;
    let vectors = (0..rows.min(m.pe.rows + 1)).map(|r| v[1].wrapping_add(r.wrapping_mul(v[5])));
    let results = if let Some(format) = mode.format() {
        let row = |at| Ok(m.pad.read_u32s(at, wanted)?.into_iter().map(F32).collect());
        let acts = vectors.map(row).collect::<Result<Vec<_>, Trouble>>()?;
        let results = pedot_float(&m.pe, (mode, format), &packet, &acts, n, len)?;
        let bits = |y: Vec<u32>| y.into_iter().map(u32::cast_signed).collect();
        results.into_iter().map(bits).collect()
    } else {
        let row = |at| Ok(m.pad.read_i8s(at, wanted)?);
        let acts = vectors.map(row).collect::<Result<Vec<_>, Trouble>>()?;
        match dot {
            true => pedot(&m.pe, mode, &packet, &acts, n, len)?,
            false => peaxpy(&m.pe, &packet, &acts, n, len)?,
        }
    };
    let mut sig = Signature::default();
    for (r, y) in results.iter().enumerate() {
        let dst = v[0].wrapping_add((r as u32).wrapping_mul(v[4]));
        m.pad.write_i32s(dst, y)?;
        written(m, &mut sig, dst, (y.len() as u32).div_ceil(m.moves.lanes))?;
    }
    Ok(sig)
}

fn vector(m: &mut Machine, instr: &Instr, v: &[u32; 7]) -> Result<Signature, Trouble> {
    let op = match instr.op {
        Op::Vmul => VecOp::Mul,
        Op::Vscale => VecOp::Scale,
        Op::Vadd => VecOp::Add,
        Op::Vaxpy => VecOp::Axpy,
        Op::Vsmul => VecOp::ScaleMul,
        Op::Vnorm => VecOp::Norm,
        Op::Vrope => VecOp::Rope,
        Op::Vexp => VecOp::Exp,
        Op::Vrelu2 => VecOp::Relu2,
        Op::Vexps => VecOp::ExpScaled,
        Op::Vrecip1 => VecOp::RecipAdd,
        Op::Vrsqrt => VecOp::Rsqrt,
        Op::Vmax => VecOp::Max,
        _ => VecOp::RecipMax,
    };
    let flags = VecFlags::decode(instr.flags);
    let n = v[3] as usize;
    let scalar = |used: bool, addr: u32| {
        if used {
            m.pad.read_scalar(addr).map(F32)
        } else {
            Ok(F32::ZERO)
        }
    };
    let (s0, s1) = (scalar(op.uses_s0(), v[4])?, scalar(op.uses_s1(), v[5])?);
    let a = m.pad.read_u32s(v[1], n)?;
    // A rotation reads the sine of a pair that the end of the vector cuts.
    let b = if op.uses_b() {
        m.pad.read_u32s(v[2], n.next_multiple_of(2))?
    } else {
        Vec::new()
    };
    let lanes = m.moves.lanes;
    let results = vec_execute(
        op,
        flags,
        lanes as usize,
        &Operands {
            a: &a,
            b: &b,
            s0,
            s1,
        },
    );
    let mut sig = Signature::default();
    match &results.y {
        Elements::Words(words) => {
            let bits: Vec<i32> = words.iter().map(|w| w.cast_signed()).collect();
            m.pad.write_i32s(v[0], &bits)?;
            written(m, &mut sig, v[0], (n as u32).div_ceil(lanes))?;
        }
        Elements::Bytes(bytes) => {
            m.pad.write_i8s(v[0], bytes)?;
            written(m, &mut sig, v[0], (n as u32).div_ceil(4 * lanes))?;
        }
        Elements::None => {}
    }
    for (value, addr) in [(results.reduced, v[6]), (results.sum, v[6].wrapping_add(1))] {
        if let Some(value) = value {
            m.pad.write_scalar(addr, value.0)?;
            written(m, &mut sig, addr, 1)?;
        }
    }
    Ok(sig)
}

fn sample(m: &mut Machine, instr: &Instr, v: &[u32; 7]) -> Result<Signature, Trouble> {
    let mut sig = Signature::default();
    let k = v[4];
    if instr.op != Op::Seed && (k == 0 || k > m.sample_k) {
        return Err(OperandFault::Operand(k).into());
    }
    match instr.op {
        Op::Seed => m.sampler.seed(v[1]),
        Op::Topk => {
            let logits = m.pad.read_u32s(v[1], v[3] as usize)?;
            let first = instr.flags & 1 != 0;
            let (values, indices) = m.sampler.topk(&logits, v[5], k as usize, first);
            for (dst, words) in [(v[0], values), (v[6], indices)] {
                let bits: Vec<i32> = words.iter().map(|w| w.cast_signed()).collect();
                m.pad.write_i32s(dst, &bits)?;
                written(m, &mut sig, dst, k.div_ceil(m.moves.lanes))?;
            }
        }
        _ => {
            let weights = m.pad.read_u32s(v[1], k as usize)?;
            let indices = m.pad.read_u32s(v[2], k as usize)?;
            let token = m.sampler.draw(&weights, &indices);
            m.pad.write_scalar(v[0], token)?;
            written(m, &mut sig, v[0], 1)?;
        }
    }
    Ok(sig)
}

/// Notes the words that have just been written, and adds them to the signature.
fn written(m: &mut Machine, sig: &mut Signature, addr: u32, words: u32) -> Result<(), RangeFault> {
    m.written.push((addr, words));
    for w in addr..addr + words {
        sig.write(w, m.pad.word(w)?.iter().copied());
    }
    Ok(())
}
