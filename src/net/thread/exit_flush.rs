//! The flush at exit: the JavaScript thread of an environment is about to end, and waits until the
//! kernel has what it has sent.

use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::net::events::EventSink;
use crate::net::lock;
use crate::net::thread::pending_writes::WriteState;
use crate::net::thread::state::IoThread;

/// A connection is waited for as long as its client takes something within this time, in ms.
const PATIENCE_MS: u64 = 250;
/// The time between two looks at pending writes.
const LOOK: Duration = Duration::from_millis(2);

/// A flush at exit, which all I/O threads work on.
pub struct ExitFlush {
    inbox: Arc<dyn EventSink>,
    deadline: Instant,
    /// True if streams that JavaScript pumps are waited for.
    pumps: bool,
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

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }

    /// True if the JavaScript thread waits no more.
    fn is_over(&self) -> bool {
        lock(&self.state).pumps || Instant::now() >= self.deadline
    }
}

impl IoThread {
    /// Works on the flush at exit of an environment.
    pub(in crate::net) fn flush_for_exit(self: &Rc<Self>, exit_flush: Arc<ExitFlush>) {
        let local = self.clone();
        tokio::task::spawn_local(async move {
            // The commands before this one are carried out by now.
            while !exit_flush.is_over() {
                let pending_writes = &local.pending_writes;
                match pending_writes.write_state(
                    &local,
                    &exit_flush.inbox,
                    exit_flush.pumps,
                    PATIENCE_MS,
                ) {
                    WriteState::No => break,
                    WriteState::Yes => tokio::time::sleep(LOOK).await,
                    WriteState::ByJavaScript => {
                        return exit_flush.change(|state| state.pumps = true);
                    }
                }
            }
            exit_flush.change(|state| state.threads = state.threads.saturating_sub(1));
        });
    }
}

#[cfg(test)]
mod tests;
