//! Change of stream width: beats of A bits in, words of B bits out, low bits first.
//!
//! Contract: bits keep their order across beats; a packet starts at bit 0 of a word, so two packets never share
//! one. `out_last` is on the final word of a packet. A partial final word is filled with zeros (`End::Pad`) or
//! dropped (`End::Drop`; a packet shorter than one word then yields nothing). Throughput under a ready sink: one
//! beat a cycle in when A <= B, one word a cycle out when A >= B, across packets too. A beat accepted in cycle t
//! is offered in t + 1; with `Drop` a word waits until it is known whether it is the final one. No combinational
//! path from `out_ready` to `in_ready`.

use std::sync::Arc;

use crate::rtl::{Expr, Module, ModuleBuilder, RtlError, bits_for, cat, clog2, lit, mux, uint};

/// Widest beat or word, bits.
const MAX_WIDTH: u32 = 4096;

/// What happens to the final word of a packet when the packet does not fill it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Emitted, filled with zeros.
    Pad,
    /// Dropped; the word before it is the packet's last.
    Drop,
}

/// Parameters of [`gearbox`].
#[derive(Clone, Debug)]
pub struct GearboxParams {
    /// Bits of a beat in, 1 to 4096.
    pub in_width: u32,
    /// Bits of a word out, 1 to 4096.
    pub out_width: u32,
    pub end: End,
}

impl GearboxParams {
    pub fn name(&self) -> String {
        let end = match self.end {
            End::Pad => "pad",
            End::Drop => "drop",
        };
        format!("gearbox_{}_to_{}_{end}", self.in_width, self.out_width)
    }
}

/// Sizes in units: the greatest common divisor of both widths, so that every fill level is a whole number of units.
struct Shape {
    unit: u32,
    /// Units of a word.
    word: u32,
    /// Whole words in a beat.
    whole: u32,
    /// Units of a beat beyond its whole words; 0 only when every beat is whole words.
    extra: u32,
    /// A partial final word is dropped (never so when there are none).
    drop: bool,
    /// Most words that one beat completes.
    burst: u32,
    /// Beats are accepted while at most this many words wait.
    threshold: u32,
    /// Words that can wait.
    slots: u32,
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Shape {
    fn new(p: &GearboxParams) -> Shape {
        let unit = gcd(p.in_width, p.out_width);
        let (beat, word) = (p.in_width / unit, p.out_width / unit);
        let (whole, extra) = (beat / word, beat % word);
        let drop = p.end == End::Drop && extra > 0;
        let burst = match (extra, drop) {
            (0, _) => whole,
            // A last beat can complete the word begun before it and leave a partial one.
            (2.., false) => whole + 2,
            _ => whole + 1,
        };
        // One word waits while the next arrives; one more when the oldest is held back to learn whether it is
        // the last, or when a short packet can complete two words in its last beat.
        let threshold = if drop || (whole == 0 && burst == 2) {
            2
        } else {
            1
        };
        Shape {
            unit,
            word,
            whole,
            extra,
            drop,
            burst,
            threshold,
            slots: threshold + burst,
        }
    }
}

/// What a beat adds to the queue of words.
struct Push {
    /// The words it completes, oldest low.
    words: Expr,
    /// Their number.
    count: Expr,
}

/// Ports: `clk`, `rst`, sink `in` with last, source `out` with last.
///
/// # Errors
/// A width outside 1 to 4096.
pub fn gearbox(p: &GearboxParams) -> Result<Arc<Module>, RtlError> {
    for width in [p.in_width, p.out_width] {
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(RtlError {
                module: p.name(),
                faults: vec![format!("width {width} is not in 1..={MAX_WIDTH}")],
            });
        }
    }
    let s = Shape::new(p);
    let end = match p.end {
        End::Pad => "A partial final word is filled with zeros.",
        End::Drop => "A partial final word is dropped.",
    };
    let mut m = Module::new(p.name()).doc(format!(
        "Beats of {} bits in, words of {} bits out, low bits first; packets never share a word.\n{end}",
        p.in_width, p.out_width
    ));
    let clk = m.clock_reset("clk", "rst");
    let input = m.sink_last("in", uint(p.in_width), "beats");
    let output = m.source_last("out", uint(p.out_width), "words");
    let in_last = input.last.clone().unwrap_or_else(crate::rtl::zero);
    let (b, slots) = (p.out_width, s.slots);
    let cw = bits_for(u64::from(slots));

    m.section("Queue of complete words, oldest in the low bits");
    let count = m.reg_init("count", uint(cw), 0);
    m.note(&count, "words waiting");
    let queue = m.reg("queue", uint(slots * b));
    let marks = m.reg_init("marks", uint(slots), 0);
    m.note(
        &marks,
        "word is the last of its packet; 0 above the words waiting",
    );
    m.assign(&input.ready, count.le(lit(s.threshold.into(), cw)));
    let push = m.wire("push", input.fire());
    if s.drop {
        m.comment("The newest word waits until it is known whether its packet has another.");
        m.assign(&output.valid, marks.bit(0) | count.ge(lit(2, cw)));
    } else {
        m.assign(&output.valid, count.ne(lit(0, cw)));
    }
    m.assign(&output.data, queue.bits(b - 1, 0));
    if let Some(last) = &output.last {
        m.assign(last, marks.bit(0));
    }
    let pop = m.wire("pop", output.fire());

    let beat = match s.extra {
        0 => Push {
            words: input.data.clone(),
            count: lit(s.whole.into(), cw),
        },
        _ => align(&mut m, &clk, &s, &input.data, &push, &in_last),
    };

    m.section("Next state of the queue");
    let base = m.wire("base", &count - pop.extend(cw));
    m.note(&base, "words left before the beat's are added");
    let older = m.wire(
        "older",
        mux(
            &pop,
            cat([&zeros(b), &queue.bits(slots * b - 1, b)]),
            &queue,
        ),
    );
    let older_marks = m.wire(
        "older_marks",
        mux(&pop, cat([&zeros(1), &marks.bits(slots - 1, 1)]), &marks),
    );
    let pushed = m.case(
        "pushed",
        &base,
        (0..s.threshold).map(|k| (k.into(), place(&older, &beat.words, k * b))),
        place(&older, &beat.words, s.threshold * b),
    );
    m.comment(
        "Bit k of the mark belongs to the k-th word of the beat, bit 0 to the word before it.",
    );
    let mark = m.wire("mark", in_last.extend(s.burst + 1).shl(&beat.count));
    let may_mark_older = s.drop && s.whole == 0;
    if !may_mark_older {
        m.unused(mark.bit(0));
    }
    let marked = |k: u32| {
        let new = mark.bits(s.burst, 1);
        let low = match k {
            0 => None,
            _ if !may_mark_older => Some(older_marks.bits(k - 1, 0)),
            1 => Some(older_marks.bit(0) | mark.bit(0)),
            _ => Some(cat([
                &(older_marks.bit(k - 1) | mark.bit(0)),
                &older_marks.bits(k - 2, 0),
            ])),
        };
        match low {
            None => new.extend(slots),
            Some(low) => cat([&new, &low]).extend(slots),
        }
    };
    let pushed_marks = m.case(
        "pushed_marks",
        &base,
        (0..s.threshold).map(|k| (k.into(), marked(k))),
        marked(s.threshold),
    );
    m.clocked(&clk, |x| {
        x.when(&push, |x| {
            x.set(&count, &base + &beat.count);
            x.set(&queue, &pushed);
            x.set(&marks, &pushed_marks);
        })
        .elif(&pop, |x| {
            x.set(&count, &base);
            x.set(&queue, &older);
            x.set(&marks, &older_marks);
        });
    });
    m.assert("queue_fits", &clk, count.le(lit(slots.into(), cw)));
    m.finish()
}

fn zeros(width: u32) -> Expr {
    Expr::constant(0.into(), uint(width))
}

/// `new` placed above the low `keep` bits of `older`; higher bits are zero.
fn place(older: &Expr, new: &Expr, keep: u32) -> Expr {
    match keep {
        0 => new.extend(older.width()),
        _ => cat([new, &older.bits(keep - 1, 0)]).extend(older.width()),
    }
}

/// Joins the beat to the bits left from earlier beats and splits the result into words and a rest.
fn align(
    m: &mut ModuleBuilder,
    clk: &crate::rtl::Clock,
    s: &Shape,
    beat: &Expr,
    push: &Expr,
    last: &Expr,
) -> Push {
    m.section("Alignment: the beat above the bits left from earlier beats");
    let (word_bits, rest_bits) = (s.word * s.unit, (s.word - 1) * s.unit);
    let width = beat.width() + rest_bits;
    let pw = clog2(s.word.into());
    let fill = m.reg_init("fill", uint(pw), 0);
    m.note(&fill, &format!("bits left, in units of {}", s.unit));
    let rest = m.reg_init("rest", uint(rest_bits), 0);
    m.note(&rest, "the bits left; 0 above them");
    let mut moved = m.wire("beat_0", beat.extend(width));
    for k in 0..pw {
        let step = s.unit << k;
        let up = cat([&moved.bits(width - step - 1, 0), &zeros(step)]);
        let up = mux(fill.bit(k), up, &moved);
        moved = m.wire(&format!("beat_{}", k + 1), up);
    }
    let joined = m.wire("joined", moved | rest.extend(width));

    // The rest and the beat's extra units together make one more word from this fill on.
    let limit = s.word - s.extra;
    let carry = m.wire("carry", fill.ge(lit(limit.into(), pw)));
    m.note(
        &carry,
        "the bits left and the beat's complete one more word",
    );
    let cw = bits_for(s.slots.into());
    let (few, more) = (lit(s.whole.into(), cw), lit((s.whole + 1).into(), cw));
    let count = if s.drop {
        mux(&carry, &more, &few)
    } else {
        let end = if s.burst == s.whole + 2 {
            let spill = fill.gt(lit(limit.into(), pw));
            mux(spill, lit((s.whole + 2).into(), cw), &more)
        } else {
            more.clone()
        };
        mux(last, end, mux(&carry, &more, &few))
    };
    let count = m.wire("completed", count);
    m.note(&count, "words that the beat completes");

    let short = joined.bits(s.whole * word_bits + rest_bits - 1, s.whole * word_bits);
    let long = match s.extra {
        1 => zeros(rest_bits),
        _ => joined
            .bits(width - 1, (s.whole + 1) * word_bits)
            .extend(rest_bits),
    };
    let rest_next = m.wire("rest_next", mux(&carry, long, short));
    let wrapped = fill.minus(limit.into());
    let fill_next = m.wire("fill_next", mux(&carry, wrapped, fill.plus(s.extra.into())));
    m.clocked(clk, |x| {
        x.when(push & last, |x| {
            x.set(&fill, lit(0, pw));
            x.set(&rest, zeros(rest_bits));
        })
        .elif(push, |x| {
            x.set(&fill, &fill_next);
            x.set(&rest, &rest_next);
        });
    });
    let burst_bits = s.burst * word_bits;
    Push {
        words: joined.resize(burst_bits),
        count,
    }
}

#[cfg(test)]
mod tests;
