//! The function that wakes the JavaScript thread of an environment.

use std::ptr;

use napi::sys;

use crate::sync::{Mutex, lock};

/// A threadsafe function that calls JavaScript without arguments.
#[derive(Default)]
pub struct JsWaker(Mutex<Function>);

struct Function(sys::napi_threadsafe_function);

// SAFETY: a threadsafe function may be called from any thread; the pointer is only used under the
// mutex, and is null once the environment has finalized the function.
unsafe impl Send for Function {}

impl Default for Function {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

impl JsWaker {
    /// Installs the function.
    pub fn install(&self, function: sys::napi_threadsafe_function) {
        lock(&self.0).0 = function;
    }

    /// The environment has finalized the function, or never made one.
    pub fn remove(&self) {
        lock(&self.0).0 = ptr::null_mut();
    }

    /// True if nobody will ever take the batches that wait.
    pub fn is_gone(&self) -> bool {
        lock(&self.0).0.is_null()
    }

    /// Has the environment call JavaScript, soon.
    pub fn wake(&self) {
        let function = lock(&self.0);
        if !function.0.is_null() {
            // SAFETY: not null, hence not finalized: the finalizer takes the lock held here.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function.0,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
        }
    }

    /// Lets the function keep the process alive, or not.
    ///
    /// # Safety
    /// `env` must be the environment of the calling thread.
    pub unsafe fn hold(&self, env: sys::napi_env, held: bool) {
        let function = lock(&self.0);
        if function.0.is_null() {
            return;
        }
        // SAFETY: as in `wake`, and by contract.
        unsafe {
            if held {
                sys::napi_ref_threadsafe_function(env, function.0);
            } else {
                sys::napi_unref_threadsafe_function(env, function.0);
            }
        }
    }
}
