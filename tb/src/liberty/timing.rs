//! The longest path of a mapped netlist, from the library's tables.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Mapped;
use super::library::{Arc, Cell, Kind, Library};

/// Slope of inputs, memories and clocks, which nothing here drives.
const SLOPE: f64 = 0.05;

/// Readers of a net without a buffer between.
const MOST_READERS: usize = 20;

/// Arrival of an edge at a net: time and slope, and the net and instance it came from.
#[derive(Clone, Copy)]
struct Edge {
    time: f64,
    slope: f64,
    from: Option<(usize, usize, bool)>,
}

const NEVER: Edge = Edge {
    time: f64::NEG_INFINITY,
    slope: 0.0,
    from: None,
};

struct Instance<'a> {
    name: String,
    cell: Option<&'a Cell>,
    /// Net of each connected pin.
    pins: BTreeMap<String, usize>,
}

/// Counts the cells of the flat netlist and finds its longest path.
pub fn analyse(netlist: &Value, top: &str, library: &Library) -> Result<Mapped, String> {
    let module = &netlist["modules"][top];
    let cells = module["cells"].as_object().ok_or("it has no cells")?;
    let mut counts = BTreeMap::new();
    let (mut area, mut register_area) = (0.0, 0.0);
    let mut nets: HashMap<u64, usize> = HashMap::new();
    let mut net = |bit: u64| {
        let next = nets.len();
        *nets.entry(bit).or_insert(next)
    };
    let mut instances = Vec::new();
    // Pins of black boxes end or begin paths, as ports do.
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (name, value) in cells {
        let kind = value["type"].as_str().unwrap_or_default();
        if kind.starts_with('$') {
            if kind == "$scopeinfo" {
                continue;
            }
            return Err(format!("{kind} has no cell in {}", library.name));
        }
        *counts.entry(kind.to_string()).or_insert(0) += 1;
        let cell = library.cells.get(kind);
        if let Some(cell) = cell {
            area += cell.area;
            register_area += if cell.register { cell.area } else { 0.0 };
        }
        let mut pins = BTreeMap::new();
        for (pin, bits) in value["connections"].as_object().into_iter().flatten() {
            let bits: Vec<u64> = bits
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            for &bit in &bits {
                let at = net(bit);
                if cell.is_some() {
                    pins.insert(pin.clone(), at);
                } else if value["port_directions"][pin] == "output" {
                    starts.push(at);
                } else {
                    ends.push((at, format!("{name}.{pin}")));
                }
            }
        }
        instances.push(Instance {
            name: name.clone(),
            cell,
            pins,
        });
    }
    for (name, port) in module["ports"].as_object().into_iter().flatten() {
        for bit in port["bits"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
        {
            let at = net(bit);
            if port["direction"] == "input" {
                starts.push(at);
            } else {
                ends.push((at, name.clone()));
            }
        }
    }
    let net_count = add_buffers(&mut instances, nets.len(), library, &mut counts, &mut area);
    let mut graph = Graph {
        loads: vec![0.0; net_count],
        edges: vec![[NEVER; 2]; net_count],
        instances,
    };
    graph.run(&starts)?;
    let (delay, path) = graph.longest(&ends);
    Ok(Mapped {
        area,
        register_area,
        cells: counts,
        delay,
        path,
    })
}

/// Divides nets with too many readers by trees of buffers, which mapping leaves to layout; clocks are left to it.
/// Counts the buffers and returns the number of nets.
fn add_buffers<'a>(
    instances: &mut Vec<Instance<'a>>,
    mut nets: usize,
    library: &'a Library,
    counts: &mut BTreeMap<String, u64>,
    area: &mut f64,
) -> usize {
    let mut readers: Vec<Vec<(usize, String)>> = vec![Vec::new(); nets];
    let (mut capacitance, mut pins) = (0.0, 0);
    let mut clocks = vec![false; nets];
    for (i, instance) in instances.iter().enumerate() {
        let Some(cell) = instance.cell else { continue };
        for (pin, cap) in &cell.inputs {
            let Some(&net) = instance.pins.get(pin) else {
                continue;
            };
            readers[net].push((i, pin.clone()));
            clocks[net] |= cell
                .arcs
                .iter()
                .any(|a| a.kind == Kind::Clock && a.from == *pin);
            capacitance += cap;
            pins += 1;
        }
    }
    let load = capacitance / f64::from(pins.max(1)) * MOST_READERS as f64;
    let Some((name, buffer)) = library.buffer(load) else {
        return nets;
    };
    let (Some(input), Some(output)) = (buffer.inputs.keys().next(), buffer.functions.keys().next())
    else {
        return nets;
    };
    for net in (0..nets).filter(|&n| !clocks[n]) {
        while readers[net].len() > MOST_READERS {
            let all = std::mem::take(&mut readers[net]);
            for group in all.chunks(all.len().div_ceil(all.len().div_ceil(MOST_READERS))) {
                for (i, pin) in group {
                    instances[*i].pins.insert(pin.clone(), nets);
                }
                readers[net].push((instances.len(), input.clone()));
                instances.push(Instance {
                    name: format!("buffer{}", instances.len()),
                    cell: Some(buffer),
                    pins: [(input.clone(), net), (output.clone(), nets)].into(),
                });
                nets += 1;
                *counts.entry(name.to_string()).or_insert(0) += 1;
                *area += buffer.area;
            }
        }
    }
    nets
}

struct Graph<'a> {
    loads: Vec<f64>,
    /// Arrivals of the rising and the falling edge of each net.
    edges: Vec<[Edge; 2]>,
    instances: Vec<Instance<'a>>,
}

impl Graph<'_> {
    /// Arrival times of all nets, in the order of the paths.
    fn run(&mut self, starts: &[usize]) -> Result<(), String> {
        for instance in &self.instances {
            for (pin, cap) in instance.cell.into_iter().flat_map(|c| &c.inputs) {
                if let Some(&net) = instance.pins.get(pin) {
                    self.loads[net] += cap;
                }
            }
        }
        for &net in starts {
            let edge = Edge {
                time: 0.0,
                slope: SLOPE,
                from: None,
            };
            self.edges[net] = [edge; 2];
        }
        // Readers of a net through a cell, and the nets that each cell still waits for.
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); self.loads.len()];
        let mut waits = vec![0usize; self.instances.len()];
        let mut driven = vec![false; self.loads.len()];
        for (i, instance) in self.instances.iter().enumerate() {
            let Some(cell) = instance.cell else { continue };
            for (pin, &net) in &instance.pins {
                if !cell.inputs.contains_key(pin) {
                    driven[net] |= true;
                } else if !cell.register {
                    readers[net].push(i);
                    waits[i] += 1;
                }
            }
        }
        let mut ready: Vec<usize> = (0..self.instances.len())
            .filter(|&i| waits[i] == 0)
            .collect();
        let mut settled: Vec<usize> = (0..driven.len()).filter(|&n| !driven[n]).collect();
        let mut done = 0;
        loop {
            while let Some(net) = settled.pop() {
                for &i in &readers[net] {
                    waits[i] -= 1;
                    if waits[i] == 0 {
                        ready.push(i);
                    }
                }
            }
            let Some(i) = ready.pop() else { break };
            done += 1;
            settled.extend(self.propagate(i));
        }
        if done < self.instances.len() {
            return Err("a loop without a register".into());
        }
        Ok(())
    }

    /// Sets the outputs of an instance; returns their nets.
    fn propagate(&mut self, i: usize) -> Vec<usize> {
        let instance = &self.instances[i];
        let Some(cell) = instance.cell else {
            return Vec::new();
        };
        for arc in cell.arcs.iter().filter(|a| a.kind != Kind::Setup) {
            let Some(&to) = instance.pins.get(&arc.to) else {
                continue;
            };
            let load = self.loads[to];
            for out in 0..2 {
                let causes: Vec<_> = inputs(arc, out, instance, &self.edges).collect();
                for (net, input, edge) in causes {
                    let time = edge.time + arc.delay[out].at(edge.slope, load);
                    let slope = arc.slope[out].at(edge.slope, load).max(0.0);
                    let best = &mut self.edges[to][out];
                    if time > best.time {
                        *best = Edge {
                            time,
                            slope: slope.max(best.slope),
                            from: net.map(|n| (n, i, input == 1)),
                        };
                    }
                }
            }
        }
        let outputs = instance
            .pins
            .iter()
            .filter(|(p, _)| !cell.inputs.contains_key(*p));
        outputs.map(|(_, &net)| net).collect()
    }

    /// The longest path to a register's input (with its setup) or to an end.
    fn longest(&self, ends: &[(usize, String)]) -> (f64, String) {
        let mut worst = (0.0, None, String::new());
        let mut offer = |time: f64, net: usize, edge: usize, name: &str| {
            if time > worst.0 {
                worst = (time, Some((net, edge)), name.to_string());
            }
        };
        for (net, name) in ends {
            for edge in 0..2 {
                offer(self.edges[*net][edge].time, *net, edge, name);
            }
        }
        for instance in &self.instances {
            let arcs = instance.cell.into_iter().flat_map(|c| &c.arcs);
            for arc in arcs.filter(|a| a.kind == Kind::Setup) {
                let Some(&net) = instance.pins.get(&arc.to) else {
                    continue;
                };
                for edge in 0..2 {
                    let at = self.edges[net][edge];
                    let setup = arc.delay[edge].at(SLOPE, at.slope);
                    offer(at.time + setup, net, edge, &instance.name);
                }
            }
        }
        let (delay, mut at, end) = worst;
        let (mut count, mut first) = (0, "an input or a memory".to_string());
        while let Some((net, edge)) = at {
            at = None;
            if let Some((before, i, falls)) = self.edges[net][edge].from {
                count += 1;
                first = self.instances[i].name.clone();
                if self.instances[i].cell.is_some_and(|c| !c.register) {
                    at = Some((before, usize::from(falls)));
                }
            }
        }
        (delay, format!("{first} to {end}, {count} cells"))
    }
}

/// The edges at the input of an arc that can cause edge `out` at its output.
fn inputs<'a>(
    arc: &'a Arc,
    out: usize,
    instance: &'a Instance,
    edges: &'a [[Edge; 2]],
) -> impl Iterator<Item = (Option<usize>, usize, Edge)> + 'a {
    let net = instance.pins.get(&arc.from).copied();
    (0..2).filter_map(move |input| match arc.kind {
        Kind::Positive if input != out => None,
        Kind::Negative if input == out => None,
        Kind::Clock => {
            let edge = Edge {
                time: 0.0,
                slope: SLOPE,
                from: None,
            };
            (input == 0).then_some((net, input, edge))
        }
        _ => net.map(|n| (Some(n), input, edges[n][input])),
    })
}
