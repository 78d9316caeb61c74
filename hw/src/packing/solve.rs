//! Search for layouts: most products in a multiplier for a cost in look-up tables.

use super::cost::{Cost, cost};
use super::layout::{Broken, Lane, Layout, MAX_WIDTH, Multiplier, Side, pairs};
use super::operand::Operand;

/// Most products that are tried in one multiplier.
pub const MAX_PRODUCTS: usize = 12;

/// A layout and what it costs.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    pub layout: Layout,
    pub cost: Cost,
}

/// Width and bias of a lane's upper part, for products `low..=high` without their `cut` low bits. `tight` takes as few bits as
/// there are values; else the bias is the sign's weight, which one inverter takes off again.
fn field((low, high): (i64, i64), cut: u32, tight: bool) -> (u32, i64) {
    let upper = |x: i64| x >> cut << cut;
    let (low, high) = (upper(low), upper(high));
    if low >= 0 {
        return (bits(high), 0);
    }
    let sign = (1..).find(|&w| low >= -(1i64 << (w - 1)) && high < 1i64 << (w - 1));
    let sign = sign.unwrap_or(64);
    let few = bits(high - low);
    if tight && few < sign {
        (few, -low)
    } else {
        (sign, 1 << (sign - 1))
    }
}

fn bits(value: i64) -> u32 {
    64 - value.leading_zeros()
}

impl Layout {
    /// The layout of operands at these weights: each lane as wide as its products, its low bits recomputed as far as the
    /// lanes below reach, or as many as `low` says for the lanes in ascending order. `tight`: lanes as narrow as they can be,
    /// though an adder is needed to take their biases off.
    ///
    /// # Errors
    /// The rule of the ports that is broken.
    pub fn of(
        multiplier: Multiplier,
        (a, a_at): (Operand, &[u32]),
        (b, b_at): (Operand, &[u32]),
        tight: bool,
        low: Option<&[u32]>,
    ) -> Result<Layout, Broken> {
        for (name, operand, at, port_bits) in [
            ('a', a, a_at, multiplier.a_bits()),
            ('b', b, b_at, multiplier.b_bits()),
        ] {
            Side {
                operand,
                at,
                port_bits,
            }
            .check(name)?;
        }
        let product = a.product(b);
        let ends = (*product.start(), *product.end());
        let mut order = pairs(a_at, b_at);
        order.sort_unstable();
        if let Some(low) = low
            && low.len() > order.len()
        {
            return Err(Broken::Low(order.len()));
        }
        let mut lanes: Vec<Lane> = Vec::with_capacity(order.len());
        let mut reach = 0;
        for (k, &(at, i, j)) in order.iter().enumerate() {
            if k > 0 && order[k - 1].0 == at {
                return Err(Broken::Same(at));
            }
            let needed = u32::saturating_sub(reach, at);
            let low = low.map_or(Some(needed), |low| low.get(k).copied());
            let low = low.filter(|&low| low < MAX_WIDTH).ok_or(Broken::Low(k))?;
            let (mut width, mut bias) = field(ends, low, tight);
            let top = k + 1 == order.len();
            let signed = top && ends.0 < 0;
            if signed {
                (width, _) = field(ends, low, false);
                bias = 0;
            }
            lanes.push(Lane {
                a: i,
                b: j,
                at,
                low,
                width,
                bias,
                signed,
            });
            reach = at + width;
        }
        let layout = Layout {
            multiplier,
            a,
            b,
            a_at: a_at.to_vec(),
            b_at: b_at.to_vec(),
            lanes,
        };
        layout.check().map(|()| layout)
    }
}

/// All ways to put `n` operands of `bits` bits on a port of `port` bits, the first at 0.
fn placements(n: usize, bits: u32, port: u32) -> Vec<Vec<u32>> {
    let mut all = vec![vec![0]];
    for i in 1..n {
        let rest = (n - i - 1) as u32 * bits;
        all = all
            .into_iter()
            .flat_map(|at| {
                let from = at[i - 1] + bits;
                let to = (port + 1).saturating_sub(bits + rest);
                (from..to).map(move |next| [at.as_slice(), &[next]].concat())
            })
            .collect();
    }
    all.retain(|at| at[n - 1] + bits <= port);
    all
}

/// The cheapest exact layout of each number of products, with the operands on either port.
pub fn solve(multiplier: Multiplier, x: Operand, y: Operand) -> Vec<Found> {
    let mut best: Vec<Option<Found>> = vec![None; MAX_PRODUCTS + 1];
    let mut orders = vec![(x, y)];
    if x != y {
        orders.push((y, x));
    }
    for (a, b) in orders {
        for n in 1..=MAX_PRODUCTS {
            for m in 1..=MAX_PRODUCTS / n {
                let columns = placements(m, b.bits, multiplier.b_bits());
                if columns.is_empty() {
                    break;
                }
                for a_at in placements(n, a.bits, multiplier.a_bits()) {
                    for b_at in &columns {
                        for tight in [false, true] {
                            let Ok(layout) =
                                Layout::of(multiplier, (a, &a_at), (b, b_at), tight, None)
                            else {
                                continue;
                            };
                            let cost = cost(&layout);
                            let place = &mut best[n * m];
                            let better = |old: &Found| cost.key() < old.cost.key();
                            if place.as_ref().is_none_or(better) && super::prove::holds(&layout) {
                                *place = Some(Found { layout, cost });
                            }
                        }
                    }
                }
            }
        }
    }
    best.into_iter().flatten().collect()
}
