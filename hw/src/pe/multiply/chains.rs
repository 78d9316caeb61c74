//! A beat to the chains, and what their sums are to the rows.

use super::held::held;
use super::{Load, PeMode, PeParams, Tag, Tags};
use crate::glue::{delay_line, delays};
use crate::pe::array::{A_BITS, B_BITS, SUM_BITS, pe_chain, pe_skew, pe_tree};
use crate::pe::float::stream_align;
use crate::rtl::{Clock, Expr, Instance, ModuleBuilder, RtlError, cat, mux, one, repeat};

/// Sums of a beat, and what its sum of floats is worth.
pub(super) struct Sums {
    /// Of codes, one for each row.
    pub codes: Vec<Expr>,
    /// Of floats, for those rows that have them.
    pub floats: Vec<Option<Expr>>,
    /// Poison, zero, block exponent of the stream, a cycle before the sums.
    pub found: Option<Expr>,
}

/// The operands of a beat: one set, or two.
struct Operands {
    sets: Vec<Expr>,
    found: Option<Expr>,
}

fn operands(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    beat: &Expr,
    kind: Option<&Expr>,
) -> Result<Operands, RtlError> {
    let shared = p.shared_multipliers();
    if p.modes.plain() {
        let beat = m.delay("beat_q", clk, None, beat);
        let wide = |k| {
            cat([
                &repeat(B_BITS - 8, beat.bit(8 * k + 7)),
                &beat.element(k, 8),
            ])
        };
        let set = match shared {
            true => {
                let operands: Vec<Expr> = (0..p.macs()).map(wide).collect();
                m.wire("operands", cat(operands.iter().rev()))
            }
            false => beat,
        };
        return Ok(Operands {
            sets: vec![set],
            found: None,
        });
    }
    let stream = p.stream();
    let mut inputs = vec![("en", one()), ("x", beat.clone())];
    inputs.extend(kind.map(|kind| ("kind", kind.clone())));
    let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (*n, e)).collect();
    let u = m.instance("u_align", &stream_align(&stream)?, clk, &inputs);
    let mut sets = vec![u.get("b0")];
    if stream.two_sets() {
        sets.push(u.get("b1"));
    }
    if !shared {
        // Integers as they are: of each operand the low byte.
        for (k, set) in sets.iter_mut().enumerate() {
            let bytes = (0..p.macs())
                .rev()
                .map(|i| set.bits(B_BITS * i + 7, B_BITS * i));
            let bytes = m.wire(&format!("bytes{k}"), cat(&bytes.collect::<Vec<_>>()));
            for i in 0..p.macs() {
                m.unused(set.bits(B_BITS * (i + 1) - 1, B_BITS * i + 8));
            }
            *set = bytes;
        }
    }
    let found = cat([
        &u.get("poison"),
        &u.get("zero"),
        &u.get("exponent").unsigned(),
    ]);
    if !p.modes.floats() {
        m.unused(&found);
    }
    Ok(Operands {
        sets,
        found: p.modes.floats().then_some(found),
    })
}

/// The sums of a pair's chains.
#[derive(Default)]
struct Pair {
    /// Of codes: those of the lower and of the upper row, one a chain.
    codes: [Vec<Expr>; 2],
    /// All lanes, and in halves the lower ones; where rows share multipliers.
    all: Vec<Expr>,
    half: Option<Expr>,
}

pub(super) fn chains(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    load: &Load,
    (beat, addr, kind): (&Expr, &Expr, Option<&Expr>),
    tags: &Tags,
) -> Result<Sums, RtlError> {
    let chain = p.chain();
    let (lanes, at) = (chain.lanes, p.operand_stage());
    m.section("Operands of the stream");
    let operands = operands(m, clk, p, beat, kind)?;

    m.section("Operands of the rows: each two lanes read theirs when the chain takes them");
    let shared = p.shared_multipliers();
    let early = at - 1;
    let skew = |lane| if shared { chain.skew(lane) } else { 0 };
    let late = delays(m, clk, "addr", addr, early + skew(lanes - 1));
    let groups = (0..p.macs() / 2).map(|g| &late[(early + skew(2 * g % lanes)) as usize]);
    let addrs = cat(groups.collect::<Vec<_>>().into_iter().rev());
    let addrs = m.wire("addrs", addrs);
    let held = held(p)?;
    let held = (0..p.pairs()).map(|pair| {
        let here = load.get("we") & load.get("pair").is(pair.into());
        let here = m.wire(&format!("load{pair}"), here);
        let low_we = m.wire(&format!("load_low{pair}"), &here & load.get("low"));
        let high_we = m.wire(&format!("load_high{pair}"), &here & load.get("high"));
        let (data, wr_addr, parts) = (load.get("data"), load.get("addr"), load.get("parts"));
        let mut inputs = vec![
            ("low_we", &low_we),
            ("high_we", &high_we),
            ("wr_addr", &wr_addr),
            ("data", &data),
            ("addr", &addrs),
        ];
        if p.modes.floats() {
            inputs.push(("parts", &parts));
        }
        let u = m.instance(&format!("u_held{pair}"), &held, clk, &inputs);
        u.get("a")
    });
    let held: Vec<Expr> = held.collect();
    let pairs = match shared {
        true => shared_pairs(m, clk, p, (&held, &operands.sets), tags)?,
        false => separate_pairs(m, clk, p, (&held, &operands.sets))?,
    };
    let codes = codes(m, clk, p, &pairs, tags);
    let floats = match p.modes.floats() {
        true => floats(m, clk, p, &pairs, tags),
        false => Vec::new(),
    };
    let found = operands.found.map(|found| {
        let n = p.sum_stage() - 1 - at;
        let found = m.wire("found", found);
        let line = delay_line(m, clk, "found_line", &found, n);
        m.wire("found_before", line)
    });
    Ok(Sums {
        codes,
        floats,
        found,
    })
}

/// Chains in which two rows share the multipliers.
fn shared_pairs(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    (held, sets): (&[Expr], &[Expr]),
    tags: &Tags,
) -> Result<Vec<Pair>, RtlError> {
    m.section("Chains");
    let chain = p.chain();
    let lanes = chain.lanes;
    let tag = &tags.operands;
    let bias = match p.modes.floats() {
        true => m.wire("bias", !Tag::Float.of(tag)),
        false => one(),
    };
    let skew = pe_skew(&chain)?;
    let mut skewed: Vec<Vec<Instance>> = Vec::new();
    for (s, set) in sets.iter().enumerate() {
        let of_chains = (0..p.chains()).map(|c| {
            let b = m.wire(&format!("operands{s}_{c}"), set.element(c, B_BITS * lanes));
            let mut inputs = vec![("b", &b), ("bias", &bias)];
            let halves = chain.split.then(|| Tag::Halves.of(tag));
            inputs.extend(halves.as_ref().map(|h| ("halves", h)));
            m.instance(&format!("u_skew{s}_{c}"), &skew, clk, &inputs)
        });
        skewed.push(of_chains.collect());
    }
    let module = pe_chain(&chain)?;
    let mut pairs = Vec::new();
    for (pair, a) in held.iter().enumerate() {
        let mut sums = Pair::default();
        for (c, skewed) in (0..).zip(&skewed[pair % skewed.len()]) {
            let a = a.element(c, A_BITS * lanes);
            let (b, bias) = (skewed.get("b_skewed"), skewed.get("bias_skewed"));
            let mut inputs = vec![("a", a), ("b", b), ("bias", bias)];
            if chain.split {
                inputs.push(("bias_upper", skewed.get("bias_upper")));
                inputs.push(("whole", skewed.get("whole")));
            }
            let inputs: Vec<(&str, &Expr)> = inputs.iter().map(|(n, e)| (*n, e)).collect();
            let u = m.instance(&format!("u_chain{pair}_{c}"), &module, clk, &inputs);
            let sum = u.get("sum");
            let low = cat([&!sum.bit(18), &sum.bits(17, 0)]).signed();
            let fields = [low, sum.bits(37, 19).signed()];
            for (codes, (side, field)) in sums
                .codes
                .iter_mut()
                .zip(["low", "high"].iter().zip(fields))
            {
                codes.push(m.wire(&format!("{side}{pair}_{c}"), field));
            }
            if !p.modes.floats() {
                m.unused(sum.bits(SUM_BITS - 1, 38));
            }
            sums.all.push(sum);
            sums.half = chain.split.then(|| u.get("half"));
        }
        pairs.push(sums);
    }
    Ok(pairs)
}

/// Trees of products of codes.
fn separate_pairs(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    (held, sets): (&[Expr], &[Expr]),
) -> Result<Vec<Pair>, RtlError> {
    m.section("Products of each row");
    let chain = p.chain();
    let lanes = chain.lanes;
    let module = pe_tree(&chain)?;
    let mut pairs = Vec::new();
    for (pair, a) in held.iter().enumerate() {
        let b = &sets[pair % sets.len()];
        let mut sums = Pair::default();
        for c in 0..p.chains() {
            let inputs = [
                ("a", &a.element(c, 16 * lanes)),
                ("b", &b.element(c, 8 * lanes)),
            ];
            let u = m.instance(&format!("u_tree{pair}_{c}"), &module, clk, &inputs);
            for (codes, side) in sums.codes.iter_mut().zip(["low", "high"]) {
                codes.push(u.get(side));
            }
        }
        pairs.push(sums);
    }
    Ok(pairs)
}

/// Sums of codes of each row: the fields of its pair's sum, of all chains, and of a second pair where there are nibbles.
fn codes(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    pairs: &[Pair],
    tags: &Tags,
) -> Vec<Expr> {
    let bits = p.partial_bits();
    let plain = p.modes.plain();
    let mut partials = Vec::new();
    for (pair, sums) in pairs.iter().enumerate() {
        for (side, parts) in ["low", "high"].iter().zip(&sums.codes) {
            let sum = match parts.as_slice() {
                [one] if plain => one.extend(bits),
                [one] => m.delay(&format!("{side}{pair}"), clk, None, one.extend(bits)),
                parts => {
                    let sum = parts[0].extend(bits) + parts[1].extend(bits);
                    m.delay(&format!("{side}{pair}"), clk, None, sum)
                }
            };
            partials.push(sum);
        }
    }
    if !plain {
        let nibbles = Tag::Nibbles.of(&tags.before);
        let codes = p.modes.has(PeMode::Int8Int4);
        partials = (0..partials.len())
            .map(|row| {
                let own = &partials[row];
                let sum = match partials.get(row + 2).filter(|_| codes && row / 2 % 2 == 0) {
                    Some(other) => own + &(other & &repeat(bits, &nibbles).signed()),
                    None => own.clone(),
                };
                m.delay(&format!("codes{row}"), clk, None, sum)
            })
            .collect();
    }
    for spare in partials.drain(p.rows as usize..).collect::<Vec<_>>() {
        m.unused(spare.unsigned());
    }
    partials
}

/// Sums of floats: in halves of both rows of a pair, else of the pair for its lower one, and of a second pair where there
/// are nibbles.
fn floats(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &PeParams,
    pairs: &[Pair],
    tags: &Tags,
) -> Vec<Option<Expr>> {
    let (halves, nibbles) = (Tag::Halves.of(&tags.before), Tag::Nibbles.of(&tags.before));
    let sums: Vec<(Expr, Option<[Expr; 2]>)> = pairs
        .iter()
        .enumerate()
        .map(|(pair, sums)| {
            let register = |m: &mut ModuleBuilder, name: &str, x: &Expr| {
                m.delay(&format!("{name}{pair}"), clk, None, x.signed())
            };
            let whole = match sums.all.as_slice() {
                [one] => register(m, "whole", one),
                parts => register(m, "whole", &(&parts[0] + &parts[1])),
            };
            let halves = p
                .modes
                .halves()
                .then(|| match (&sums.half, sums.all.as_slice()) {
                    (Some(half), _) => [register(m, "lower", half), whole.clone()],
                    (None, parts) => {
                        let alone = 2 * pair + 1 == p.rows as usize;
                        let lower = register(m, "lower", &parts[0]);
                        let upper = (!alone).then(|| register(m, "upper", &parts[1]));
                        [lower, upper.unwrap_or_else(|| whole.clone())]
                    }
                });
            (whole, halves)
        })
        .collect();
    (0..p.rows as usize)
        .map(|row| {
            let (whole, of_halves) = &sums[row / 2];
            let second = sums
                .get(row / 2 + 1)
                .filter(|_| p.modes.nibbles() && row % 4 == 0);
            let sum = match (row % 2, of_halves) {
                (0, None) => whole.clone(),
                (0, Some([lower, _])) => mux(&halves, lower, whole),
                (_, Some([_, upper])) => upper.clone(),
                (_, None) => return None,
            };
            let sum = match second {
                Some((other, _)) => {
                    let own = m.wire(&format!("own{row}"), sum);
                    own + (other & &repeat(SUM_BITS, &nibbles).signed())
                }
                None => sum,
            };
            Some(m.delay(&format!("floats{row}"), clk, None, sum))
        })
        .collect()
}
