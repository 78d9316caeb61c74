//! How the tables of a K tile are made: a walk over all sums of a group, one addition or subtraction of an activation a step.
//!
//! Every step changes one element of the pattern, so that one adder a group makes the whole table, and all groups
//! walk together: the walk is the same for all. g3 visits {-1, 0, 1}^3 like a snake. Sherry visits the signs of three elements
//! in Gray code (a change of sign is twice the activation), then moves the zero to the next element.

use super::super::golden::{sherry_trits, trits_index};
use super::Code;

/// One step of the walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// Element of the group that is added or subtracted.
    pub element: u32,
    pub subtract: bool,
    /// Twice the activation.
    pub double: bool,
    /// Code of the pattern that is reached; none on the way between two.
    pub code: Option<u64>,
}

/// The walk from the sum zero; every code is reached once.
pub(super) fn walk(code: Code) -> Vec<Step> {
    match code {
        Code::G3 => g3(),
        Code::Sherry => sherry(),
        Code::TwoBit => Vec::new(),
    }
}

/// Moves `pattern` to `target` at `element` and tells how.
fn go(pattern: &mut [i8], element: usize, target: i8, code: impl Fn(&[i8]) -> Option<u64>) -> Step {
    let change = target - pattern[element];
    pattern[element] = target;
    Step {
        element: element as u32,
        subtract: change < 0,
        double: change.abs() == 2,
        code: code(pattern),
    }
}

fn g3() -> Vec<Step> {
    let code = |p: &[i8]| trits_index(Code::G3, p).map(u64::from);
    let mut at = [0i8; 3];
    // The corner from which the snake starts. What is passed on the way there comes again.
    let mut steps: Vec<Step> = (0..3).map(|e| go(&mut at, e, -1, |_| None)).collect();
    steps[2].code = code(&at);
    let mut way = [1i8, 1];
    for last in [-1, 0, 1] {
        if last > -1 {
            steps.push(go(&mut at, 2, last, code));
        }
        for middle in 0..3 {
            if middle > 0 {
                let to = at[1] + way[1];
                steps.push(go(&mut at, 1, to, code));
            }
            for _ in 0..2 {
                let to = at[0] + way[0];
                steps.push(go(&mut at, 0, to, code));
            }
            way[0] = -way[0];
        }
        way[1] = -way[1];
    }
    steps
}

fn sherry() -> Vec<Step> {
    let code = |p: &[i8]| (0..32u8).find(|&i| sherry_trits(i) == *p).map(u64::from);
    let mut at = [0i8; 4];
    let mut steps: Vec<Step> = (1..4).map(|e| go(&mut at, e, -1, code)).collect();
    for zero in 0..4 {
        if zero > 0 {
            // All four elements for one step, then the next one leaves.
            steps.push(go(&mut at, zero - 1, 1, code));
            steps.push(go(&mut at, zero, 0, code));
        }
        let lanes: Vec<usize> = (0..4).filter(|&e| e != zero).collect();
        for flip in 1..8u32 {
            let e = lanes[flip.trailing_zeros() as usize];
            let to = -at[e];
            steps.push(go(&mut at, e, to, code));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlmm::golden::index_trits;

    /// The sums of random activations along the walk are those of the codes, and each code comes once.
    #[test]
    fn every_code_is_reached_once_with_its_sum() {
        for (code, codes) in [(Code::G3, 27), (Code::Sherry, 32)] {
            let acts = [-128i32, 57, 3, 101];
            let (mut sum, mut seen) = (0, Vec::new());
            for s in walk(code) {
                let a = acts[s.element as usize] * if s.double { 2 } else { 1 };
                sum += if s.subtract { -a } else { a };
                if let Some(c) = s.code {
                    let want: i32 = index_trits(code, c as u8)
                        .iter()
                        .zip(acts)
                        .map(|(&w, a)| i32::from(w) * a)
                        .sum();
                    assert_eq!(sum, want, "{code:?} {c}");
                    seen.push(c);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..codes).collect::<Vec<_>>());
        }
    }
}
