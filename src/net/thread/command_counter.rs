//! Counts the commands that an I/O thread was given and has carried out, so that another thread can
//! wait for it.

use std::time::Instant;

use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, PoisonError, lock};

/// Counts commands. It costs the I/O thread one addition per round while no thread waits.
#[derive(Default)]
pub struct CommandCounter {
    asked: AtomicU64,
    done: AtomicU64,
    waiters: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl CommandCounter {
    /// Counts a command that is put into the queue.
    pub fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts commands that were carried out: what they sent has been written, as far as the kernel
    /// took it at once.
    pub fn advance(&self, commands: usize) {
        self.done.fetch_add(commands as u64, Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) > 0 {
            let _lock = lock(&self.lock);
            self.changed.notify_all();
        }
    }

    /// True if all commands were carried out.
    pub fn is_complete(&self) -> bool {
        self.asked.load(Ordering::SeqCst) == self.done.load(Ordering::SeqCst)
    }

    /// Waits until the commands that are in the queue now are carried out. Returns false if that
    /// has not happened by `deadline`.
    pub fn wait(&self, deadline: Instant) -> bool {
        let target = self.asked.load(Ordering::SeqCst);
        let is_done = || self.done.load(Ordering::SeqCst) >= target;
        if is_done() {
            return true;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let mut guard = lock(&self.lock);
        let done = loop {
            if is_done() {
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            guard = self
                .changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        };
        drop(guard);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_waiting_thread_goes_on_when_all_commands_are_carried_out() {
        let commands_done = Arc::new(CommandCounter::default());
        assert!(commands_done.is_complete() && commands_done.wait(Instant::now()));
        commands_done.ask();
        commands_done.ask();
        commands_done.advance(1);
        assert!(!commands_done.is_complete() && !commands_done.wait(Instant::now()));
        let waiting = {
            let commands_done = commands_done.clone();
            std::thread::spawn(move || commands_done.wait(Instant::now() + Duration::from_secs(60)))
        };
        commands_done.advance(1);
        assert!(waiting.join().expect("no panic"));
        assert!(commands_done.is_complete());
    }
}
