//! `topk`: the kept candidates, sorted, in registers that shift to make room.

use std::sync::Arc;

use crate::rtl::{Expr, Module, RtlError, lit, mux, uint};

/// The list; ports below. Keys are unsigned and never 0 for a candidate.
///
/// # Errors
/// A fault of the description itself.
pub(super) fn topk(capacity: u32) -> Result<Arc<Module>, RtlError> {
    let mut m = Module::new(format!("topk_k{capacity}")).doc(format!(
        "The {capacity} candidates of the greatest keys, best first; of equal keys the earlier is better.\n\
         An offer a cycle. Key 0 is an empty place. {capacity} rotations show all and restore the order."
    ));
    let clk = m.clock_reset("clk", "rst");
    let clear = m.input("clear", uint(1), "forget all");
    let offer = m.input("offer", uint(1), "key and index are a candidate");
    let key = m.input("key", uint(32), "order-preserving key, not 0");
    let index = m.input("index", uint(32), "");
    let rotate = m.input(
        "rotate",
        uint(1),
        "the first place becomes the last; no offer",
    );
    let first_key = m.output("first_key", uint(32), "first place");
    let first_index = m.output("first_index", uint(32), "");
    let places: Vec<(Expr, Expr)> = (0..capacity)
        .map(|i| {
            let held = m.reg_init(&format!("key_{i}"), uint(32), 0);
            (held, m.reg(&format!("index_{i}"), uint(32)))
        })
        .collect();
    let stays: Vec<Expr> = places
        .iter()
        .enumerate()
        .map(|(i, (held, _))| m.wire(&format!("stays_{i}"), held.ge(&key)))
        .collect();
    for i in 0..places.len() {
        let (held, number) = &places[i];
        let (next_key, next_number) = &places[(i + 1) % places.len()];
        // The list is sorted: where the place before stays, the candidate belongs here.
        let (new_key, new_number) = match i {
            0 => (key.clone(), index.clone()),
            _ => {
                let (above_key, above_number) = &places[i - 1];
                (
                    mux(&stays[i - 1], &key, above_key),
                    mux(&stays[i - 1], &index, above_number),
                )
            }
        };
        m.clocked(&clk, |b| {
            b.when(&clear, |b| {
                b.set(held, lit(0, 32));
            })
            .elif(&rotate, |b| {
                b.set(held, next_key);
            })
            .elif(&offer & !&stays[i], |b| {
                b.set(held, &new_key);
            });
        });
        m.clocked(&clk, |b| {
            b.when(&rotate, |b| {
                b.set(number, next_number);
            })
            .elif(&offer & !&stays[i], |b| {
                b.set(number, &new_number);
            });
        });
    }
    let (held, number) = &places[0];
    m.assign(&first_key, held);
    m.assign(&first_index, number);
    m.finish()
}
