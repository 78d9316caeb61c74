//! Which adders sum the entries of a row: a plan, before any hardware.
//!
//! Every adder takes three numbers. Entries are unsigned, 384 too large, so that no adder extends a sign; what that makes too
//! much in a K tile is taken off by constants at columns where an adder has an operand to spare, which costs nothing: in the
//! last adder all ones from column s on (minus 2^s), in the tree the bits of 2^s minus the excess.
//!
//! Three entries make two bits of weight 1024, a majority and a carry, and adding them up is a column of its own. Nine
//! entries have a better way: the first two sums leave those bits to the third, whose extra column takes three of them.

use std::sync::Arc;

use crate::rtl::bits_for;

/// Added to every entry: the largest magnitude, three activations of -128.
pub(super) const BIAS: u64 = 384;

/// A number of the tree: an entry, or the sum of up to three numbers and of constants in columns that they leave free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    /// Entries in it.
    pub entries: u32,
    /// Constant that this adder adds.
    pub constant: u64,
    pub children: Vec<Arc<Node>>,
    pub max: u64,
    /// Adders between an entry and this number.
    pub depth: u32,
    /// Look-up tables and, in eighths of that, registers.
    cost: u64,
}

impl Node {
    fn entry() -> Node {
        Node {
            entries: 1,
            constant: 0,
            children: Vec::new(),
            max: 2 * BIAS,
            depth: 0,
            cost: 0,
        }
    }

    /// Nine entries in three adders of 10, 10 and 11 columns and one of 13.
    fn nine() -> Node {
        Node {
            entries: 9,
            max: 9 * 2 * BIAS,
            depth: 2,
            cost: 8 * (10 + 10 + 11 + 13) + 34 + 13,
            ..Node::entry()
        }
    }

    /// Made by [`Node::nine`].
    pub fn is_nine(&self) -> bool {
        self.entries == 9 && self.children.is_empty()
    }

    fn sum(children: Vec<Arc<Node>>, constant: u64) -> Node {
        let mut node = Node {
            entries: children.iter().map(|c| c.entries).sum(),
            constant,
            max: constant + children.iter().map(|c| c.max).sum::<u64>(),
            depth: 1 + children.iter().map(|c| c.depth).max().unwrap_or(0),
            children,
            cost: 0,
        };
        let late = |c: &Node| u64::from((node.depth - 1 - c.depth) * c.width());
        node.cost = node.children.iter().map(|c| c.cost + late(c)).sum::<u64>()
            + 8 * u64::from(node.columns())
            + u64::from(node.width());
        node
    }

    /// Bits of the number.
    pub fn width(&self) -> u32 {
        bits_for(self.max)
    }

    /// Operands of the adder that have a bit in `column`, the constant included.
    fn operands(&self, column: u32) -> usize {
        let wide = self.children.iter().filter(|c| c.width() > column).count();
        wide + (self.constant >> column & 1) as usize
    }

    /// Columns of the adder: where there is a bit or a majority from below. A carry alone needs none.
    pub fn columns(&self) -> u32 {
        let used = |c: u32| self.operands(c) > 0 || c > 0 && self.operands(c - 1) > 1;
        (0..self.width())
            .rev()
            .find(|&c| used(c))
            .map_or(0, |c| c + 1)
    }

    /// Constants anywhere in the number.
    pub fn constants(&self) -> u64 {
        self.constant + self.children.iter().map(|c| c.constants()).sum::<u64>()
    }

    /// All ways to add 2^`bit` in one of the adders.
    fn with_bit(&self, bit: u32) -> Vec<Node> {
        if self.is_nine() {
            let entry = Arc::new(Node::entry());
            let three = Arc::new(Node::sum(vec![entry; 3], 0));
            return Node::sum(vec![three; 3], 0).with_bit(bit);
        }
        let mut ways = Vec::new();
        if !self.children.is_empty() && self.constant >> bit & 1 == 0 && self.operands(bit) < 3 {
            ways.push(Node::sum(self.children.clone(), self.constant | 1 << bit));
        }
        for (k, child) in self.children.iter().enumerate() {
            // Equal numbers give equal ways.
            if k > 0 && self.children[k - 1] == *child {
                continue;
            }
            ways.extend(child.with_bit(bit).into_iter().map(|way| {
                let mut children = self.children.clone();
                children[k] = Arc::new(way);
                Node::sum(children, self.constant)
            }));
        }
        ways
    }
}

/// Cheapest sums of 1, 2, .. `n` entries; element 0 is no sum.
fn sums(n: u32) -> Vec<Option<Arc<Node>>> {
    let mut best = vec![None, Some(Arc::new(Node::entry()))];
    for entries in 2..=n as usize {
        let mut found: Option<Node> = None;
        for a in entries.div_ceil(3)..entries {
            for b in (entries - a).div_ceil(2)..=a.min(entries - a) {
                let parts = [a, b, entries - a - b].map(|k| best[k].clone());
                let way = Node::sum(parts.into_iter().flatten().collect(), 0);
                if found.as_ref().is_none_or(|f| way.cost < f.cost) {
                    found = Some(way);
                }
            }
        }
        if entries == 9 {
            found = Some(Node::nine());
        }
        best.push(found.map(Arc::new));
    }
    best
}

/// The sums of a row: two numbers, which the last adder adds to the accumulator and to ones from column `ones_from` on.
pub(super) struct Plan {
    pub numbers: [Arc<Node>; 2],
    pub ones_from: u32,
}

impl Plan {
    /// Adders between an entry and the last adder.
    pub fn depth(&self) -> u32 {
        self.numbers.iter().map(|n| n.depth).max().unwrap_or(0)
    }
}

/// Cheapest plan for `groups` entries and an accumulator of `acc_bits`; `groups` is a multiple of 8, which makes the excess a
/// multiple of 1024, above all entries. None if no split leaves a column free for each constant.
pub(super) fn plan(groups: u32, acc_bits: u32) -> Option<Plan> {
    let excess = u64::from(groups) * BIAS;
    let sums = sums(groups - 1);
    let mut best: Option<(u64, Plan)> = None;
    for first in groups / 2..groups {
        let (Some(a), Some(b)) = (
            sums[first as usize].clone(),
            sums[(groups - first) as usize].clone(),
        ) else {
            continue;
        };
        let all = Node::sum(vec![a, b], 0);
        if best.as_ref().is_some_and(|(cost, _)| *cost <= all.cost) {
            continue;
        }
        for ones_from in bits_for(excess - 1)..=acc_bits {
            let missing = (1u64 << ones_from) - excess;
            let mut placed = Some(all.clone());
            for bit in (0..ones_from).filter(|bit| missing >> bit & 1 == 1) {
                placed = placed.and_then(|way| {
                    way.with_bit(bit)
                        .into_iter()
                        .filter(|way| way.constant == 0)
                        .min_by_key(|way| way.cost)
                });
            }
            let Some(Ok(numbers)) = placed.map(|p| <[Arc<Node>; 2]>::try_from(p.children)) else {
                continue;
            };
            // The last adder's third operand is the accumulator.
            let free = numbers.iter().any(|n| n.width() <= ones_from) || ones_from == acc_bits;
            let cost = Node::sum(numbers.to_vec(), 0).cost;
            if free && best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Plan { numbers, ones_from }));
            }
        }
    }
    best.map(|(_, plan)| plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(node: &Node) {
        let widest = node.children.iter().map(|c| c.width()).max().unwrap_or(0);
        assert!(node.children.len() <= 3 && widest <= node.columns().max(widest));
        assert!(node.children.is_empty() || node.width() - node.columns() <= 1);
        assert!((0..node.width()).all(|c| node.children.is_empty() || node.operands(c) <= 3));
        node.children.iter().for_each(|c| check(c));
    }

    /// Every size has a plan whose constants are what the bias adds, modulo the accumulator.
    #[test]
    fn the_bias_is_taken_off() {
        for groups in (8..=288).step_by(8) {
            let acc_bits = 21;
            let plan = plan(groups, acc_bits).unwrap();
            let entries: u32 = plan.numbers.iter().map(|n| n.entries).sum();
            assert_eq!(entries, groups);
            let constants: u64 = plan.numbers.iter().map(|n| n.constants()).sum();
            let sum = constants + u64::from(groups) * BIAS;
            assert_eq!(sum, 1 << plan.ones_from, "T = {groups}");
            plan.numbers.iter().for_each(|n| check(n));
        }
    }
}
