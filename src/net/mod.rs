//! Bytes: I/O threads, the connections they serve, and the way between them and an environment's
//! JavaScript thread ([`inbox`] in, [`ops`] out). Knows tokio; knows nothing of Node.

mod broadcast;
pub mod carrier;
mod commands;
pub mod entry;
pub mod handle;
pub mod inbox;
pub mod link;
#[cfg(unix)]
pub mod listener;
pub mod local;
pub mod ops;
pub mod peer;
pub mod polls;
mod queue;
pub mod runtime;
pub mod sids;
mod trim;
pub mod worker;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: what these mutexes guard is consistent between statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
