//! The means by which threads meet, for the files that hold a protocol between threads. The crate in
//! `models/` compiles the same files over another module of this name, which tries every order.

pub(crate) use std::sync::{Condvar, Mutex, PoisonError, atomic};

pub(crate) use tokio::sync::{Notify, oneshot};

/// Locks, also after a panic elsewhere: what these mutexes guard is consistent between statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Defines a static value that threads share.
macro_rules! shared_static {
    ($(#[$attr:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attr])*
        static $name: $type = $value;
    };
}
pub(crate) use shared_static;
