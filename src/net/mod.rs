//! Bytes: I/O threads, the connections they serve, and the way between them and an environment's
//! JavaScript thread ([`events`] in, [`send_batch`] out). Knows tokio; knows nothing of Node.

pub mod events;
pub mod handle;
#[cfg(unix)]
pub mod listener;
pub mod runtime;
pub mod send_batch;
pub mod session;
#[cfg(test)]
mod test_kit;
pub mod thread;
pub mod websocket;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: what these mutexes guard is consistent between statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
