//! Panics on a JavaScript thread. One must not reach Node, which would abort the process: it is
//! caught at the entry of the call, and costs an exception or one session.
//!
//! Every callback that is written by hand calls [`guard`]; napi-rs does the same for functions that
//! have the attribute `catch_unwind`. `__test__/unit/panics.test.mjs` reads the sources for both.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::net::runtime::THREAD_NAME;

/// Panics on threads that are no I/O threads: those count theirs themselves.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// The place that panics next, for tests.
static ARMED: AtomicU8 = AtomicU8::new(0);

shared_enum! {
    /// A place where tests have a panic happen.
    pub enum FaultPlace {
        /// Nowhere.
        Nowhere = 0,
        /// The call that asks for it.
        Here = 1,
        /// The next call per event.
        Call = 2,
        /// The next message to one session, while it is written to the batch of sends.
        Send = 3,
        /// The next poll, post or packet of a session that JavaScript receives.
        Session = 4,
        /// The end of an environment.
        Cleanup = 5,
        /// The task that serves the WebSocket of a session, on its I/O thread.
        Connection = 6,
        /// A command of an I/O thread.
        Command = 7,
    }
}

/// The number of panics that JavaScript threads have caught.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Counts panics from now on. They are still printed to stderr, as Rust does it.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(THREAD_NAME) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
            print(panic);
        }));
    });
}

/// Calls `f`; `None` if it panics. All state that `f` changes is behind locks that recover, or is
/// restored by the caller.
pub fn guard<T>(f: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            // Its destructor may panic as well.
            std::mem::forget(payload);
            None
        }
    }
}

/// Has the next [`strike`] of a place panic.
pub fn arm(place: u8) {
    ARMED.store(place, Ordering::Relaxed);
}

/// Panics if a test has asked for it: once, and at this place.
pub fn strike(place: FaultPlace) {
    if ARMED.load(Ordering::Relaxed) == place as u8 {
        arm(FaultPlace::Nowhere as u8);
        panic!("a panic that a test has asked for");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_returns_the_result_or_none_after_a_panic() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("a panic of a destructor");
            }
        }
        assert_eq!(guard(|| 7), Some(7));
        assert_eq!(guard(|| -> u8 { panic!("a panic of a test") }), None);
        assert_eq!(guard(|| -> u8 { std::panic::panic_any(Bomb) }), None);
    }

    #[test]
    fn a_place_that_is_armed_panics_once() {
        arm(FaultPlace::Cleanup as u8);
        strike(FaultPlace::Send);
        assert_eq!(guard(|| strike(FaultPlace::Cleanup)), None);
        assert_eq!(guard(|| strike(FaultPlace::Cleanup)), Some(()));
    }
}
