//! The runtime of this process: the only one, because an addon is loaded once for all environments.

use std::io;
use std::sync::OnceLock;

use crate::net::runtime::Runtime;

/// The environment variable that holds the number of I/O threads; one unless it is set.
const THREADS_VARIABLE: &str = "SOCKET_IO_NATIVE_THREADS";
/// The largest number of I/O threads.
const MAX_THREADS: usize = 64;

/// The process's runtime. Its threads run once [`start`] was called.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let threads = std::env::var(THREADS_VARIABLE)
            .ok()
            .and_then(|n| n.parse().ok());
        Runtime::new(threads.unwrap_or(1).clamp(1, MAX_THREADS))
    })
}

/// Starts the I/O threads, once. They live as long as the process.
///
/// # Errors
/// If the system gives no thread or no event queue.
pub fn start() -> io::Result<()> {
    runtime().start()
}
