//! As `src/bridge/runtime.rs`: one I/O thread.

use crate::net::handle::Handle;
use crate::net::thread::{Command, IoThreadHandle};

/// The runtime.
#[derive(Default)]
pub struct Runtime {
    /// The I/O thread.
    pub thread: IoThreadHandle,
}

loom::lazy_static! {
    static ref RUNTIME: Runtime = Runtime::default();
}

/// The runtime of the order that is being tried.
pub fn runtime() -> &'static Runtime {
    &RUNTIME
}

impl Runtime {
    /// Sessions have checks of their own.
    pub fn worked_off(&self, _: &[(Handle, usize)]) {}

    /// Sends a command to every thread.
    pub fn send_all(&self, mut command: impl FnMut() -> Command) {
        self.thread.send(command());
    }
}
