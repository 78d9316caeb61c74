//! Configuration: the TOML file a user writes, checked, and the values derived from it.
//!
//! * [`keys`]: every key with its rule, default and meaning; the JSON Schema and the starter file.
//! * [`read`]: the reader that checks a file against its keys.
//! * [`board`] holds the boards.
//! * [`derived`]: rules between sections and the model, and the sizes every other part reads.

pub mod board;
pub mod derived;
pub mod keys;
pub mod read;

pub use board::Board;
pub use derived::Derived;
pub use keys::{schema, starter_config};

use hw::params::{DramFormat, Reduction, Storage, Style, WeightFormat};
use hw::pe::{PeMode, PeModes};

use crate::diag::{Diagnostic, Diagnostics, Source, nearest, one_of};
use read::Values;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Largest configuration or board file that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Sizes of the machine as the user gave them; `None` is derived later.
#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    /// Index of the ternary engine's tables.
    pub weight_format: WeightFormat,
    /// Layout of the weights in memory.
    pub dram_format: DramFormat,
    /// Tables or selection; `None` takes what is smallest on the board.
    pub style: Option<Style>,
    /// Where tables are; `None` takes what is smallest on the board.
    pub storage: Option<Storage>,
    /// What sums look-ups.
    pub reduction: Reduction,
    /// Groups of activations in parallel (T).
    pub groups: u32,
    /// Output rows in parallel (Q).
    pub rows: u32,
    /// Activation vectors that a weight pass can serve (B).
    pub batch: u32,
    /// Query heads served by one pass of the attention array.
    pub pe_rows: Option<u32>,
    /// How the output head is computed.
    pub head: PeMode,
    /// What the attention array can multiply: int8, the head's mode and those of the user.
    pub pe_modes: PeModes,
    /// Lanes of the vector unit (L).
    pub vec_lanes: u32,
    /// Words of the scratchpad, `vec_lanes` x 32 bits each.
    pub scratchpad_words: Option<u32>,
    /// Depth of the weight buffer, beats.
    pub weight_buffer_beats: u32,
    /// Depth of the stream buffer, beats.
    pub stream_buffer_beats: u32,
    /// Instructions waiting in front of each unit.
    pub queue_depth: u32,
    /// Width of the memory bus, bits: the user's or the board's.
    pub bus_bits: u32,
}

/// A configuration file whose own rules hold. [`Config::derive`] checks it against a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Model directory, made relative to the configuration file's folder.
    pub model_path: PathBuf,
    /// Longest sequence in tokens; `None` means as long as the model allows.
    pub context: Option<u32>,
    /// The board.
    pub board: Board,
    /// Sizes of the machine.
    pub engine: Engine,
    source: Source,
    values: Values,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file can not be read, or every key that is unknown, missing, illegal or does not fit another.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        let source = read_source(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&source, folder)
    }

    /// Checks the text of a configuration; `folder` is what its paths are relative to.
    ///
    /// # Errors
    /// Every key that is unknown, missing, illegal or does not fit another.
    pub fn parse(source: &Source, folder: &Path) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let values = read::read(source, keys::CONFIG_KEYS, &mut diagnostics);
        if diagnostics.has_errors() && values == Values::default() {
            return Err(diagnostics);
        }
        let (weight_format, dram_format) = formats(source, &values, &mut diagnostics);
        let board = match find_board(source, &values, folder) {
            Ok(board) => board,
            Err(found) => {
                diagnostics.extend(found);
                return Err(diagnostics);
            }
        };
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        // Every key below has a default in the table, so that the value is always there.
        let head = choice(&values, "head", PeMode::ALL, PeMode::word).unwrap_or(PeMode::Int8);
        let more = values.words("engine.pe_modes");
        let more = PeMode::ALL.into_iter().filter(|m| more.contains(&m.word()));
        let modes: Vec<PeMode> = more.chain([head]).collect();
        let size = |name: &str| values.small(&format!("engine.{name}"));
        let engine = Engine {
            weight_format,
            dram_format,
            style: choice(&values, "style", Style::ALL, Style::word),
            storage: choice(&values, "storage", Storage::ALL, Storage::word),
            reduction: choice(&values, "reduction", Reduction::ALL, Reduction::word)
                .unwrap_or(Reduction::Dsp),
            groups: size("groups").unwrap_or(1),
            rows: size("rows").unwrap_or(1),
            batch: size("batch").unwrap_or(1),
            pe_rows: size("pe_rows"),
            head,
            pe_modes: PeModes::of(&modes),
            vec_lanes: size("vec_lanes").unwrap_or(2),
            scratchpad_words: size("scratchpad_words"),
            weight_buffer_beats: size("weight_buffer_beats").unwrap_or(16),
            stream_buffer_beats: size("stream_buffer_beats").unwrap_or(16),
            queue_depth: size("queue_depth").unwrap_or(1),
            bus_bits: size("bus_bits").unwrap_or(board.bus_bits),
        };
        Ok(Self {
            model_path: folder.join(values.text("model.path")),
            context: values.small("model.context"),
            board,
            engine,
            source: source.clone(),
            values,
        })
    }

    /// The text the configuration was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where the user wrote `section.key`, or the start of the file when it is a default.
    pub fn span(&self, path: &str) -> Range<usize> {
        self.values.span(path).unwrap_or(0..0)
    }

    /// A message that points at `section.key`, or names the file when that key was not written.
    pub fn point(&self, message: Diagnostic, path: &str) -> Diagnostic {
        point(&self.source, &self.values, message, path)
    }
}

fn point(source: &Source, values: &Values, message: Diagnostic, path: &str) -> Diagnostic {
    match values.span(path) {
        Some(span) => message.at(source, span),
        None => message.in_file(source.name()),
    }
}

/// Reads a text file of bounded size for diagnostics to point into.
///
/// # Errors
/// The file can not be read, is too large or is not UTF-8.
pub fn read_source(path: &Path) -> Result<Source, Diagnostics> {
    let name = path.display().to_string();
    let refuse = |why: String| Diagnostics::from(Diagnostic::error(why).in_file(name.clone()));
    let meta = std::fs::metadata(path).map_err(|e| refuse(format!("can not be read: {e}")))?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(refuse(format!(
            "is not a text file of at most {MAX_BYTES} bytes"
        )));
    }
    let bytes = std::fs::read(path).map_err(|e| refuse(format!("can not be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        refuse(format!(
            "is not UTF-8 (byte {})",
            e.utf8_error().valid_up_to()
        ))
    })?;
    Ok(Source::new(name, text))
}

/// The choice whose word stands at `engine.<name>`.
fn choice<T: Copy, const N: usize>(
    values: &Values,
    name: &str,
    all: [T; N],
    word: fn(T) -> &'static str,
) -> Option<T> {
    let text = values.text(&format!("engine.{name}"));
    all.into_iter().find(|&c| word(c) == text)
}

fn formats(
    source: &Source,
    values: &Values,
    diagnostics: &mut Diagnostics,
) -> (WeightFormat, DramFormat) {
    let index = choice(
        values,
        "weight_format",
        WeightFormat::ALL,
        WeightFormat::word,
    );
    let index = index.unwrap_or(WeightFormat::G3);
    let legal: Vec<DramFormat> = DramFormat::ALL
        .into_iter()
        .filter(|dram| dram.feeds().contains(&index))
        .collect();
    let dram = choice(values, "dram_format", DramFormat::ALL, DramFormat::word);
    let dram = dram.or(legal.first().copied()).unwrap_or(DramFormat::Base3);
    if !legal.contains(&dram) {
        let message = Diagnostic::error(format!(
            "dram_format \"{}\" can not feed weight_format \"{}\"",
            dram.word(),
            index.word()
        ))
        .help(format!(
            "with weight_format \"{}\", dram_format must be {}",
            index.word(),
            one_of(legal.iter().map(|d| format!("\"{}\"", d.word())))
        ))
        .help(format!(
            "or keep the layout with weight_format {}",
            one_of(dram.feeds().iter().map(|i| format!("\"{}\"", i.word())))
        ));
        diagnostics.push(point(source, values, message, "engine.dram_format"));
    }
    (index, dram)
}

fn find_board(source: &Source, values: &Values, folder: &Path) -> Result<Board, Diagnostics> {
    let name = values.text("target.board");
    if name.is_empty() {
        // The key was refused; that message is enough.
        return Err(Diagnostics::new());
    }
    if name.ends_with(".toml") {
        let file = read_source(&folder.join(name)).map_err(|mut found| {
            let message = Diagnostic::error(format!("board file \"{name}\" can not be used"));
            found.push(point(source, values, message, "target.board"));
            found
        })?;
        return Board::parse(&file);
    }
    Board::built_in(name).unwrap_or_else(|| {
        let message = Diagnostic::error(format!("unknown board \"{name}\""));
        let message = match nearest(name, Board::names()) {
            Some(near) => message.help(format!("did you mean \"{near}\"?")),
            None => message,
        };
        let message = message.help(format!(
            "known boards: {}; or give a board file ending in .toml",
            one_of(Board::names())
        ));
        Err(point(source, values, message, "target.board").into())
    })
}

#[cfg(test)]
mod tests;
