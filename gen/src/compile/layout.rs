//! Layout of image and state memory, and the bytes of the image.
//!
//! Image: header, constants, one block a layer (all of one stride, so that a register addresses layers), embedding,
//! output head ([`head`](super::head)), RoPE table. State: tokens, then K, V and their scales of each layer.

use hw::params::MachineParams;
use hw::tlmm::TlmmParams;
use hw::tlmm::pack::{pack_matrix, packet_bytes};

use super::head::{Head, head_rows};
use super::manifest::{MatrixStats, Region};
use super::{CompileError, Plan};
use crate::model::rope::RopeTable;
use crate::model::{Layer, Model, Ternary};

/// Regions start on this many bytes: a DRAM burst's natural boundary, and a multiple of every bus width.
pub const ALIGN: usize = 64;

/// Offset of something in image or state, in 4-byte units as instructions count.
pub type Offset = u32;

/// Ternary matrices of a layer.
pub const MATRICES: [&str; 7] = ["q", "k", "v", "o", "gate", "up", "down"];

/// Index into [`MATRICES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matrix {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Matrix {
    pub fn name(self) -> &'static str {
        MATRICES[self as usize]
    }
}

/// Matrices of a layer by packet, in streaming order. Each alone is best when the bus is the limit: what follows begins as
/// soon as its own matrix is done. Those that share an input are one packet when the engine would be slower than the
/// bus otherwise: then each table is filled once for all of them.
fn products(model: &Model, p: &MachineParams) -> Vec<&'static [Matrix]> {
    use Matrix::{Down, Gate, K, O, Q, Up, V};
    let alone: Vec<&[Matrix]> = vec![&[Q], &[K], &[V], &[O], &[Gate], &[Up], &[Down]];
    let engine = TlmmParams::new(p);
    let (mut cycles, mut beats) = (0, 0);
    for (_, m) in model.layers.first().map(Layer::matrices).iter().flatten() {
        cycles += engine.cycles(m.rows as u64, m.cols as u64);
        beats += packet_bytes(&engine, m.rows, m.cols) as u64 / u64::from(p.bus_bytes());
    }
    if cycles <= beats {
        alone
    } else {
        vec![&[Q, K, V], &[O], &[Gate, Up], &[Down]]
    }
}

/// A packet of weights in its layer's block.
#[derive(Clone, Debug)]
pub struct Packet {
    /// One below the other.
    pub matrices: &'static [Matrix],
    /// From the layer's base, 4-byte units.
    pub offset: Offset,
    /// 4-byte units.
    pub units: u32,
    /// Row tiles of the engine.
    pub row_tiles: u32,
}

impl Packet {
    /// Names of its matrices, joined.
    pub fn name(&self) -> String {
        joined(self.matrices)
    }
}

fn joined(matrices: &[Matrix]) -> String {
    let names: Vec<&str> = matrices.iter().map(|m| m.name()).collect();
    names.join("+")
}

/// Where everything is.
#[derive(Clone, Debug, Default)]
pub struct ImageLayout {
    /// Constant block: scalars, one scratchpad word each, then vectors: scales of the draw, 127 for the heads, final norm.
    pub constants: Offset,
    pub constant_units: u32,
    /// Base of layer 0 and the distance to the next.
    pub layer: Offset,
    pub layer_stride: Offset,
    /// In a layer's block: norm weights and matrix scales, loaded together.
    pub layer_constants: Offset,
    pub layer_constant_units: u32,
    /// Of every layer, in streaming order.
    pub packets: Vec<Packet>,
    /// f32 rows of the embedding and their distance.
    pub embed: Offset,
    pub embed_stride: Offset,
    pub head: Head,
    /// f32 rows (cos, sin interleaved) of the RoPE table and their distance.
    pub rope: Offset,
    pub rope_stride: Offset,
}

/// State memory of one layer, offsets from the layer's base in 4-byte units.
#[derive(Clone, Copy, Debug)]
pub struct StateLayout {
    /// tokens: u32[context + 1] at offset 0.
    pub layers: Offset,
    pub layer_stride: Offset,
    /// Distances between heads: int8 rows, f32 scales.
    pub rows_stride: Offset,
    pub scales_stride: Offset,
    pub k_rows: Offset,
    pub v_rows: Offset,
    pub k_scales: Offset,
    pub v_scales: Offset,
    pub bytes: u64,
}

impl StateLayout {
    pub fn new(model: &Model, context: u32) -> StateLayout {
        let c = &model.config;
        let units = |bytes: usize| (bytes.next_multiple_of(ALIGN) / 4) as u32;
        let heads = c.kv_heads as u32;
        let rows_stride = units(context as usize * c.head_dim);
        let scales_stride = units(context as usize * 4);
        let layers = units((context as usize + 1) * 4);
        let v_rows = heads * rows_stride;
        let k_scales = 2 * v_rows;
        let v_scales = k_scales + heads * scales_stride;
        let layer_stride = v_scales + heads * scales_stride;
        let bytes = 4 * (u64::from(layers) + u64::from(layer_stride) * c.layers as u64);
        StateLayout {
            layers,
            layer_stride,
            rows_stride,
            scales_stride,
            k_rows: 0,
            v_rows,
            k_scales,
            v_scales,
            bytes,
        }
    }
}

/// Scalars of the constant block, in order; each fills one scratchpad word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constant {
    One,
    C127,
    /// Smallest absmax of an activation vector, 1e-5 (BitNet's quantiser).
    Floor,
    Eps,
    InvHidden,
    InvAttention,
    InvFfn,
    Inv127,
    /// Weights of the draw are exponentials in units of 2^-16.
    DrawScale,
}

pub const CONSTANTS: [Constant; 9] = [
    Constant::One,
    Constant::C127,
    Constant::Floor,
    Constant::Eps,
    Constant::InvHidden,
    Constant::InvAttention,
    Constant::InvFfn,
    Constant::Inv127,
    Constant::DrawScale,
];

impl Constant {
    fn value(self, model: &Model) -> f32 {
        let c = &model.config;
        match self {
            Constant::One => 1.0,
            Constant::C127 => 127.0,
            Constant::Floor => 1e-5,
            Constant::Eps => c.norm_eps,
            Constant::InvHidden => 1.0 / c.hidden as f32,
            Constant::InvAttention => 1.0 / (c.heads * c.head_dim) as f32,
            Constant::InvFfn => 1.0 / c.ffn as f32,
            Constant::Inv127 => 1.0 / 127.0,
            Constant::DrawScale => 65536.0,
        }
    }
}

/// Per-layer scalars behind the norm weights: what the accumulator of a matrix is multiplied with, next to the
/// activation's absmax: `weight scale / 127`; the query's has the softmax scale `1 / (127 sqrt(head_dim))` too, and
/// the gate's is negated once more for SiLU's `exp(-g)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LayerScalar {
    Matrix(Matrix),
    /// Query: also by 1/127 (its own int8 codes) and by 1/sqrt(head_dim).
    QueryCodes,
    KeyCodes,
    ValueCodes,
    GateNegated,
}

pub const LAYER_SCALARS: [LayerScalar; 8] = [
    LayerScalar::QueryCodes,
    LayerScalar::KeyCodes,
    LayerScalar::ValueCodes,
    LayerScalar::Matrix(Matrix::O),
    LayerScalar::Matrix(Matrix::Gate),
    LayerScalar::Matrix(Matrix::Up),
    LayerScalar::Matrix(Matrix::Down),
    LayerScalar::GateNegated,
];

/// Norm vectors of a layer in the order of the constant block.
pub fn norms(layer: &Layer) -> [Option<&Vec<f32>>; 4] {
    [
        Some(&layer.input_norm),
        layer.attn_sub_norm.as_ref(),
        Some(&layer.post_norm),
        layer.ffn_sub_norm.as_ref(),
    ]
}

/// 4-byte units of a layer's constants: norms that the family has, each padded to whole words, and the scalars.
pub fn layer_constant_units(model: &Model, lanes: u32) -> u32 {
    let c = &model.config;
    let lengths = [c.hidden, c.heads * c.head_dim, c.hidden, c.ffn];
    let present = [true, c.sub_norms, true, c.sub_norms];
    let norms = lengths.iter().zip(present).filter(|(_, p)| *p);
    let words: u32 = norms.map(|(&n, _)| (n as u32).div_ceil(lanes)).sum();
    (words + LAYER_SCALARS.len() as u32) * lanes
}

/// Words of 127 behind the constants: scalars of all heads are made at once, two for each query head.
pub fn head_constants(model: &Model) -> u32 {
    2 * model.config.heads.max(model.config.kv_heads) as u32
}

/// Image under construction.
pub struct Image {
    pub bytes: Vec<u8>,
    pub layout: ImageLayout,
    pub regions: Vec<Region>,
    pub stats: MatrixStats,
}

struct Writer {
    bytes: Vec<u8>,
    regions: Vec<Region>,
}

impl Writer {
    fn offset(&self) -> Result<Offset, CompileError> {
        let bytes = self.bytes.len() as u64;
        match u32::try_from(bytes) {
            Ok(bytes) => Ok(bytes / 4),
            Err(_) => Err(CompileError::ImageTooLarge { bytes }),
        }
    }

    /// Pads to the alignment.
    fn align(&mut self) {
        let len = self.bytes.len().next_multiple_of(ALIGN);
        self.bytes.resize(len, 0);
    }

    fn region(&mut self, name: &str, start: usize) {
        self.align();
        let data = &self.bytes[start..];
        let crc = crc32fast::hash(data);
        self.regions.push(Region {
            name: name.to_string(),
            offset: start as u64,
            bytes: data.len() as u64,
            crc32: format!("{crc:08x}"),
        });
    }

    fn f32s(&mut self, values: impl IntoIterator<Item = f32>) {
        for v in values {
            self.bytes.extend_from_slice(&v.to_bits().to_le_bytes());
        }
    }

    /// A scalar fills a scratchpad word.
    fn scalar(&mut self, value: f32, lanes: u32) {
        self.f32s((0..lanes).map(|_| value));
    }

    /// A vector padded to whole scratchpad words.
    fn vector(&mut self, values: &[f32], lanes: u32) {
        self.f32s(values.iter().copied());
        let missing = values.len().next_multiple_of(lanes as usize) - values.len();
        self.f32s((0..missing).map(|_| 0.0));
    }
}

/// Rows of a head's pairs (j, j + d/2) become neighbours (2j, 2j + 1): the scalar product of query and key does not
/// see a permutation that both share, and the hardware then rotates neighbours only.
fn interleave_heads(m: &Ternary, head_dim: usize) -> Vec<i8> {
    let half = head_dim / 2;
    let mut trits = Vec::with_capacity(m.trits.len());
    for row in 0..m.rows {
        let (head, at) = (row / head_dim, row % head_dim);
        let source = head * head_dim + at / 2 + if at % 2 == 0 { 0 } else { half };
        trits.extend_from_slice(m.row(source));
    }
    trits
}

/// Builds the image.
///
/// # Errors
/// The image exceeds what its header can say, a matrix is not of the machine's weight format or beyond its sizes.
pub fn image(
    model: &Model,
    p: &MachineParams,
    plan: Plan,
    abi: u64,
) -> Result<Image, CompileError> {
    let c = &model.config;
    let lanes = p.vec_lanes;
    let mut w = Writer {
        bytes: vec![0; ALIGN],
        regions: Vec::new(),
    };
    let mut layout = ImageLayout {
        constants: w.offset()?,
        ..ImageLayout::default()
    };
    let mut stats = MatrixStats::default();

    let start = w.bytes.len();
    for constant in CONSTANTS {
        w.scalar(constant.value(model), lanes);
    }
    w.vector(
        &vec![Constant::DrawScale.value(model); p.sample_k as usize],
        lanes,
    );
    w.vector(
        &vec![127.0; (head_constants(model) * lanes) as usize],
        lanes,
    );
    w.vector(&model.final_norm, lanes);
    layout.constant_units = ((w.bytes.len() - start) / 4) as u32;
    w.region("constants", start);

    layout.layer = w.offset()?;
    let products = products(model, p);
    for (l, layer) in model.layers.iter().enumerate() {
        let base = w.bytes.len();
        for norm in norms(layer).into_iter().flatten() {
            w.vector(norm, lanes);
        }
        let scale = |m: Matrix| layer.matrices()[m as usize].1.scale;
        let root = (c.head_dim as f64).sqrt();
        for s in LAYER_SCALARS {
            // In f64, rounded once: the constants are data, the machine only reads them.
            let value = match s {
                LayerScalar::Matrix(m) => f64::from(scale(m)) / 127.0,
                LayerScalar::QueryCodes => f64::from(scale(Matrix::Q)) / (127.0 * 127.0 * root),
                LayerScalar::KeyCodes => f64::from(scale(Matrix::K)) / (127.0 * 127.0),
                LayerScalar::ValueCodes => f64::from(scale(Matrix::V)) / (127.0 * 127.0),
                LayerScalar::GateNegated => -f64::from(scale(Matrix::Gate)) / 127.0,
            };
            w.scalar(value as f32, lanes);
        }
        layout.layer_constant_units = layer_constant_units(model, lanes);
        w.region(&format!("layer{l}.constants"), base);
        layout.packets.clear();
        for &matrices in &products {
            let (mut rows, mut cols, mut trits) = (0, 0, Vec::new());
            for &m in matrices {
                let (_, source) = layer.matrices()[m as usize];
                (rows, cols) = (rows + source.rows, source.cols);
                if matches!(m, Matrix::Q | Matrix::K) {
                    trits.extend(interleave_heads(source, c.head_dim));
                } else {
                    trits.extend_from_slice(&source.trits);
                }
            }
            let packed = pack_matrix(&TlmmParams::new(p), &trits, rows, cols).map_err(|e| {
                CompileError::Matrix {
                    layer: l,
                    name: joined(matrices),
                    why: e.to_string(),
                }
            })?;
            if packed.nt > p.max_row_tiles || cols > p.max_k as usize {
                return Err(CompileError::Shape {
                    what: "a product's row tiles times its inputs",
                    value: u64::from(packed.nt) * cols as u64,
                    rule: format!(
                        "the engine holds {} row tiles and {} inputs",
                        p.max_row_tiles, p.max_k
                    ),
                });
            }
            let at = w.bytes.len();
            layout.packets.push(Packet {
                matrices,
                offset: ((at - base) / 4) as u32,
                units: (packed.bytes.len() / 4) as u32,
                row_tiles: packed.nt,
            });
            stats.weights += (rows * cols) as u64;
            stats.bytes += packed.bytes.len() as u64;
            w.bytes.extend_from_slice(&packed.bytes);
            w.region(&format!("layer{l}.{}", joined(matrices)), at);
        }
        layout.layer_stride = ((w.bytes.len() - base) / 4) as u32;
        w.offset()?;
    }

    let start = w.bytes.len();
    layout.embed = w.offset()?;
    layout.embed_stride = ((c.hidden * 4).next_multiple_of(ALIGN) / 4) as u32;
    for row in model.embed.chunks(c.hidden) {
        w.f32s(row.iter().copied());
        w.align();
    }
    w.region("embedding", start);

    let start = w.bytes.len();
    let rows = w.offset()?;
    let (bytes, scales) = head_rows(model, p, plan.head);
    w.bytes.extend(bytes);
    w.region("head", start);
    layout.head = Head {
        mode: plan.head,
        rows,
        scales: None,
    };
    if let Some(scales) = scales {
        let start = w.bytes.len();
        layout.head.scales = Some(w.offset()?);
        w.f32s(scales);
        w.region("head.scales", start);
    }

    let start = w.bytes.len();
    layout.rope = w.offset()?;
    layout.rope_stride = ((c.head_dim * 4).next_multiple_of(ALIGN) / 4) as u32;
    let table = RopeTable::new(c.rope_theta, c.head_dim, plan.context as usize);
    let half = c.head_dim / 2;
    for position in 0..plan.context as usize {
        for j in 0..half {
            w.f32s([
                table.cos[position * half + j],
                table.sin[position * half + j],
            ]);
        }
        w.align();
    }
    w.region("rope", start);
    w.offset()?;

    let body_crc = crc32fast::hash(&w.bytes[ALIGN..]);
    let header = [
        hw::isa::IMAGE_MAGIC,
        hw::isa::FORMAT_VERSION,
        abi as u32,
        (abi >> 32) as u32,
        w.bytes.len() as u32,
        body_crc,
    ];
    for (slot, word) in w.bytes.chunks_exact_mut(4).zip(header) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    Ok(Image {
        bytes: w.bytes,
        layout,
        regions: w.regions,
        stats,
    })
}
