//! The C boundary to a verilated model. All unsafe code of the workspace's tests is here.
//!
//! Why it is sound: the library is one that this crate generated and compiled for exactly the
//! [`Layout`] it is loaded with (both come from one specification and the library's place is its
//! digest), so the functions have the types given here and touch `inputs` words of the input array
//! and `outputs` words of the output array. A library is never unloaded, so function pointers and
//! thread-local destructors of the C++ runtime stay valid. C++ exceptions are caught in the shim.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr::NonNull;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::spec::{Layout, words};

type Eval = unsafe extern "C" fn(*mut c_void, *const u32, *mut u32) -> i32;

/// The functions of a loaded model library.
#[derive(Debug)]
pub struct Functions {
    new: unsafe extern "C" fn(u32) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    eval: Eval,
    edge: unsafe extern "C" fn(*mut c_void) -> i32,
    cycle: Eval,
    messages: unsafe extern "C" fn(*mut u8, u32) -> u32,
    peek_shape: unsafe extern "C" fn(*mut c_void, u32, *mut i32) -> i32,
    peek: unsafe extern "C" fn(*mut c_void, u32, i32, *mut u32),
    trace_start: unsafe extern "C" fn(*mut c_void, i32) -> i32,
    trace_stop: unsafe extern "C" fn(*mut c_void),
    inputs: usize,
    outputs: usize,
}

impl Functions {
    /// Loads the library at `path`, built for `layout`.
    pub fn load(path: &Path, layout: &Layout) -> Result<Self, libloading::Error> {
        // SAFETY: loading runs the C++ runtime's static constructors, which have no preconditions;
        // the signatures are those of the shim's text (see the module's head).
        unsafe {
            let library = Library::open(Some(path), RTLD_NOW | RTLD_LOCAL)?;
            let library = ManuallyDrop::new(library);
            Ok(Self {
                new: *library.get(b"tf_new\0")?,
                free: *library.get(b"tf_free\0")?,
                eval: *library.get(b"tf_eval\0")?,
                edge: *library.get(b"tf_edge\0")?,
                cycle: *library.get(b"tf_cycle\0")?,
                messages: *library.get(b"tf_messages\0")?,
                peek_shape: *library.get(b"tf_peek_shape\0")?,
                peek: *library.get(b"tf_peek\0")?,
                trace_start: *library.get(b"tf_trace_start\0")?,
                trace_stop: *library.get(b"tf_trace_stop\0")?,
                inputs: layout.inputs,
                outputs: layout.outputs,
            })
        }
    }
}

/// Width and index range of a peeked variable, as the model reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawShape {
    pub width: u32,
    pub low: i32,
    pub elements: u32,
}

/// An instance of a model.
#[derive(Debug)]
pub struct Instance {
    functions: std::sync::Arc<Functions>,
    handle: NonNull<c_void>,
}

// SAFETY: an instance owns all its state; the runtime's thread-local pointer to the context is set
// at the start of every call, so calls may come from one thread after another.
unsafe impl Send for Instance {}

impl Instance {
    /// A new model whose registers start with random values from `seed`; None when its initial
    /// blocks failed (see [`Functions`] messages).
    pub fn new(functions: std::sync::Arc<Functions>, seed: u32) -> Result<Self, String> {
        // SAFETY: tf_new has no preconditions.
        let handle = NonNull::new(unsafe { (functions.new)(seed) });
        match handle {
            Some(handle) => Ok(Self { functions, handle }),
            None => Err(take_messages(&functions)),
        }
    }

    /// Status 0: running; 1: `$finish`; 2: an error or `$stop`.
    pub fn eval(&mut self, inputs: &[u32], outputs: &mut [u32]) -> i32 {
        self.call(self.functions.eval, inputs, outputs)
    }

    /// As [`Instance::eval`], then the rising edge.
    pub fn cycle(&mut self, inputs: &[u32], outputs: &mut [u32]) -> i32 {
        self.call(self.functions.cycle, inputs, outputs)
    }

    /// The rising edge alone.
    pub fn edge(&mut self) -> i32 {
        // SAFETY: the handle is live.
        unsafe { (self.functions.edge)(self.handle.as_ptr()) }
    }

    fn call(&self, function: Eval, inputs: &[u32], outputs: &mut [u32]) -> i32 {
        assert!(inputs.len() == self.functions.inputs && outputs.len() == self.functions.outputs);
        // SAFETY: the handle is live and both arrays have the lengths the shim was generated for.
        unsafe { function(self.handle.as_ptr(), inputs.as_ptr(), outputs.as_mut_ptr()) }
    }

    /// Text the model printed since the last call.
    pub fn messages(&mut self) -> String {
        take_messages(&self.functions)
    }

    /// None when the design has no such variable or it is not a vector or a plain memory.
    pub fn peek_shape(&self, peek: u32) -> Option<RawShape> {
        let mut shape = [0i32; 3];
        // SAFETY: the handle is live; the shim writes three integers and checks `peek`.
        let status =
            unsafe { (self.functions.peek_shape)(self.handle.as_ptr(), peek, shape.as_mut_ptr()) };
        let [width, low, elements] = shape;
        (status == 0).then_some(RawShape {
            width: width as u32,
            low,
            elements: elements as u32,
        })
    }

    /// Copies element `index` of a peek whose shape is `shape` into `out`; false when the index
    /// is outside of it or `out` has another length than the element.
    pub fn peek(&self, peek: u32, shape: RawShape, index: i64, out: &mut [u32]) -> bool {
        let first = i64::from(shape.low);
        let inside = (first..first + i64::from(shape.elements.max(1))).contains(&index);
        if !inside || out.len() != words(shape.width) || self.peek_shape(peek) != Some(shape) {
            return false;
        }
        // SAFETY: the handle is live, the peek exists, the index is inside the memory and `out`
        // holds one element.
        unsafe {
            (self.functions.peek)(self.handle.as_ptr(), peek, index as i32, out.as_mut_ptr());
        }
        true
    }

    /// Writes waves as VCD to the file descriptor until [`Instance::trace_stop`]. The caller keeps
    /// the descriptor open until then.
    pub fn trace_start(&mut self, fd: std::os::fd::BorrowedFd<'_>) -> i32 {
        use std::os::fd::AsRawFd;
        // SAFETY: the handle is live; writing to a closed descriptor would only be an error.
        unsafe { (self.functions.trace_start)(self.handle.as_ptr(), fd.as_raw_fd()) }
    }

    /// Flushes and ends the trace; without one it does nothing.
    pub fn trace_stop(&mut self) {
        // SAFETY: the handle is live.
        unsafe { (self.functions.trace_stop)(self.handle.as_ptr()) }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the handle came from tf_new and is not used again.
        unsafe { (self.functions.free)(self.handle.as_ptr()) }
    }
}

fn take_messages(functions: &Functions) -> String {
    let mut buffer = vec![0u8; 16384];
    // SAFETY: the shim writes at most the given number of bytes.
    let n = unsafe { (functions.messages)(buffer.as_mut_ptr(), buffer.len() as u32) };
    buffer.truncate(n as usize);
    String::from_utf8_lossy(&buffer).trim().to_string()
}
