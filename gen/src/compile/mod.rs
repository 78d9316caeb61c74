//! Compiler and packer: a model and a configuration become weight image, program and manifest.
//!
//! | file | what |
//! |---|---|
//! | `layout` | image and state memory: where everything lies, and its bytes |
//! | `head` | rows of the output head in its mode |
//! | `scratch` | scratchpad allocation |
//! | `emit` | instruction emission, tokens inserted from what instructions read and write |
//! | `places` | the program's vectors and where each lies |
//! | `block` | one layer, output head, draw: a file for each stage |
//! | `prefill` | the prompt in blocks |
//! | `program` | the whole program: loops over positions and layers |
//! | `manifest` | what was made |

mod block;
mod emit;
mod head;
pub mod layout;
pub mod manifest;
mod places;
mod prefill;
pub mod program;
mod scratch;

use hw::isa::{self, Instr};
use hw::params::MachineParams;
use hw::pe::{PeMode, PeParams};

use crate::model::Model;
use block::Block;
pub use head::head_bytes;
use layout::{Image, ImageLayout, StateLayout};
use manifest::{Manifest, ModelSummary, Traffic, Window};
use places::Places;
pub use scratch::Place;

/// What can be wrong between a valid model and a valid machine.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("the program's vectors need {need} scratchpad words, the machine has {have}: set engine.scratchpad_words to {} or reduce model.context", .need.next_power_of_two())]
    ScratchpadTooSmall { need: u32, have: u32 },
    #[error("the program has {need} instructions, the instruction memory holds {have}")]
    ProgramTooLarge { need: u32, have: u32 },
    #[error(
        "the image has {bytes} bytes or more, its header can tell of {}",
        u32::MAX
    )]
    ImageTooLarge { bytes: u64 },
    #[error("layer {layer}, matrix {name}: {why}")]
    Matrix {
        layer: usize,
        name: String,
        why: String,
    },
    #[error("{what} is {value}, but {rule}")]
    Shape {
        what: &'static str,
        value: u64,
        rule: String,
    },
    #[error(
        "the output head is {head}, but the attention array has {have} only: set engine.head to one of them"
    )]
    HeadMode { head: &'static str, have: String },
    #[error("compiler fault: {0}")]
    Internal(String),
}

/// What a program is made for, beside its model and machine.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Longest sequence, tokens.
    pub context: u32,
    /// How the output head is computed.
    pub head: PeMode,
}

impl From<u32> for Plan {
    /// A context, and the head that every machine can compute.
    fn from(context: u32) -> Plan {
        Plan {
            context,
            head: PeMode::Int8,
        }
    }
}

/// Everything the machine runs.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub instrs: Vec<Instr>,
    /// What each instruction is for.
    pub notes: Vec<String>,
    /// Header and instructions, as in memory.
    pub program: Vec<u8>,
    pub image: Vec<u8>,
    pub state: StateLayout,
    pub places: indexmap::IndexMap<String, Place>,
    pub manifest: Manifest,
}

/// Scratchpad words that a program for this model needs on a machine like `p` (its own size is ignored) when prefill
/// takes blocks of `block` tokens.
///
/// # Errors
/// The shapes do not fit the machine.
pub fn scratchpad_need(
    model: &Model,
    p: &MachineParams,
    context: u32,
    block: u32,
) -> Result<u32, CompileError> {
    check_shapes(model, p, context)?;
    let layout = ImageLayout {
        layer_constant_units: layout::layer_constant_units(model, p.vec_lanes),
        ..ImageLayout::default()
    };
    let unlimited = MachineParams {
        scratchpad_words: u32::MAX,
        ..p.clone()
    };
    Ok(Places::new(model, &unlimited, &layout, context, block)?.2)
}

/// Tokens of a prefill block: as many as a weight pass serves and as the rows of the attention array take with all query
/// heads of a KV head, so that K and V are read once a block; if the scratchpad of `words` words does not hold what they
/// need, as many as it holds; but at least 1. More than the context has in front of its last position are of no use.
///
/// # Errors
/// The shapes do not fit the machine.
pub fn prefill_block(
    model: &Model,
    p: &MachineParams,
    context: u32,
    words: u32,
) -> Result<u32, CompileError> {
    let group = (model.config.heads / model.config.kv_heads.max(1)).max(1) as u32;
    let most = p.batch.min(p.pe_rows / group).min(context - 1);
    let mut block = most.max(1);
    while block > 1 && scratchpad_need(model, p, context, block)? > words {
        block -= 1;
    }
    Ok(block)
}

/// Compiles a model for a machine; a plan that is a context alone has the int8 head.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(
    model: &Model,
    p: &MachineParams,
    plan: impl Into<Plan>,
) -> Result<Compiled, CompileError> {
    let plan = plan.into();
    let context = plan.context;
    check_shapes(model, p, context)?;
    check_head(model, p, plan.head)?;
    let abi = p.abi_hash(&isa::isa_text());
    let Image {
        bytes: image,
        layout,
        regions,
        stats,
    } = layout::image(model, p, plan, abi)?;
    let state = StateLayout::new(model, context);
    let prefill = prefill_block(model, p, context, p.scratchpad_words)?;
    let (places, named, used) = Places::new(model, p, &layout, context, prefill)?;
    let (instrs, notes) = program::program(&Block {
        model,
        p,
        layout: &layout,
        state: &state,
        places: &places,
        tokens: 1,
    })?;
    let program = program_bytes(&instrs, abi);
    let [program_window, image_window, state_window] =
        manifest::windows(program.len() as u64, image.len() as u64, &state);
    let sherry = p.weight_format == hw::params::WeightFormat::Sherry;
    let manifest = Manifest {
        tool: format!("tritforge {}", env!("CARGO_PKG_VERSION")),
        abi: format!("{abi:016x}"),
        model: ModelSummary::new(&model.config, stats.weights),
        machine: p.clone(),
        context,
        prefill_block: prefill,
        head: plan.head,
        program_instructions: instrs.len() as u32,
        program: program_window,
        image: image_window,
        state: state_window,
        traffic: Traffic::new(&model.config, stats, sherry, prefill, plan.head),
        arguments: program::arg::ALL
            .map(|(n, k)| (n.to_string(), k))
            .into_iter()
            .collect(),
        scratchpad_words_used: used,
        scratchpad: manifest::places(&named),
        regions,
    };
    Ok(Compiled {
        instrs,
        notes,
        program,
        image,
        state,
        places: named,
        manifest,
    })
}

impl Compiled {
    /// Windows of program, image and state.
    pub fn windows(&self) -> [Window; 3] {
        [
            self.manifest.program,
            self.manifest.image,
            self.manifest.state,
        ]
    }
}

/// Header and instruction words.
fn program_bytes(instrs: &[Instr], abi: u64) -> Vec<u8> {
    let code: Vec<u8> = instrs.iter().flat_map(Instr::encode).collect();
    let header = [
        isa::PROGRAM_MAGIC,
        isa::FORMAT_VERSION,
        abi as u32,
        (abi >> 32) as u32,
        instrs.len() as u32,
        crc32fast::hash(&code),
    ];
    let mut bytes: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
    bytes.resize(isa::HEADER_BYTES as usize, 0);
    bytes.extend(code);
    bytes
}

/// Whether the array has the head's mode, and rows of the head are whole beats of it.
fn check_head(model: &Model, p: &MachineParams, head: PeMode) -> Result<(), CompileError> {
    if !p.pe_modes.has(head) || head.most_rows(p.pe_rows) == 0 {
        let have = p.pe_modes.iter().filter(|m| m.most_rows(p.pe_rows) > 0);
        let words: Vec<&str> = have.map(PeMode::word).collect();
        return Err(CompileError::HeadMode {
            head: head.word(),
            have: words.join(", "),
        });
    }
    let beat = PeParams::new(p).beat_elements(head);
    if !model.config.hidden.is_multiple_of(beat as usize) {
        return Err(CompileError::Shape {
            what: "hidden_size",
            value: model.config.hidden as u64,
            rule: format!(
                "it must be a multiple of {beat} (elements of a beat of engine.head = \"{}\")",
                head.word()
            ),
        });
    }
    Ok(())
}

/// Rules between model and machine that no configuration alone can break.
fn check_shapes(model: &Model, p: &MachineParams, context: u32) -> Result<(), CompileError> {
    let c = &model.config;
    let multiple = |what, value: usize, of: u32, why: &str| {
        if value.is_multiple_of(of as usize) {
            return Ok(());
        }
        let rule = format!("it must be a multiple of {of} ({why})");
        Err(CompileError::Shape {
            what,
            value: value as u64,
            rule,
        })
    };
    let at_most = |what, value: usize, limit: u32, why: &str| {
        if value <= limit as usize {
            return Ok(());
        }
        let rule = format!("the machine has {why} = {limit}");
        Err(CompileError::Shape {
            what,
            value: value as u64,
            rule,
        })
    };
    let (lanes, beat) = (p.vec_lanes, p.bus_bytes());
    multiple("head_dim", c.head_dim, lanes, "vector lanes")?;
    multiple("head_dim", c.head_dim, beat, "bytes of a bus beat")?;
    multiple("hidden_size", c.hidden, lanes, "vector lanes")?;
    multiple("hidden_size", c.hidden, beat, "bytes of a bus beat")?;
    multiple("intermediate_size", c.ffn, lanes, "vector lanes")?;
    at_most("context", context as usize, p.pe_max_count, "pe_max_count")?;
    at_most("hidden_size", c.hidden, p.pe_max_len, "pe_max_len")?;
    let widest = c.ffn.max(c.hidden).max(c.heads * c.head_dim);
    at_most(
        "rows of a matrix",
        widest.div_ceil(p.rows as usize),
        p.max_row_tiles,
        "max_row_tiles",
    )?;
    at_most("columns of a matrix", widest, p.max_k, "max_k")
}
