//! The manifest: what was made, how large, and where it belongs.

use indexmap::IndexMap;
use serde::Serialize;

use hw::params::MachineParams;
use hw::pe::PeMode;

use super::head::head_bytes;
use super::layout::StateLayout;
use super::scratch::Place;
use crate::model::ModelConfig;

/// One region of the image.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Region {
    pub name: String,
    /// From the image's base, bytes.
    pub offset: u64,
    pub bytes: u64,
    /// CRC-32 (IEEE) in hex.
    pub crc32: String,
}

/// Ternary weights and the bytes they take, padding included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatrixStats {
    pub weights: u64,
    pub bytes: u64,
}

/// A window of the address space.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
pub struct Window {
    pub base: u64,
    /// First byte past the window.
    pub limit: u64,
}

/// Traffic of one token.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Traffic {
    /// Ternary weights, as streamed.
    pub weight_bytes: u64,
    /// The same at the format's information content: log2(3) bits a weight, 1.25 for 3:4 sparse ones.
    pub weight_bytes_ideal: f64,
    /// Ternary weights for each token of a prefill block.
    pub prefill_weight_bytes: u64,
    /// Output head: rows, and f32 scales of integers.
    pub head_bytes: u64,
    /// K, V and scales read for each token of context.
    pub kv_bytes_per_position: u64,
    /// Bits of memory traffic for each ternary weight.
    pub bits_per_weight: f64,
}

/// Written as `manifest.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    pub tool: String,
    /// ABI hash, hex; in CSR, program and image.
    pub abi: String,
    pub model: ModelSummary,
    pub machine: MachineParams,
    pub context: u32,
    /// Tokens of the prompt that one pass over the weights serves.
    pub prefill_block: u32,
    /// How the output head is computed.
    pub head: PeMode,
    pub program_instructions: u32,
    pub program: Window,
    pub image: Window,
    pub state: Window,
    pub traffic: Traffic,
    pub arguments: IndexMap<String, u32>,
    pub scratchpad_words_used: u32,
    /// Name, first word, words.
    pub scratchpad: IndexMap<String, [u32; 2]>,
    pub regions: Vec<Region>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ModelSummary {
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub ffn: usize,
    pub vocab: usize,
    pub ternary_weights: u64,
}

impl ModelSummary {
    pub fn new(c: &ModelConfig, ternary_weights: u64) -> ModelSummary {
        ModelSummary {
            hidden: c.hidden,
            layers: c.layers,
            heads: c.heads,
            kv_heads: c.kv_heads,
            head_dim: c.head_dim,
            ffn: c.ffn,
            vocab: c.vocab,
            ternary_weights,
        }
    }
}

/// Places by name as `[first word, words]`.
pub fn places(map: &IndexMap<String, Place>) -> IndexMap<String, [u32; 2]> {
    map.iter()
        .map(|(name, p)| (name.clone(), [p.addr, p.words]))
        .collect()
}

impl Traffic {
    pub fn new(
        c: &ModelConfig,
        stats: MatrixStats,
        sherry: bool,
        block: u32,
        head: PeMode,
    ) -> Traffic {
        let bits = if sherry { 1.25 } else { 3f64.log2() };
        Traffic {
            weight_bytes: stats.bytes,
            weight_bytes_ideal: stats.weights as f64 * bits / 8.0,
            prefill_weight_bytes: stats.bytes / u64::from(block),
            head_bytes: head_bytes(head, c.vocab as u64, c.hidden as u64),
            kv_bytes_per_position: (2 * c.layers * c.kv_heads * (c.head_dim + 4)) as u64,
            bits_per_weight: stats.bytes as f64 * 8.0 / stats.weights as f64,
        }
    }
}

/// Where program, image and state lie in memory: the program at 64 KiB, the others on the next free MiB.
pub fn windows(program_bytes: u64, image_bytes: u64, state: &StateLayout) -> [Window; 3] {
    const MIB: u64 = 1 << 20;
    let program = Window {
        base: 0x1_0000,
        limit: 0x1_0000 + program_bytes,
    };
    let image = program.limit.next_multiple_of(MIB);
    let image = Window {
        base: image,
        limit: image + image_bytes,
    };
    let base = image.limit.next_multiple_of(MIB);
    [
        program,
        image,
        Window {
            base,
            limit: base + state.bytes,
        },
    ]
}
