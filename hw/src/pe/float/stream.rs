//! `pe_stream_align`: a beat of the stream as operands of the array. The function is [`super::golden::stream_align`].

use std::sync::Arc;

use super::align::{AlignParams, align};
use super::{EXPONENT_BITS, FloatFormat, Formats, STREAM_BITS, StreamKind};
use crate::glue::Pipeline;
use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, cat, clog2, lit, repeat, sint, uint};

/// Bits of an operand.
const OPERAND: u32 = STREAM_BITS + 1;
/// Parameters of [`stream_align`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamParams {
    /// Bits of a beat W.
    pub bus_bits: u32,
    /// What a beat may hold, in the order of [`StreamKind::ALL`], each once.
    pub kinds: Vec<StreamKind>,
}

impl StreamParams {
    pub fn name(&self) -> String {
        let words: String = self
            .kinds
            .iter()
            .map(|k| format!("_{}", k.word()))
            .collect();
        format!("pe_stream_align_w{}{words}", self.bus_bits)
    }

    /// Operands of one set: W / 8.
    pub const fn slots(&self) -> u32 {
        self.bus_bits / 8
    }

    /// Whether nibbles are included, and with them the second set of operands.
    pub fn two_sets(&self) -> bool {
        self.kinds.iter().any(|k| k.bits() == 4)
    }

    /// Bits of an operand from its top in which the two sets differ: from the lowest bit of a nibble.
    fn apart(&self) -> u32 {
        let nibbles = self.kinds.iter().filter(|k| k.bits() == 4);
        OPERAND - nibbles.map(|k| k.shift()).min().unwrap_or(0)
    }

    /// Enabled cycles from a beat to its operands: those of the floats, and one more where there are integers.
    pub fn latency(&self) -> u32 {
        let integers = self.kinds.iter().any(|k| k.float().is_none());
        self.wait() + u32::from(integers)
    }

    /// Enabled cycles that integers wait for floats.
    fn wait(&self) -> u32 {
        self.align().map_or(0, |a| a.latency())
    }

    /// The aligner, if there are floats.
    fn align(&self) -> Option<AlignParams> {
        let floats: Vec<FloatFormat> = self.kinds.iter().filter_map(|k| k.float()).collect();
        let formats = Formats::ALL.into_iter().find(|f| f.list() == floats)?;
        Some(AlignParams {
            lanes: self.bus_bits / 16,
            magnitude_bits: STREAM_BITS,
            formats,
        })
    }

    /// Rules of the parameters, those that are broken in words.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let w = self.bus_bits;
        if !(32..=1024).contains(&w) || !w.is_power_of_two() {
            faults.push(format!("W = {w} is not a power of two in 32..=1024"));
        }
        if self.kinds.is_empty() || !self.kinds.is_sorted_by(|a, b| a < b) {
            faults.push("kinds are none, or not each once in their order".into());
        }
        faults
    }
}

/// What leaves the unit for one kind of beat, floats of both formats being one.
struct Choice {
    /// What `kind` is for it; of floats, which are the choice of all other values, one of them.
    code: u64,
    b0: Expr,
    /// The top bits of each operand of `b1`, those in which the sets differ.
    upper: Expr,
    /// Poison, zero, block exponent.
    found: Expr,
}

/// Bits `low ..= low + width - 1` of every slot of `stride` bits, each with its sign in front to make `total` bits and
/// zeros behind as far as they are missing in it.
fn slots(word: &Expr, (low, width): (u32, u32), stride: u32, (total, shift): (u32, u32)) -> Expr {
    let mut parts = Vec::new();
    for k in (0..word.width() / stride).rev() {
        let top = stride * k + low + width - 1;
        if total > shift + width {
            parts.push(repeat(total - shift - width, word.bit(top)));
        }
        parts.push(word.bits(top, stride * k + low));
        if shift > 0 {
            parts.push(lit(0, shift));
        }
    }
    cat(&parts)
}

/// The beat of integers `x`, moved into place; the sets differ in the top `apart` bits of an operand.
#[track_caller]
fn integers(m: &mut ModuleBuilder, x: &Expr, kind: StreamKind, apart: u32) -> Choice {
    let b0 = slots(x, (0, kind.bits()), 8, (OPERAND, kind.shift()));
    let b0 = m.wire(kind.word(), b0);
    let upper = match kind {
        StreamKind::Int4 | StreamKind::Int4Pair => {
            let shift = kind.shift() + apart - OPERAND;
            slots(x, (4, 4), 8, (apart, shift))
        }
        _ => upper(&b0, apart),
    };
    let exponent = kind.block_exponent().unwrap_or(0) as u64;
    Choice {
        code: kind.code().into(),
        b0,
        upper,
        found: lit(exponent, EXPONENT_BITS + 2),
    }
}

/// The top `apart` bits of every operand.
fn upper(operands: &Expr, apart: u32) -> Expr {
    slots(operands, (OPERAND - apart, apart), OPERAND, (apart, 0))
}

/// Ports: `clk`, `en`, `x` (the beat), `kind` ([`StreamKind::code`]; only for more than one), `b0` (operand k at bit 18 k) and,
/// with nibbles, `b1`, `exponent`, `zero`, `poison`.
///
/// # Errors
/// Parameters out of range.
pub fn stream_align(p: &StreamParams) -> Result<Arc<Module>, RtlError> {
    let faults = p.faults();
    if !faults.is_empty() {
        let module = p.name();
        return Err(RtlError { module, faults });
    }
    let words: Vec<&str> = p.kinds.iter().map(|k| k.word()).collect();
    let mut m = Module::new(p.name()).doc(format!(
        "A beat of {} as {} operands of {OPERAND} bits: element = operand * 2^(exponent - 16). Floats come\n\
         twice, in the lower and the upper half of the slots. Latency {} enabled cycles.",
        words.join(", "),
        p.slots(),
        p.latency(),
    ));
    let pipe = Pipeline::ports(&mut m);
    let x = m.input("x", uint(p.bus_bits), "beat");
    let kind = (p.kinds.len() > 1).then(|| {
        let code = |k: &StreamKind| format!("{} {}", k.code(), k.word());
        let codes: Vec<String> = p.kinds.iter().map(code).collect();
        m.input("kind", uint(3), &codes.join(", "))
    });
    let operands = uint(OPERAND * p.slots());
    let b0 = m.output("b0", operands, "operands; of nibbles those of even number");
    let b1 = (p.two_sets()).then(|| m.output("b1", operands, "the same; nibbles of odd number"));
    let exponent = m.output("exponent", sint(EXPONENT_BITS), "block exponent");
    let zero = m.output("zero", uint(1), "all floats are zero");
    let poison = m.output("poison", uint(1), "a float is infinite or not a number");

    let mut choices = Vec::new();
    if let Some(a) = p.align() {
        m.section("Floats");
        let bf16 = u64::from(StreamKind::Bf16.code());
        let format = kind.as_ref().filter(|_| a.formats == Formats::Both);
        let format = format.map(|kind| m.wire("format", kind.is(bf16)));
        let mut inputs = vec![("en", &pipe.en), ("x", &x)];
        inputs.extend(format.as_ref().map(|f| ("format", f)));
        let u = m.instance("u_align", &align(&a)?, &pipe.clk, &inputs);
        let b0 = m.wire("floats", cat([&u.get("y"), &u.get("y")]));
        let found = cat([&u.get("poison"), &u.get("zero"), &u.get("exponent")]);
        choices.push(Choice {
            code: p.kinds[0].code().into(),
            upper: upper(&b0, p.apart()),
            b0,
            found: m.wire("floats_found", found),
        });
    }
    if choices.is_empty() || p.latency() > p.wait() {
        m.section("Integers wait for the floats");
        let x = pipe.delay(&mut m, "x", &x, p.wait());
        let kinds = p.kinds.iter().filter(|k| k.float().is_none());
        choices.extend(kinds.map(|&kind| integers(&mut m, &x, kind, p.apart())));
    }
    let mut result = choices.remove(0);
    if p.latency() > p.wait() {
        m.section("One of them");
        result = choose(&mut m, &pipe, p, kind.as_ref(), result, &choices);
    }
    m.assign(&b0, &result.b0);
    if let Some(b1) = b1 {
        let apart = p.apart();
        let operand = |k: u32| match apart {
            OPERAND => vec![result.upper.element(k, apart)],
            _ => {
                let top = OPERAND * (k + 1) - apart;
                let low = result.b0.bits(top - 1, OPERAND * k);
                vec![result.upper.element(k, apart), low]
            }
        };
        let parts: Vec<Expr> = (0..p.slots()).rev().flat_map(operand).collect();
        m.assign(&b1, cat(&parts));
    }
    let found = m.wire("found", &result.found);
    m.assign(&exponent, found.bits(EXPONENT_BITS - 1, 0).signed());
    m.assign(&zero, found.bit(EXPONENT_BITS));
    m.assign(&poison, found.bit(EXPONENT_BITS + 1));
    m.finish()
}

/// The last stage: registers of `first`, or of the one among `others` that the code of the beat asks for.
#[track_caller]
fn choose(
    m: &mut ModuleBuilder,
    pipe: &Pipeline,
    p: &StreamParams,
    kind: Option<&Expr>,
    first: Choice,
    others: &[Choice],
) -> Choice {
    // The number of the choice, as few bits as possible, travels with the beat.
    let choice = kind.filter(|_| !others.is_empty()).map(|kind| {
        let bits = clog2(others.len() as u64 + 1);
        let arms = others.iter().zip(1..);
        let arms = arms.map(|(c, number)| (c.code, lit(number, bits)));
        let choice = m.case("choice", kind, arms, lit(0, bits));
        pipe.delay(m, "choice", &choice, p.wait())
    });
    let mut select = |name: &str, of: fn(&Choice) -> &Expr| match &choice {
        Some(choice) => {
            let arms = others
                .iter()
                .zip(1..)
                .map(|(c, number)| (number, of(c).clone()));
            m.case(name, choice, arms, of(&first))
        }
        None => of(&first).clone(),
    };
    let b0 = select("operands", |c| &c.b0);
    let upper = p.two_sets().then(|| select("odd", |c| &c.upper));
    let found = select("chosen", |c| &c.found);
    let (b0, found) = (("operands_last", &b0), ("chosen_last", &found));
    let [b0, found, upper] = match &upper {
        Some(upper) => pipe.stage(m, [b0, found, ("odd_last", upper)]),
        None => {
            let [b0, found] = pipe.stage(m, [b0, found]);
            [b0, found, lit(0, 1)]
        }
    };
    Choice {
        code: first.code,
        b0,
        upper,
        found,
    }
}
