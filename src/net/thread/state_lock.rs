//! The lock on the state of an I/O thread. The I/O thread holds it while it runs, and leaves it while
//! it sleeps in its event loop: another thread that has something for its connections then does the
//! work itself, which costs no more than to wake the I/O thread.

use crate::config::STATE_LOOKS;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Condvar, Mutex, PoisonError, lock};

/// The I/O thread runs and holds the state.
const HELD: u8 = 0;
/// The I/O thread sleeps, and nobody holds the state.
const FREE: u8 = 1;
/// Another thread holds the state.
const LENT: u8 = 2;
/// Another thread holds the state, and the I/O thread waits for it.
const AWAITED: u8 = 3;

/// The lock. It begins as held by the I/O thread.
#[derive(Default)]
pub struct StateLock {
    holder: AtomicU8,
    lock: Mutex<()>,
    changed: Condvar,
}

impl StateLock {
    /// The I/O thread goes to sleep: others may take the state. Only the I/O thread calls it.
    pub fn leave(&self) {
        self.holder.store(FREE, Ordering::Release);
    }

    /// The I/O thread has woken: takes the state back, and waits until nobody else has it. Only the
    /// I/O thread calls it, after [`StateLock::leave`].
    pub fn take_back(&self) {
        for _ in 0..STATE_LOOKS {
            if self.change(FREE, HELD) {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = lock(&self.lock);
        // What is given back after the second change is given to this thread.
        while !self.change(FREE, HELD) && !self.change(LENT, AWAITED) {}
        while self.holder.load(Ordering::Acquire) == AWAITED {
            guard = (self.changed.wait(guard)).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls `f` while the calling thread holds the state, if the I/O thread sleeps. Returns nothing
    /// if that runs, or if the state is lent already.
    pub fn while_asleep<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        if !self.change(FREE, LENT) {
            return None;
        }
        // Gives it back after a panic too.
        let _loan = Loan(self);
        Some(f())
    }

    fn give_back(&self) {
        if !self.change(LENT, FREE) {
            // Under the lock: the I/O thread has it until it waits.
            let _guard = lock(&self.lock);
            self.holder.store(HELD, Ordering::Release);
            self.changed.notify_one();
        }
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.holder
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// The state of an I/O thread in the hands of another thread.
struct Loan<'a>(&'a StateLock);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

#[cfg(test)]
#[path = "state_lock/tests.rs"]
mod tests;
