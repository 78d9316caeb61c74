//! What a simulation measured, as a table and as JSON. Every number comes from counters of the RTL.

use std::fmt::Write as _;

use serde::Serialize;

/// One generated token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TokenStats {
    /// Its id.
    pub token: u32,
    /// Cycles from the start until the machine told it.
    pub cycle: u64,
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
    /// Cycles in which memory offered a beat that the machine did not take.
    pub read_stall: u64,
    /// Retired instructions whose number and results were compared with golden's; all agreed.
    pub compared: u64,
    /// Bytes of state memory that were compared after every token and at the end.
    pub state_bytes: u64,
}

/// Rates of a part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Positions computed.
    pub positions: u64,
    /// Cycles a position.
    pub cycles_a_token: f64,
    /// Positions a second at the board's clock.
    pub tokens_a_second: f64,
}

impl SystemStats {
    /// From the start to the first new token: the prompt.
    pub fn prefill(&self, clock_mhz: f64) -> Option<Rates> {
        let first = self.tokens.first()?;
        Some(rates(u64::from(self.prompt), first.cycle, clock_mhz))
    }

    /// From the first new token to the last; `None` with fewer than two.
    pub fn decode(&self, clock_mhz: f64) -> Option<Rates> {
        let (first, last) = (self.tokens.first()?, self.tokens.last()?);
        let positions = self.tokens.len() as u64 - 1;
        let cycles = last.cycle.saturating_sub(first.cycle);
        (positions > 0).then(|| rates(positions, cycles, clock_mhz))
    }

    /// Share of all cycles in which the memory bus moved a beat.
    pub fn bus_busy(&self) -> f64 {
        share(self.read_beats + self.write_beats, self.cycles)
    }

    /// The table that `sim` and `demo` print.
    pub fn table(&self, clock_mhz: f64) -> String {
        let mut out = format!("  {:<28}{:>14}{:>14}\n", "", "prompt", "decode");
        // Writing to a String never fails.
        let (prefill, decode) = (self.prefill(clock_mhz), self.decode(clock_mhz));
        let mut row = |name: &str, cell: &dyn Fn(&Rates) -> String| {
            let text = |r: Option<Rates>| r.as_ref().map_or("-".into(), cell);
            let _ = writeln!(out, "  {name:<28}{:>14}{:>14}", text(prefill), text(decode));
        };
        row("tokens", &|r| grouped(r.positions));
        row("cycles a token", &|r| {
            grouped(r.cycles_a_token.round() as u64)
        });
        row(&format!("tokens/s at {clock_mhz} MHz"), &|r| {
            format!("{:.1}", r.tokens_a_second)
        });
        let mut line = |name: &str, a: &str, b: &str| {
            let _ = writeln!(out, "  {name:<28}{a:>14}{b:>14}");
        };
        line("", "", "");
        line("unit", "busy", "waiting");
        for unit in &self.units {
            let part = |cycles| percent(share(cycles, self.cycles));
            line(&unit.name, &part(unit.busy), &part(unit.stalled));
        }
        line("memory bus", &percent(self.bus_busy()), "");
        let _ = write!(
            out,
            "\n  {} cycles, {} beats read, {} written.\n  RTL equals golden: {} instructions with all \
             they wrote, {} tokens,\n  and {} bytes of state memory after each token; no bit differs.\n",
            grouped(self.cycles),
            grouped(self.read_beats),
            grouped(self.write_beats),
            grouped(self.compared),
            self.tokens.len(),
            grouped(self.state_bytes),
        );
        out
    }
}

fn rates(positions: u64, cycles: u64, clock_mhz: f64) -> Rates {
    let cycles_a_token = cycles as f64 / positions.max(1) as f64;
    Rates {
        positions,
        cycles_a_token,
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
        let token = |token, cycle| TokenStats { token, cycle };
        SystemStats {
            cycles: 100_000,
            prompt: 4,
            tokens: vec![token(7, 40_000), token(8, 60_000), token(9, 80_000)],
            units: vec![UnitStats {
                name: "tlmm".into(),
                busy: 75_000,
                stalled: 5_000,
            }],
            read_beats: 60_000,
            write_beats: 1_200,
            read_idle: 40_000,
            read_stall: 0,
            compared: 1_234,
            state_bytes: 65_536,
        }
    }

    #[test]
    fn rates_are_those_between_tokens() {
        let decode = stats().decode(200.0).unwrap();
        assert_eq!((decode.positions, decode.cycles_a_token), (2, 20_000.0));
        assert_eq!(decode.tokens_a_second, 10_000.0);
        assert_eq!(stats().prefill(200.0).unwrap().cycles_a_token, 10_000.0);
        let one = SystemStats {
            tokens: stats().tokens[..1].to_vec(),
            ..stats()
        };
        assert_eq!(one.decode(200.0), None);
        assert_eq!(stats().bus_busy(), 0.612);
    }

    #[test]
    fn the_table_has_every_unit_and_what_was_compared() {
        let table = stats().table(200.0);
        for wanted in ["75.0 %", "61.2 %", "1 234 instructions", "65 536 bytes"] {
            assert!(table.contains(wanted), "{wanted}: {table}");
        }
    }
}
