//! What a simulation measured, as a table and as JSON. Every number comes from counters of the RTL.

use std::fmt::Write as _;

use serde::Serialize;

/// One generated token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TokenStats {
    /// Its id.
    pub token: u32,
    /// Cycles from the start until the host could read it.
    pub cycle: u64,
    /// Beats read from memory until then.
    pub read_beats: u64,
}

/// How a unit spent the run, cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitStats {
    /// Its name.
    pub name: String,
    /// With an instruction in flight.
    pub busy: u64,
    /// Its next instruction waits for another unit.
    pub stalled: u64,
}

/// A whole run of the RTL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemStats {
    /// From start to idle.
    pub cycles: u64,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Generated tokens in order.
    pub tokens: Vec<TokenStats>,
    /// All queue units.
    pub units: Vec<UnitStats>,
    /// Beats read from memory.
    pub read_beats: u64,
    /// Beats written to memory.
    pub write_beats: u64,
    /// Cycles without a read beat.
    pub read_idle: u64,
    /// Bits of memory, CSRs and trace that were compared with golden.
    pub compared_bits: u64,
    /// The first difference from golden.
    pub mismatch: Option<String>,
}

/// Rates of a part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Positions computed.
    pub positions: u64,
    /// Cycles a position.
    pub cycles_a_token: f64,
    /// Cycles in which the memory delivered a beat, of all cycles.
    pub bus_busy: f64,
    /// Positions a second at the board's clock.
    pub tokens_a_second: f64,
}

impl SystemStats {
    /// From the start to the first token: the prompt.
    pub fn prefill(&self, clock_mhz: f64) -> Option<Rates> {
        let first = self.tokens.first()?;
        Some(rates(
            u64::from(self.prompt),
            first.cycle,
            first.read_beats,
            clock_mhz,
        ))
    }

    /// From the first token to the last; `None` with fewer than two.
    pub fn decode(&self, clock_mhz: f64) -> Option<Rates> {
        let (first, last) = (self.tokens.first()?, self.tokens.last()?);
        let positions = self.tokens.len() as u64 - 1;
        let beats = last.read_beats.saturating_sub(first.read_beats);
        let cycles = last.cycle.saturating_sub(first.cycle);
        (positions > 0).then(|| rates(positions, cycles, beats, clock_mhz))
    }

    /// The table that `sim` and `demo` print.
    pub fn table(&self, clock_mhz: f64) -> String {
        let mut out = String::new();
        let (prefill, decode) = (self.prefill(clock_mhz), self.decode(clock_mhz));
        let mut row = |name: &str, cell: &dyn Fn(&Rates) -> String| {
            let text = |r: Option<Rates>| r.as_ref().map_or("-".into(), cell);
            // Writing to a String never fails.
            let _ = writeln!(out, "  {name:<28}{:>14}{:>14}", text(prefill), text(decode));
        };
        row("tokens", &|r| grouped(r.positions));
        row("cycles a token", &|r| {
            grouped(r.cycles_a_token.round() as u64)
        });
        row("memory bus busy", &|r| percent(r.bus_busy));
        row(&format!("tokens/s at {clock_mhz} MHz"), &|r| {
            format!("{:.1}", r.tokens_a_second)
        });
        let head = format!("  {:<28}{:>14}{:>14}\n", "", "prompt", "decode");
        let mut out = head + &out;
        let _ = writeln!(out, "\n  {:<28}{:>14}{:>14}", "unit", "busy", "waiting");
        for unit in &self.units {
            let _ = writeln!(
                out,
                "  {:<28}{:>14}{:>14}",
                unit.name,
                percent(share(unit.busy, self.cycles)),
                percent(share(unit.stalled, self.cycles))
            );
        }
        let _ = writeln!(
            out,
            "\n  {} cycles, {} beats read, {} written",
            grouped(self.cycles),
            grouped(self.read_beats),
            grouped(self.write_beats)
        );
        let _ = match &self.mismatch {
            None => writeln!(
                out,
                "  RTL equals golden: {} bits of memory, CSRs and trace compared, none differs",
                grouped(self.compared_bits)
            ),
            Some(difference) => writeln!(out, "  RTL DIFFERS from golden: {difference}"),
        };
        out
    }
}

fn rates(positions: u64, cycles: u64, read_beats: u64, clock_mhz: f64) -> Rates {
    let cycles_a_token = cycles as f64 / positions.max(1) as f64;
    Rates {
        positions,
        cycles_a_token,
        bus_busy: share(read_beats, cycles),
        tokens_a_second: if cycles == 0 {
            0.0
        } else {
            clock_mhz * 1e6 / cycles_a_token
        },
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A count with a blank between groups of three digits.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> SystemStats {
        let token = |token, cycle, read_beats| TokenStats {
            token,
            cycle,
            read_beats,
        };
        SystemStats {
            cycles: 100_000,
            prompt: 4,
            tokens: vec![
                token(7, 40_000, 20_000),
                token(8, 60_000, 35_000),
                token(9, 80_000, 50_000),
            ],
            units: vec![UnitStats {
                name: "tlmm".into(),
                busy: 75_000,
                stalled: 5_000,
            }],
            read_beats: 60_000,
            write_beats: 1_234,
            read_idle: 40_000,
            compared_bits: 1_234_567,
            mismatch: None,
        }
    }

    #[test]
    fn rates_are_those_between_tokens() {
        let decode = stats().decode(200.0).unwrap();
        assert_eq!((decode.positions, decode.cycles_a_token), (2, 20_000.0));
        assert_eq!((decode.bus_busy, decode.tokens_a_second), (0.75, 10_000.0));
        let prefill = stats().prefill(200.0).unwrap();
        assert_eq!((prefill.cycles_a_token, prefill.bus_busy), (10_000.0, 0.5));
        let one = SystemStats {
            tokens: stats().tokens[..1].to_vec(),
            ..stats()
        };
        assert_eq!(one.decode(200.0), None);
    }

    #[test]
    fn the_table_says_whether_every_bit_agreed() {
        let table = stats().table(200.0);
        assert!(
            table.contains("75.0 %") && table.contains("1 234 567 bits"),
            "{table}"
        );
        let bad = SystemStats {
            mismatch: Some("instruction 9".into()),
            ..stats()
        };
        assert!(
            bad.table(200.0)
                .contains("DIFFERS from golden: instruction 9")
        );
    }
}
