//! The flush at exit: the JavaScript thread of an environment is about to end, and waits until the
//! kernel has what it has sent.

use std::sync::Arc;
use std::time::Instant;

use crate::net::events::EventSink;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::thread::IoThreadHandle;
use crate::sync::atomic::Ordering;
use crate::sync::{Condvar, Mutex, PoisonError, lock};

/// A flush at exit, which all I/O threads work on.
pub struct ExitFlush {
    pub(super) inbox: Arc<dyn EventSink>,
    deadline: Instant,
    /// True if streams that JavaScript pumps are waited for.
    pub(super) pumps: bool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Number of I/O threads that have not finished.
    threads: usize,
    /// True if JavaScript has to write before the threads can go on.
    pumps: bool,
}

impl ExitFlush {
    /// A flush for the environment of `inbox` that `threads` I/O threads work on until `deadline`.
    /// With `pumps`, streams that JavaScript pumps count too.
    pub fn new(
        inbox: Arc<dyn EventSink>,
        deadline: Instant,
        pumps: bool,
        threads: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            inbox,
            deadline,
            pumps,
            state: Mutex::new(State {
                threads,
                pumps: false,
            }),
            changed: Condvar::new(),
        })
    }

    /// Blocks the calling thread until all I/O threads have finished, until the deadline at the
    /// latest. Returns true if JavaScript has to write before they can go on.
    pub fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while state.threads > 0 && !state.pumps {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.pumps
    }

    /// An I/O thread has finished.
    pub(super) fn finish(&self) {
        self.change(|state| state.threads = state.threads.saturating_sub(1));
    }

    /// An I/O thread cannot go on before JavaScript has written.
    pub(super) fn ask_javascript(&self) {
        self.change(|state| state.pumps = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }

    /// True if the JavaScript thread waits no more.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.state).pumps || Instant::now() >= self.deadline
    }
}

/// True if something that was sent may not have reached the kernel. It is asked for in the order in
/// which it goes on: a command may make an answer to a poll, and an answer becomes a pending write.
pub fn is_anything_left(threads: &[Arc<IoThreadHandle>]) -> bool {
    (threads.iter()).any(|thread| !thread.commands_done.is_complete())
        || PendingAnswer::is_any()
        || (threads.iter()).any(|thread| thread.pending_writes.load(Ordering::SeqCst) > 0)
}

#[cfg(test)]
#[path = "exit_flush/tests.rs"]
mod tests;
