//! The sessions whose bytes JavaScript reads and writes: their state lives on the JavaScript thread of
//! their environment, which runs it by itself. Nobody has to be woken for what arrives there.
//!
//! The state is that of an I/O thread. Its timers stand in the event loop of an I/O thread, which wakes
//! the JavaScript thread for them; other threads send it commands as they do to an I/O thread.

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Wake, Waker};

use tokio::runtime::Handle as Tokio;
use tokio::task::LocalSet;

use crate::net::events::EventSink;
use crate::net::session::sessions::Sessions;
use crate::net::thread::pending_writes::WriteState;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Command, IoThreadHandle, slow_readers, timers};
use crate::net::websocket::stream::Output;

/// Rounds over the tasks in one run; what is left then comes in the next turn of the event loop.
const MAX_ROUNDS: usize = 32;

/// Nothing is to be done.
const IDLE: u8 = 0;
/// The thread looks for something to do.
const RUNNING: u8 = 1;
/// There is something to do.
const WOKEN: u8 = 2;

/// Tells the JavaScript thread that a task has something to do.
struct Signal {
    state: AtomicU8,
    mailbox: Arc<IoThreadHandle>,
}

impl Signal {
    /// True if there is nothing more to do; the next wake-up reaches JavaScript.
    fn rests(&self) -> bool {
        let ended = self
            .state
            .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_err() {
            self.state.store(RUNNING, Ordering::Release);
        }
        ended.is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.mailbox.wake();
        }
    }
}

/// The state of the sessions that live on a JavaScript thread, which is the only one to use it.
pub struct InlineThread {
    local: Rc<IoThread>,
    tasks: LocalSet,
    tokio: Tokio,
    signal: Arc<Signal>,
}

impl InlineThread {
    /// No sessions so far. Other threads speak to `mailbox`; the timers are those of `tokio`.
    pub fn new(mailbox: Arc<IoThreadHandle>, sessions: Arc<Sessions>, tokio: Tokio) -> Self {
        let local = IoThread::inline(mailbox.clone(), sessions);
        let tasks = LocalSet::new();
        tasks.spawn_local(timers::run(local.clone()));
        tasks.spawn_local(slow_readers::watch(local.clone()));
        Self {
            local,
            tasks,
            tokio,
            signal: Arc::new(Signal {
                // The tasks have yet to begin.
                state: AtomicU8::new(WOKEN),
                mailbox,
            }),
        }
    }

    /// Carries out the commands of other threads, calls `work`, and runs all tasks that have something
    /// to do.
    pub fn run(&mut self, work: impl FnOnce(&Rc<IoThread>)) {
        let _tokio = self.tokio.enter();
        let is_due = self.signal.state.swap(RUNNING, Ordering::AcqRel) == WOKEN;
        {
            let _tasks = self.tasks.enter();
            self.carry_out_commands();
            self.local.guard(|| work(&self.local));
            self.local.guard(|| self.local.settle());
        }
        if !is_due && self.signal.rests() {
            return;
        }
        let waker = Waker::from(self.signal.clone());
        let mut cx = Context::from_waker(&waker);
        for _ in 0..MAX_ROUNDS {
            // Pending as long as there are tasks, and the timers are always there.
            let _ = Pin::new(&mut self.tasks).poll(&mut cx);
            if self.signal.rests() {
                return;
            }
        }
        self.signal.state.store(WOKEN, Ordering::Release);
        self.local.mailbox.wake();
    }

    /// Runs them at the beginning of a turn of the event loop: connections that have given way go on.
    pub fn begin_turn(&mut self) {
        self.run(|local| local.wake_rested());
    }

    /// True if there is something to do in the next turn of the event loop.
    pub fn has_rested(&self) -> bool {
        self.local.has_rested()
    }

    fn carry_out_commands(&self) {
        let commands = self.local.mailbox.take_commands();
        let count = commands.len();
        for command in commands {
            self.local.guard(|| self.local.command(command));
        }
        self.local.mailbox.commands_done.advance(count);
    }

    /// Carries out a command of this thread.
    pub fn command(&mut self, command: Command) {
        self.run(|local| local.command(command));
    }

    /// True if a stream lives here.
    pub fn has_stream(&self, stream: u32) -> bool {
        self.local.streams.borrow().contains_key(&stream)
    }

    /// The state of what an environment has sent, see `PendingWrites::write_state`.
    pub fn write_state(&mut self, pumps: bool, ms: u64, of: &Arc<dyn EventSink>) -> WriteState {
        let mut state = WriteState::No;
        self.run(|local| state = local.pending_writes.write_state(local, of, pumps, ms));
        state
    }

    /// The bytes that JavaScript has to write.
    pub fn output(&self) -> Option<&Output> {
        self.local.output.as_deref()
    }
}

#[cfg(test)]
mod tests;
