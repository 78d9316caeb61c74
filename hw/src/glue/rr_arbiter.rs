//! Round-robin arbiter.
//!
//! Contract: combinational one-hot grant to one of the requests; the requester after the one granted last has
//! priority. The turn passes only in a cycle with `accept`, so that a grant stays while its transfer waits. Every
//! requester that keeps asking is granted within `requests` accepted grants.

use std::sync::Arc;

use crate::rtl::{Module, RtlError, mux, uint};

/// Parameters of [`rr_arbiter`].
#[derive(Clone, Debug)]
pub struct ArbiterParams {
    /// Number of requesters, 1 to 64.
    pub requests: u32,
}

impl ArbiterParams {
    pub fn name(&self) -> String {
        format!("rr_arbiter_{}", self.requests)
    }
}

/// Ports: `clk`, `rst`, `request` and `grant` (one bit each requester), `accept`.
///
/// # Errors
/// A number of requesters outside 1 to 64.
pub fn rr_arbiter(p: &ArbiterParams) -> Result<Arc<Module>, RtlError> {
    let n = p.requests;
    if !(1..=64).contains(&n) {
        return Err(RtlError {
            module: p.name(),
            faults: vec![format!("{n} requesters are not in 1..=64")],
        });
    }
    let mut m = Module::new(p.name()).doc(format!(
        "Round-robin arbiter of {n} requesters; the one after the last granted has priority."
    ));
    let clk = m.clock_reset("clk", "rst");
    let request = m.input("request", uint(n), "one bit a requester");
    let accept = m.input(
        "accept",
        uint(1),
        "the granted transfer happens in this cycle",
    );
    let grant = m.output("grant", uint(n), "one-hot, 0 when nobody asks");

    m.comment("Requesters above the last granted one come first.");
    let above = m.reg_init("above", uint(n), 0);
    let first = m.wire("first", &request & &above);
    let pool = m.wire("pool", mux(first.reduce_or(), &first, &request));
    m.comment("x & -x keeps the lowest set bit.");
    let granted = m.wire("granted", &pool & !&pool.minus(1));
    m.assign(&grant, &granted);
    m.clocked(&clk, |b| {
        b.when(&accept & granted.reduce_or(), |b| {
            // All bits above the granted one: not (granted | granted - 1).
            b.set(&above, !(&granted | granted.minus(1)));
        });
    });
    m.finish()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::rtl::NativeSim;

    #[test]
    fn grants_are_one_hot_and_go_round() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for n in [1, 2, 3, 7, 8, 33, 64] {
            let module = rr_arbiter(&ArbiterParams { requests: n }).unwrap();
            let mut sim = NativeSim::new(&module).unwrap();
            sim.reset("clk", "rst");
            let mut next = 0;
            for _ in 0..500 {
                let ones = u64::MAX >> (64 - n);
                let request = rng.random::<u64>() & rng.random::<u64>() & ones;
                let accept = rng.random::<bool>();
                sim.set("request", request);
                sim.set("accept", accept.into());
                let order = (0..n).map(|k| (next + k) % n);
                let want = order.clone().find(|k| request >> k & 1 == 1);
                assert_eq!(sim.get("grant"), want.map_or(0, |k| 1 << k), "{n}");
                if let (true, Some(k)) = (accept, want) {
                    next = (k + 1) % n;
                }
                sim.tick("clk");
            }
        }
    }

    #[test]
    fn emitted_text() {
        let p = ArbiterParams { requests: 4 };
        insta::assert_snapshot!(p.name(), rr_arbiter(&p).unwrap().verilog());
    }
}
