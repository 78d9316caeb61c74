//! Waves: the model writes VCD into a pipe, a thread turns it into a compact FST file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use fst_writer::{
    FstBodyWriter, FstFileType, FstHeaderWriter, FstInfo, FstScopeType, FstSignalId, FstSignalType,
    FstVarDirection, FstVarType, open_fst,
};
use vcd::{Command, IdCode, Parser, ScopeItem, Value};

use super::SimError;

/// Bytes of changes kept in memory before a block of the file is written.
const BLOCK: usize = 16 << 20;

type File = std::io::BufWriter<fs::File>;

/// A recording in progress.
#[derive(Debug)]
pub struct Trace {
    writer: PipeWriter,
    converter: JoinHandle<Result<(), String>>,
    path: PathBuf,
    temp: PathBuf,
}

impl Trace {
    /// Starts the converter; what is written to [`Trace::pipe`] becomes the file at `path` when
    /// [`Trace::finish`] is called. Until then it lies beside it under a temporary name.
    pub fn start(path: &Path) -> Result<Self, SimError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".part{}", std::process::id()));
        let temp = path.with_file_name(name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|e| error(path, e))?;
        }
        fs::File::create(&temp).map_err(|e| error(path, e))?;
        let (reader, writer) = std::io::pipe().map_err(|e| error(path, e))?;
        let target = temp.clone();
        let converter = std::thread::spawn(move || convert(reader, &target));
        Ok(Self {
            writer,
            converter,
            path: path.to_path_buf(),
            temp,
        })
    }

    /// Where the model has to write.
    pub fn pipe(&self) -> &PipeWriter {
        &self.writer
    }

    /// Ends the recording, after the model has written its last byte.
    pub fn finish(self) -> Result<(), SimError> {
        let Self {
            writer,
            converter,
            path,
            temp,
        } = self;
        drop(writer);
        let result = match converter.join() {
            Ok(result) => result,
            Err(_) => Err("the converter thread panicked".into()),
        };
        match result.and_then(|()| fs::rename(&temp, &path).map_err(|e| e.to_string())) {
            Ok(()) => Ok(()),
            Err(what) => {
                let _ = fs::remove_file(&temp);
                Err(SimError::Trace { path, what })
            }
        }
    }
}

fn error(path: &Path, source: std::io::Error) -> SimError {
    SimError::Trace {
        path: path.to_path_buf(),
        what: source.to_string(),
    }
}

fn convert(reader: PipeReader, path: &Path) -> Result<(), String> {
    let mut parser = Parser::new(BufReader::with_capacity(1 << 16, reader));
    let result = transcode(&mut parser, path);
    if result.is_err() {
        // The model must not block on a full pipe: read and drop the rest.
        let _ = std::io::copy(parser.reader(), &mut std::io::sink());
    }
    result
}

fn transcode(parser: &mut Parser<BufReader<PipeReader>>, path: &Path) -> Result<(), String> {
    let header = parser.parse_header().map_err(|e| e.to_string())?;
    let info = FstInfo {
        start_time: 0,
        timescale_exponent: -9,
        version: "Tritforge".into(),
        date: String::new(),
        file_type: FstFileType::Verilog,
    };
    let mut out = open_fst(path, &info).map_err(|e| e.to_string())?;
    let mut signals = BTreeMap::new();
    declare(&mut out, &header.items, &mut signals)?;
    let mut out = out.finish().map_err(|e| e.to_string())?;
    let mut text = Vec::new();
    for command in parser {
        match command.map_err(|e| e.to_string())? {
            Command::Timestamp(time) => {
                if out.size() > BLOCK {
                    out.flush().map_err(|e| e.to_string())?;
                }
                out.time_change(time).map_err(|e| e.to_string())?;
            }
            Command::ChangeScalar(id, value) => {
                text.clear();
                text.push(digit(value));
                change(&mut out, &signals, id, &text)?;
            }
            Command::ChangeVector(id, value) => {
                let Some(&(_, width)) = signals.get(&id) else {
                    continue;
                };
                text.clear();
                text.resize((width as usize).saturating_sub(value.len()), b'0');
                text.extend(value.iter().map(digit));
                change(&mut out, &signals, id, &text)?;
            }
            _ => {}
        }
    }
    out.finish().map(|_| ()).map_err(|e| e.to_string())
}

type Signals = BTreeMap<IdCode, (FstSignalId, u32)>;

fn declare(
    out: &mut FstHeaderWriter<File>,
    items: &[ScopeItem],
    signals: &mut Signals,
) -> Result<(), String> {
    for item in items {
        match item {
            ScopeItem::Scope(scope) => {
                out.scope(&scope.identifier, "", FstScopeType::Module)
                    .map_err(|e| e.to_string())?;
                declare(out, &scope.items, signals)?;
                out.up_scope().map_err(|e| e.to_string())?;
            }
            ScopeItem::Var(var) => {
                let name = match var.index {
                    Some(index) => format!("{} {index}", var.reference),
                    None => var.reference.clone(),
                };
                let alias = signals.get(&var.code).map(|s| s.0);
                let kind = FstSignalType::bit_vec(var.size);
                let direction = FstVarDirection::Implicit;
                let id = out
                    .var(name, kind, FstVarType::Wire, direction, alias)
                    .map_err(|e| e.to_string())?;
                signals.entry(var.code).or_insert((id, var.size));
            }
            _ => {}
        }
    }
    Ok(())
}

fn change(
    out: &mut FstBodyWriter<File>,
    signals: &Signals,
    id: IdCode,
    value: &[u8],
) -> Result<(), String> {
    match signals.get(&id) {
        Some((signal, _)) => out.signal_change(*signal, value).map_err(|e| e.to_string()),
        None => Ok(()),
    }
}

fn digit(value: Value) -> u8 {
    match value {
        Value::V0 => b'0',
        Value::V1 => b'1',
        Value::X => b'x',
        Value::Z => b'z',
    }
}
