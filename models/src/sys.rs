//! As `napi::sys`: threadsafe functions, and the loop of a JavaScript thread that they call.

use std::ffi::c_void;

use loom::sync::atomic::{AtomicBool, Ordering};

use crate::sync::Notify;

/// A threadsafe function.
#[allow(non_camel_case_types)]
pub type napi_threadsafe_function = *mut Function;
/// An environment; unused.
#[allow(non_camel_case_types)]
pub type napi_env = *mut c_void;

/// The loop that a threadsafe function wakes.
#[derive(Default)]
pub struct Function {
    /// The call of JavaScript.
    pub called: Notify,
    /// It must not be called any more.
    pub finalized: AtomicBool,
}

/// As in Node.
#[allow(non_snake_case)]
pub mod ThreadsafeFunctionCallMode {
    /// Does not wait.
    #[allow(non_upper_case_globals)]
    pub const nonblocking: i32 = 0;
}

/// Has the loop call JavaScript.
///
/// # Safety
/// The function must exist.
pub unsafe fn napi_call_threadsafe_function(
    function: napi_threadsafe_function,
    _: *mut c_void,
    _: i32,
) {
    // SAFETY: by contract.
    let function = unsafe { &*function };
    assert!(
        !function.finalized.load(Ordering::Relaxed),
        "a finalized function was called"
    );
    function.called.notify_one();
}

/// Unused.
///
/// # Safety
/// None.
pub unsafe fn napi_ref_threadsafe_function(_: napi_env, _: napi_threadsafe_function) {}

/// Unused.
///
/// # Safety
/// None.
pub unsafe fn napi_unref_threadsafe_function(_: napi_env, _: napi_threadsafe_function) {}
