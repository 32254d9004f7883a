//! Memory given back to the system. The contexts of compression, a few hundred KiB for a client,
//! are too small for the C library to give back by itself: what a crowd has used would stay with
//! the process after it has left.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// So many compressed connections have to end before it is worth while.
const CONNECTIONS: usize = 16;
/// The others that leave at the same time are awaited for so long.
const REST: Duration = Duration::from_secs(1);

/// Counts compressed connections that have ended. One per thread.
#[derive(Default)]
pub struct Trim {
    ended: Cell<usize>,
}

impl Trim {
    /// A connection that may have had contexts has ended.
    pub fn ended(self: &Rc<Self>) {
        self.ended.set(self.ended.get() + 1);
        if self.ended.get() == CONNECTIONS {
            let trim = self.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(REST).await;
                trim.ended.set(0);
                // It takes its time, but not that of connections.
                tokio::task::spawn_blocking(give_back);
            });
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: glibc's own, callable at any time from any thread.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn give_back() {}

#[cfg(test)]
mod tests;
