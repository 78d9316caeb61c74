//! vec: element-wise operations, nonlinear functions and the reductions that ride along with them.
//!
//! One instruction streams `n` elements from the scratchpad through one fixed pipeline and back, L lanes a cycle.
//! Sums, maxima and absmaxima are taken while the operands stream by, so that no pass is made for a reduction alone.
//! The operations are those of `docs/machine.md`, section 4; every step of one rounds as `hw::num` says.
//!
//! | module | what |
//! |---|---|
//! | `vec` | sequencing, decoder, writer |
//! | `vec_operand_l<lanes>` | one operand: its scalar, then its vector |
//! | `vec_pipe_l<lanes>` | the pipeline: lanes, what travels beside them, reductions, packing |
//! | `vec_lane` | convert, multiply, add or limit, function, multiply, convert back |
//! | `vec_max_l<lanes>`, `vec_sum_l<lanes>` | the reductions |
//! | `vec_pack_l<lanes>` | results to words of the scratchpad |
//! | `delay_line_w<bits>_n<cycles>` | a value some cycles later |
//!
//! Ports of `vec`: sink `op` (256 bits), `done`, `fault_valid`, `fault_cause`, `fault_info`; read ports `a` and `b`
//! (`_req_valid/_ready/_addr`, `_rsp_valid/_data`); write port `wr` (`_valid/_ready/_addr/_data`).
//!
//! One instruction at a time: scalars and vectors are asked for at once, then a word a cycle when granted. About 45 cycles
//! pass besides the words; with a reduction another L + 4, with a sum another 30 + 7 log2 L. `a` may be the destination
//! too. n = 0 reads nothing and writes the reductions of nothing; 65536 words or more are a fault OPERAND with n, after
//! which no instruction is taken until reset. Flags and fields that an operation does not use are not read.

mod control;
mod delay;
pub mod golden;
mod lane;
mod operand;
mod pack;
mod pipe;
mod reduce;
mod rtl;
#[cfg(test)]
mod tests;

pub use rtl::vec;

use crate::isa::Op;
use crate::params::MachineParams;
use crate::rtl::RtlError;

/// Parameters of [`vec`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VecParams {
    /// Lanes; a power of two, 2 to 16.
    pub lanes: u32,
}

impl From<&MachineParams> for VecParams {
    fn from(p: &MachineParams) -> VecParams {
        VecParams { lanes: p.vec_lanes }
    }
}

impl VecParams {
    fn check(&self) -> Result<(), RtlError> {
        if self.lanes.is_power_of_two() && (2..=16).contains(&self.lanes) {
            return Ok(());
        }
        Err(RtlError {
            module: "vec".into(),
            faults: vec![format!("{} lanes: must be 2, 4, 8 or 16", self.lanes)],
        })
    }
}

/// Operations of the vector unit; `x` is the operand `a`, converted from i32 when the flag says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VecOp {
    /// `y = x * b`
    Mul,
    /// `y = x * s0`
    Scale,
    /// `y = x + b`
    Add,
    /// `y = (x * s0) + b`
    Axpy,
    /// `y = (x * s0) * b`
    ScaleMul,
    /// `y = x * b`, second result: sum of `x * x`
    Norm,
    /// rotation of the pairs (2j, 2j + 1) by the angles whose (cos, sin) are `b[2j], b[2j + 1]`
    Rope,
    /// `e = exp((x * s0) - s1)`, `y = e * b`, second result: sum of `e`
    Exp,
    /// `u = relu(x * s0)`, `y = u * u`
    Relu2,
    /// `y = exp(x * s0)`
    ExpScaled,
    /// `y = 1 / (x + s1)`
    RecipAdd,
    /// `y = 1 / sqrt((x * s0) + s1)`
    Rsqrt,
    /// `y = max(x * s0, s1)`
    Max,
    /// `y = (1 / max(x * s0, s1)) * b`
    RecipMax,
}

impl VecOp {
    /// All operations in the order of their opcodes.
    pub const ALL: [VecOp; 14] = [
        VecOp::Mul,
        VecOp::Scale,
        VecOp::Add,
        VecOp::Axpy,
        VecOp::ScaleMul,
        VecOp::Norm,
        VecOp::Rope,
        VecOp::Exp,
        VecOp::Relu2,
        VecOp::ExpScaled,
        VecOp::RecipAdd,
        VecOp::Rsqrt,
        VecOp::Max,
        VecOp::RecipMax,
    ];

    /// The instruction of the operation.
    pub const fn op(self) -> Op {
        match self {
            VecOp::Mul => Op::Vmul,
            VecOp::Scale => Op::Vscale,
            VecOp::Add => Op::Vadd,
            VecOp::Axpy => Op::Vaxpy,
            VecOp::ScaleMul => Op::Vsmul,
            VecOp::Norm => Op::Vnorm,
            VecOp::Rope => Op::Vrope,
            VecOp::Exp => Op::Vexp,
            VecOp::Relu2 => Op::Vrelu2,
            VecOp::ExpScaled => Op::Vexps,
            VecOp::RecipAdd => Op::Vrecip1,
            VecOp::Rsqrt => Op::Vrsqrt,
            VecOp::Max => Op::Vmax,
            VecOp::RecipMax => Op::Vrecip,
        }
    }
}

/// What is written for each element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    F32,
    /// Rounded half to even, clamped to -127..=127.
    I8,
    /// Rounded half to even, saturating.
    I32,
    /// Nothing: only the reduction is wanted.
    None,
}

/// Reduction of the results `y` (before conversion to the output format).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reduce {
    None,
    Max,
    AbsMax,
}

/// Flags of a vec instruction, see `docs/machine.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VecFlags {
    /// `a` holds i32.
    pub integer: bool,
    pub output: Output,
    pub reduce: Reduce,
}

impl VecFlags {
    pub const fn encode(self) -> u8 {
        let output = match self.output {
            Output::F32 => 0,
            Output::I8 => 1,
            Output::I32 => 2,
            Output::None => 3,
        };
        let reduce = match self.reduce {
            Reduce::None => 0,
            Reduce::Max => 1 << 3,
            Reduce::AbsMax => 1 << 4,
        };
        self.integer as u8 | output << 1 | reduce
    }

    /// Bit 3 wins over bit 4; bits above are ignored.
    pub const fn decode(bits: u8) -> VecFlags {
        VecFlags {
            integer: bits & 1 != 0,
            output: match bits >> 1 & 3 {
                0 => Output::F32,
                1 => Output::I8,
                2 => Output::I32,
                _ => Output::None,
            },
            reduce: match bits >> 3 & 3 {
                0 => Reduce::None,
                2 => Reduce::AbsMax,
                _ => Reduce::Max,
            },
        }
    }
}

/// Partial sums of one lane; word `w` of a vector is added to sum `w % SUM_SLOTS`.
pub const SUM_SLOTS: usize = 8;
