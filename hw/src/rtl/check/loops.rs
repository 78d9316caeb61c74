//! Combinational loops, also through instances.

use indexmap::{IndexMap, IndexSet};

use super::super::builder::ModuleBuilder;
use super::super::expr::{Expr, Node};
use super::super::module::{Item, NetKind};
use super::{MASK, operands, reads};

/// Direct combinational dependencies: for each net the nets it is computed from in the same cycle.
fn combinational(m: &ModuleBuilder) -> Vec<IndexSet<usize>> {
    let mut deps: Vec<IndexSet<usize>> = vec![IndexSet::new(); m.nets.len()];
    fn leaves(e: &Expr, out: &mut IndexSet<usize>) {
        match &*e.node {
            Node::Net { id, .. } => {
                out.insert(id & MASK);
            }
            _ => operands(e, &mut |x| leaves(x, out)),
        }
    }
    for item in &m.items {
        match item {
            Item::Wire {
                net,
                value: Some(_),
            }
            | Item::Assign { net, .. }
            | Item::Case { net, .. } => {
                reads(item, &mut |e| leaves(e, &mut deps[*net]));
            }
            Item::Instance { module, conns, .. } => {
                for (name, value) in conns {
                    let (Some(inputs), Some(net)) = (module.through.get(name), value.net_id())
                    else {
                        continue;
                    };
                    for (_, source) in conns.iter().filter(|(n, _)| inputs.contains(n)) {
                        leaves(source, &mut deps[net & MASK]);
                    }
                }
            }
            Item::BlackBox { module, conns, .. } => {
                for (output, inputs) in &module.through {
                    let target = conns.iter().find(|(n, _)| n == output);
                    let Some(net) = target.and_then(|(_, e)| e.net_id()) else {
                        continue;
                    };
                    for (_, source) in conns.iter().filter(|(n, _)| inputs.contains(n)) {
                        leaves(source, &mut deps[net & MASK]);
                    }
                }
            }
            _ => {}
        }
    }
    deps
}

/// Reports a combinational loop by the names along it; else returns which outputs see which inputs.
pub(super) fn loops(m: &ModuleBuilder, faults: &mut Vec<String>) -> IndexMap<String, Vec<String>> {
    let deps = combinational(m);
    // 0 new, 1 on the path, 2 done. An explicit stack: chains of nets can be long.
    let mut state = vec![0u8; m.nets.len()];
    for start in 0..m.nets.len() {
        let mut stack: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((net, next)) = stack.last_mut() {
            if *next == 0 {
                if state[*net] == 2 {
                    stack.pop();
                    continue;
                }
                state[*net] = 1;
            }
            match deps[*net].get_index(*next) {
                Some(&d) => {
                    *next += 1;
                    if state[d] == 1 {
                        let from = stack.iter().position(|s| s.0 == d).unwrap_or(0);
                        let path: Vec<&str> =
                            stack[from..].iter().map(|s| &*m.nets[s.0].name).collect();
                        faults.push(format!("combinational loop: {}", path.join(" <- ")));
                        return IndexMap::new();
                    }
                    if state[d] == 0 {
                        stack.push((d, 0));
                    }
                }
                None => {
                    state[*net] = 2;
                    stack.pop();
                }
            }
        }
    }
    let mut through = IndexMap::new();
    for &port in &m.ports {
        if m.nets[port].kind != NetKind::Output {
            continue;
        }
        let mut seen: IndexSet<usize> = IndexSet::from([port]);
        let mut at = 0;
        while let Some(&net) = seen.get_index(at) {
            at += 1;
            seen.extend(deps[net].iter().copied());
        }
        let inputs = seen
            .iter()
            .filter(|&&n| m.nets[n].kind == NetKind::Input)
            .map(|&n| m.nets[n].name.to_string())
            .collect();
        through.insert(m.nets[port].name.to_string(), inputs);
    }
    through
}
