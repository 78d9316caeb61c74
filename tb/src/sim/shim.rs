//! The generated C++ between a verilated model and Rust: plain C functions over word arrays.

use std::fmt::Write;

use super::spec::{BuildSpec, Layout, PortId};

/// Declares the printing hook; force-included into the runtime and every generated file, so that
/// the text of `$display`, `$error` and run-time failures reaches the test bench.
pub const HOOKS: &str = "\
#ifdef __cplusplus
extern \"C\" int tf_printf(const char* format, ...);
#endif
";

/// Options for the Verilator run: which inner signals stay readable.
pub fn peek_config(spec: &BuildSpec) -> String {
    let mut text = String::from("`verilator_config\n");
    let mut lines: Vec<String> = spec
        .peeks
        .iter()
        .map(|p| {
            format!(
                "public_flat_rd -module \"{}\" -var \"{}\"\n",
                p.module, p.var
            )
        })
        .collect();
    lines.sort();
    lines.dedup();
    text.extend(lines);
    text
}

/// The C++ text for `spec`.
pub fn text(spec: &BuildSpec) -> String {
    let layout = Layout::new(spec);
    let mut loads = String::new();
    let mut stores = String::new();
    for (name, id) in &layout.ports {
        if id.input {
            load(&mut loads, name, *id)
        } else {
            store(&mut stores, name, *id)
        }
    }
    let clock = |level: u32| match spec.clock_name() {
        Some(name) => format!("model.{name} = {level};"),
        None => String::new(),
    };
    let mut peeks = String::new();
    for peek in &spec.peeks {
        let dot = if peek.instance.is_empty() { "" } else { "." };
        let _ = writeln!(
            peeks,
            "    {{\"{}{dot}{}\", \"{}\"}},",
            spec.top, peek.instance, peek.var
        );
    }
    TEMPLATE
        .replace("@LOADS@", &loads)
        .replace("@STORES@", &stores)
        .replace("@CLOCK_LOW@", &clock(0))
        .replace("@CLOCK_HIGH@", &clock(1))
        .replace("@PEEKS@", &peeks)
        .replace("@TRACE@", if spec.trace { "1" } else { "0" })
}

fn load(out: &mut String, name: &str, id: PortId) {
    let o = id.offset;
    let _ = match id.width {
        1..=32 => writeln!(out, "    m.{name} = in[{o}];"),
        33..=64 => writeln!(out, "    m.{name} = pair(in + {o});"),
        _ => writeln!(
            out,
            "    words(&m.{name}[0], in + {o}, {});",
            id.range().len()
        ),
    };
}

fn store(out: &mut String, name: &str, id: PortId) {
    let o = id.offset;
    let _ = match id.width {
        1..=32 => writeln!(out, "    out[{o}] = m.{name};"),
        33..=64 => writeln!(out, "    unpair(out + {o}, m.{name});"),
        _ => writeln!(
            out,
            "    words(out + {o}, &m.{name}[0], {});",
            id.range().len()
        ),
    };
}

const TEMPLATE: &str = r#"// C functions over a verilated model; the Rust side is tb::sim::ffi.
#include "Vm.h"
#include "verilated.h"
#include "verilated_syms.h"
#if @TRACE@
#include "verilated_vcd_c.h"
#include <unistd.h>
#endif
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace {
// Text printed by the model since the last tf_messages; of this thread, as the model is.
thread_local std::string messages;

struct PeekName { const char* scope; const char* var; };
const PeekName peek_names[] = {
@PEEKS@    {nullptr, nullptr}
};
constexpr unsigned peek_count = sizeof(peek_names) / sizeof(peek_names[0]) - 1;

#if @TRACE@
// Writes waves to a file descriptor that Rust opened and closes.
class FdFile final : public VerilatedVcdFile {
    int m_fd;
public:
    explicit FdFile(int fd) : m_fd{fd} {}
    bool open(const std::string&) override { return true; }
    void close() override {}
    ssize_t write(const char* text, ssize_t size) override {
        ssize_t n = 0;
        do { n = ::write(m_fd, text, size); } while (n < 0 && errno == EINTR);
        return n < 0 ? size : n;  // a reader that went away reports the cause itself
    }
};
#endif

struct Handle {
    VerilatedContext context;
    std::unique_ptr<Vm> owner;
    const VerilatedVar* peeks[peek_count + 1] = {};
    uint64_t time = 0;
#if @TRACE@
    std::unique_ptr<FdFile> file;
    std::unique_ptr<VerilatedVcdC> trace;
#endif
};

inline QData pair(const uint32_t* w) { return w[0] | (static_cast<QData>(w[1]) << 32); }
inline void unpair(uint32_t* w, QData v) {
    w[0] = static_cast<uint32_t>(v);
    w[1] = static_cast<uint32_t>(v >> 32);
}
inline void words(uint32_t* to, const uint32_t* from, int n) { std::memcpy(to, from, n * 4); }

inline void load(Vm& m, const uint32_t* in) {
    (void)m; (void)in;
@LOADS@}
inline void store(Vm& m, uint32_t* out) {
    (void)m; (void)out;
@STORES@}

inline void dump(Handle& h) {
#if @TRACE@
    if (h.trace) h.trace->dump(h.time);
#else
    (void)h;
#endif
}

inline int status(Handle& h) {
    return h.context.gotError() ? 2 : h.context.gotFinish() ? 1 : 0;
}

inline void low(Handle& h, const uint32_t* in, uint32_t* out) {
    Vm& model = *h.owner;
    load(model, in);
    @CLOCK_LOW@
    model.eval();
    store(model, out);
}
inline void high(Handle& h) {
    Vm& model = *h.owner;
    dump(h);
    h.time += 5;
    @CLOCK_HIGH@
    model.eval();
    dump(h);
    h.time += 5;
    (void)model;
}

// No exception may cross into Rust; a fatal error of the runtime becomes status 2.
template <typename Body> int guarded(void* handle, Body body) {
    Handle& h = *static_cast<Handle*>(handle);
    try {
        Verilated::threadContextp(&h.context);
        body(h);
        return status(h);
    } catch (const std::exception& e) {
        messages += e.what();
        return 2;
    }
}

unsigned element_words(const VerilatedVar& v) { return (v.entBits() + 31) / 32; }
}  // namespace

extern "C" int tf_printf(const char* format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    const int n = std::vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (messages.size() < 16384) messages += text;
    return n;
}

void vl_fatal(const char* file, int line, const char*, const char* what) {
    throw std::runtime_error(std::string{file ? file : ""} + ":" + std::to_string(line) + ": " + what);
}

#define TF_EXPORT extern "C" __attribute__((visibility("default")))

TF_EXPORT void* tf_new(uint32_t seed) {
    messages.clear();
    auto handle = std::make_unique<Handle>();
    Handle* const h = handle.get();
    try {
        Verilated::threadContextp(&h->context);
        h->context.fatalOnError(false);
        h->context.randReset(2);
        h->context.randSeed(static_cast<int>(seed));
        h->context.traceEverOn(@TRACE@);
        h->owner = std::make_unique<Vm>(&h->context, "");
        for (unsigned i = 0; i < peek_count; ++i) {
            const VerilatedScope* const scope = h->context.scopeFind(peek_names[i].scope);
            h->peeks[i] = scope ? scope->varFind(peek_names[i].var) : nullptr;
        }
    } catch (const std::exception& e) {
        messages += e.what();
        return nullptr;
    }
    return handle.release();
}

TF_EXPORT void tf_free(void* handle) {
    guarded(handle, [](Handle& h) { h.owner->final(); });
    delete static_cast<Handle*>(handle);
}

TF_EXPORT int tf_eval(void* handle, const uint32_t* in, uint32_t* out) {
    return guarded(handle, [=](Handle& h) { low(h, in, out); });
}
TF_EXPORT int tf_edge(void* handle) {
    return guarded(handle, [](Handle& h) { high(h); });
}
TF_EXPORT int tf_cycle(void* handle, const uint32_t* in, uint32_t* out) {
    return guarded(handle, [=](Handle& h) { low(h, in, out); high(h); });
}

// Copies at most `size` bytes of the printed text, forgets all of it, returns the bytes copied.
TF_EXPORT uint32_t tf_messages(char* text, uint32_t size) {
    const uint32_t n = messages.size() < size ? messages.size() : size;
    std::memcpy(text, messages.data(), n);
    messages.clear();
    return n;
}

// shape: width in bits, lowest index, number of elements (0: not an array).
TF_EXPORT int tf_peek_shape(void* handle, uint32_t peek, int32_t* shape) {
    const Handle& h = *static_cast<Handle*>(handle);
    const VerilatedVar* const v = peek < peek_count ? h.peeks[peek] : nullptr;
    if (!v || v->udims() > 1 || v->vltype() < VLVT_UINT8 || v->vltype() > VLVT_WDATA) return 2;
    shape[0] = static_cast<int32_t>(v->entBits());
    shape[1] = v->udims() ? v->low(1) : 0;
    shape[2] = v->udims() ? v->elements(1) : 0;
    return 0;
}

// Copies one element; the caller has checked `index` against the shape.
TF_EXPORT void tf_peek(void* handle, uint32_t peek, int32_t index, uint32_t* out) {
    const Handle& h = *static_cast<Handle*>(handle);
    const VerilatedVar& v = *h.peeks[peek];
    const void* const p = v.udims() ? v.datapAdjustIndex(v.datap(), 1, index) : v.datap();
    switch (v.vltype()) {
    case VLVT_UINT8: out[0] = *static_cast<const CData*>(p); break;
    case VLVT_UINT16: out[0] = *static_cast<const SData*>(p); break;
    case VLVT_UINT32: out[0] = *static_cast<const IData*>(p); break;
    case VLVT_UINT64: unpair(out, *static_cast<const QData*>(p)); break;
    default: words(out, static_cast<const EData*>(p), element_words(v)); break;
    }
}

TF_EXPORT int tf_trace_start(void* handle, int fd) {
#if @TRACE@
    return guarded(handle, [=](Handle& h) {
        h.file = std::make_unique<FdFile>(fd);
        h.trace = std::make_unique<VerilatedVcdC>(h.file.get());
        h.owner->trace(h.trace.get(), 99);
        h.trace->open("pipe");
    });
#else
    (void)handle; (void)fd;
    return 2;
#endif
}

TF_EXPORT void tf_trace_stop(void* handle) {
#if @TRACE@
    guarded(handle, [](Handle& h) {
        if (h.trace) h.trace->close();
        h.trace.reset();
        h.file.reset();
    });
#else
    (void)handle;
#endif
}
"#;
