//! `vec_pipe`: all lanes, what travels beside them, the reductions, and the words that come out.

use std::sync::Arc;

use super::control::{CONTROL_BITS, EARLY};
use super::lane::{
    EARLY_TERM_LATENCY, LATE_TERM_LATENCY, OUT_LATENCY, X_LATENCY, Y_LATENCY, vec_lane,
};
use super::pack::vec_pack;
use super::reduce::{STEP_BITS, SUM_LOOP, named, vec_max, vec_sum};
use crate::rtl::{
    Clock, Expr, Instance, Module, ModuleBuilder, RtlError, cat, lit, mux, repeat, uint,
};

// The last term is in its partial sum when the last result leaves.
const _: () = assert!(LATE_TERM_LATENCY + SUM_LOOP <= OUT_LATENCY + 1);

/// The lanes, joined in pairs.
struct Lanes {
    terms: Expr,
    y: Expr,
    words: Expr,
    codes: Expr,
}

/// What all lanes share.
struct Shared<'a> {
    en: &'a Expr,
    control: &'a Expr,
    integer: &'a Expr,
    to_i32: &'a Expr,
    s0: &'a Expr,
    s1: &'a Expr,
    live_x: &'a Expr,
    live_out: &'a Expr,
}

fn all_lanes(
    m: &mut ModuleBuilder,
    clk: &Clock,
    count: u32,
    s: &Shared,
    a: &Expr,
    b: &Expr,
) -> Result<Lanes, RtlError> {
    let lane = vec_lane()?;
    let across: Vec<(Expr, Expr)> = (0..count)
        .map(|l| {
            let x = m.wire_decl(&format!("x_{l}"), uint(32));
            (x, m.wire_decl(&format!("b_{l}"), uint(32)))
        })
        .collect();
    let made: Vec<Instance> = (0..count)
        .map(|l| {
            let (x_pair, b_pair) = &across[l as usize ^ 1];
            m.instance(
                &format!("u_lane_{l}"),
                &lane,
                clk,
                &[
                    ("en", s.en),
                    ("control", s.control),
                    ("from_i32", s.integer),
                    ("odd", &lit(u64::from(l & 1), 1)),
                    ("s0", s.s0),
                    ("s1", s.s1),
                    ("a", &a.element(l, 32)),
                    ("b", &b.element(l, 32)),
                    ("live_x", &s.live_x.bit(l)),
                    ("x_pair", x_pair),
                    ("b_pair", b_pair),
                    ("to_i32", s.to_i32),
                ],
            )
        })
        .collect();
    for (lane, (x, b)) in made.iter().zip(&across) {
        m.assign(x, lane.get("x"));
        m.assign(b, lane.get("b_x"));
    }
    let joined = |port: &str| {
        let all: Vec<Expr> = made.iter().rev().map(|lane| lane.get(port)).collect();
        cat(&all)
    };
    let masked = |port: &str, width: u32| {
        let live = |(l, lane): (usize, &Instance)| {
            lane.get(port) & repeat(width, s.live_out.bit(l as u32))
        };
        let all: Vec<Expr> = made.iter().enumerate().map(live).collect();
        cat(all.iter().rev())
    };
    let (terms, y) = (joined("term"), joined("y"));
    let (words, codes) = (masked("word", 32), masked("code", 8));
    Ok(Lanes {
        terms: m.wire("terms", terms),
        y: m.wire("y", y),
        words: m.wire("words", words),
        codes: m.wire("codes", codes),
    })
}

/// The pipeline; everything but `a`, `b`, `enter` and `newest` stands still while an instruction streams.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn vec_pipe(lanes: u32) -> Result<Arc<Module>, RtlError> {
    let width = 32 * lanes;
    let mut m = Module::new(named("vec_pipe", lanes)).doc(format!(
        "A word a cycle through {lanes} lanes; out_valid {} enabled cycles after enter. With en low all stands\n\
         still but the word that is on its way out. Reductions: clear, stream, then combine (see vec_sum).",
        OUT_LATENCY + 2
    ));
    let clk = m.clock_reset("clk", "rst");
    let en = m.input("en", uint(1), "clock enable");
    let control = m.input("control", uint(CONTROL_BITS), "switches of the lanes");
    let integer = m.input("from_i32", uint(1), "a holds i32");
    let to_i8 = m.input("to_i8", uint(1), "results are int8");
    let to_i32 = m.input("to_i32", uint(1), "results are i32");
    let silent = m.input("silent", uint(1), "no result comes out");
    let absolute = m.input(
        "absolute",
        uint(1),
        "greatest magnitude, not greatest number",
    );
    let tail = m.input(
        "tail",
        uint(lanes),
        "lanes of the last word that hold elements",
    );
    let s0 = m.input("s0", uint(32), "fp32");
    let s1 = m.input(
        "s1",
        uint(32),
        "fp32, as the adder or the comparison takes it",
    );
    let a = m.input("a", uint(width), "operands");
    let b = m.input("b", uint(width), "operands");
    let enter = m.input("enter", uint(1), "a and b are a word; counts with en");
    let newest = m.input("newest", uint(1), "it is the last of its instruction");
    let clear = m.input("clear", uint(1), "begin reductions; the pipeline is empty");
    let combine = m.input(
        "combine",
        uint(1),
        "finish reductions; the pipeline is empty",
    );
    let step = m.input("step", uint(STEP_BITS), "cycles since combine began");
    let out_valid = m.output("out_valid", uint(1), "pulse");
    let out_data = m.output("out_data", uint(width), "word of the scratchpad");
    let leaves = m.output(
        "leaves",
        uint(1),
        "pulse, a cycle before the last out_valid",
    );
    let greatest = m.output("greatest", uint(32), "fp32");
    let sum = m.output("sum", uint(32), "fp32");

    m.section("Beside the lanes: which stage holds a word, which the last");
    let stages = OUT_LATENCY + 1;
    let valid = m.reg_init("valid", uint(stages), 0);
    m.note(&valid, "bit k: a word entered k + 1 enabled cycles ago");
    let last = m.reg("last", uint(stages));
    m.note(&last, "it is the last of its instruction");
    m.clocked(&clk, |b| {
        b.when(&en, |b| {
            b.set(&valid, cat([&valid.bits(stages - 2, 0), &enter]));
        });
    });
    m.clocked(&clk, |b| {
        b.when(&en, |b| {
            b.set(&last, cat([&last.bits(stages - 2, 0), &newest]));
        });
    });
    let a_q = m.delay("a_q", &clk, Some(&en), &a);
    let b_q = m.delay("b_q", &clk, Some(&en), &b);
    let live = |m: &mut ModuleBuilder, name: &str, stage: &Expr| {
        m.wire(name, &tail | repeat(lanes, !stage))
    };
    let live_x = live(&mut m, "live_x", &last.bit(X_LATENCY));
    let live_y = live(&mut m, "live_y", &last.bit(Y_LATENCY));
    let live_out = live(&mut m, "live_out", &last.bit(OUT_LATENCY));
    let shared = Shared {
        en: &en,
        control: &control,
        integer: &integer,
        to_i32: &to_i32,
        s0: &s0,
        s1: &s1,
        live_x: &live_x,
        live_out: &live_out,
    };
    let out = all_lanes(&mut m, &clk, lanes, &shared, &a_q, &b_q)?;

    m.section("Reductions");
    let y_beat = m.wire("y_beat", &en & valid.bit(Y_LATENCY));
    let best = m.instance(
        "u_max",
        &vec_max(lanes)?,
        &clk,
        &[
            ("clear", &clear),
            ("absolute", &absolute),
            ("beat", &y_beat),
            ("live", &live_y),
            ("y", &out.y),
            ("combine", &combine),
        ],
    );
    let early = control.bit(EARLY);
    let tap = |of: &Expr| {
        let (first, second) = (of.bit(EARLY_TERM_LATENCY), of.bit(LATE_TERM_LATENCY));
        mux(&early, first, second)
    };
    let term_beat = m.wire("term_beat", tap(&valid));
    let term_last = m.wire("term_last", tap(&last));
    let live_term = live(&mut m, "live_term", &term_last);
    let total = m.instance(
        "u_sum",
        &vec_sum(lanes)?,
        &clk,
        &[
            ("en", &en),
            ("clear", &clear),
            ("beat", &term_beat),
            ("live", &live_term),
            ("terms", &out.terms),
            ("combine", &combine),
            ("step", &step),
        ],
    );

    m.assign(&greatest, best.get("result"));
    m.assign(&sum, total.get("sum"));

    m.section("Results");
    let loud = m.wire("loud_beat", valid.bit(OUT_LATENCY) & !&silent);
    let pack = m.instance(
        "u_pack",
        &vec_pack(lanes)?,
        &clk,
        &[
            ("en", &en),
            ("to_i8", &to_i8),
            ("beat", &loud),
            ("last", &last.bit(OUT_LATENCY)),
            ("words", &out.words),
            ("codes", &out.codes),
        ],
    );
    m.assign(&out_valid, pack.get("out_valid"));
    m.assign(&out_data, pack.get("out_data"));
    m.assign(
        &leaves,
        &en & valid.bit(OUT_LATENCY) & last.bit(OUT_LATENCY),
    );
    m.finish()
}
