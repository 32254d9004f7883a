//! The I/O threads of a process, and the operations of other threads on sessions: opening and
//! closing ([`opening`]), polls and posts ([`requests`], on an I/O thread [`on_listener`]). The
//! output of the state machine goes through `remote_output` meanwhile.

pub mod on_listener;
pub mod opening;
mod remote_output;
pub mod requests;

use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub use self::opening::{Opening, TooMany};
pub use self::requests::PostBegin;
use crate::config::BLOCKING_THREADS;
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::sessions::Sessions;
use crate::net::session::shared::SharedSession;
use crate::net::session::table::Table;
use crate::net::thread::exit_flush::{ExitFlush, is_anything_left};
use crate::net::thread::inline::InlineThread;
use crate::net::thread::state::IoThread;
use crate::net::thread::{self, Command, IoThreadHandle, trim};

/// A deadline that is nearer than this, in ms, wakes the thread at once.
const NEAR_MS: u64 = 1000;

/// The time between two looks at answers that are on their way to polls, at exit.
const ANSWER_LOOK: Duration = Duration::from_millis(1);

/// The name of each I/O thread.
pub const THREAD_NAME: &str = "socket.io";

/// The address of an environment.
fn address(inbox: &Arc<dyn EventSink>) -> usize {
    Arc::as_ptr(inbox).cast::<()>() as usize
}

/// The I/O threads, and the sessions that they share.
pub struct Runtime {
    sessions: Arc<Sessions>,
    threads: Vec<Arc<IoThreadHandle>>,
    is_started: Mutex<bool>,
    /// The mailboxes of the sessions that live on JavaScript threads, by the addresses of their
    /// environments.
    inline: Mutex<Vec<(usize, Arc<IoThreadHandle>)>>,
    /// The panics of those that are gone.
    inline_panics: AtomicU64,
    /// The event loop of the first I/O thread, once it was started.
    tokio: OnceLock<tokio::runtime::Handle>,
}

impl Runtime {
    /// A runtime of `threads` I/O threads, at least one, that run once [`Runtime::start`] was
    /// called.
    pub fn new(threads: usize) -> Self {
        Self {
            sessions: Arc::default(),
            threads: (0..threads.max(1)).map(|_| Arc::default()).collect(),
            is_started: Mutex::new(false),
            inline: Mutex::default(),
            inline_panics: AtomicU64::new(0),
            tokio: OnceLock::new(),
        }
    }

    /// Starts the I/O threads, once. They live as long as the process.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue.
    pub fn start(&self) -> io::Result<()> {
        let mut is_started = lock(&self.is_started);
        if *is_started {
            return Ok(());
        }
        trim::keep_some();
        let loops = (self.threads.iter())
            .map(|_| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .max_blocking_threads(BLOCKING_THREADS)
                    .build()
            })
            .collect::<io::Result<Vec<_>>>()?;
        for (handle, tokio) in self.threads.iter().zip(loops) {
            let _ = self.tokio.set(tokio.handle().clone());
            let (handle, sessions) = (handle.clone(), self.sessions.clone());
            let count = self.threads.len();
            std::thread::Builder::new()
                .name(THREAD_NAME.into())
                .spawn(move || {
                    let run = thread::run(handle, sessions, count);
                    tokio::task::LocalSet::new().block_on(&tokio, run);
                })?;
        }
        *is_started = true;
        Ok(())
    }

    /// The time in ms since the runtime was made.
    pub fn now(&self) -> u64 {
        self.sessions.now()
    }

    /// All sessions by their handle.
    pub fn table(&self) -> &Table {
        self.sessions.table()
    }

    /// The sessions, and the clock.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// The number of I/O threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// The number of panics that the threads have caught. Each cost one connection or one command.
    pub fn panics(&self) -> u64 {
        let gone = self.inline_panics.load(Ordering::Relaxed);
        let inline: u64 = (lock(&self.inline).iter())
            .map(|(_, thread)| thread.panics())
            .sum();
        let threads: u64 = self.threads.iter().map(|thread| thread.panics()).sum();
        threads + inline + gone
    }

    /// The bytes of the buffers that I/O threads keep for writing.
    pub fn spare_bytes(&self) -> usize {
        self.threads.iter().map(|thread| thread.spare_bytes()).sum()
    }

    /// The number of the I/O thread that serves a session, unless it lives on a JavaScript thread.
    pub fn thread_of(&self, handle: Handle) -> usize {
        handle.slot() % self.threads.len()
    }

    /// Sends a command to a thread, by its number.
    pub fn send(&self, thread: usize, command: Command) {
        if let Some(thread) = self.threads.get(thread) {
            thread.send(command);
        }
    }

    /// Makes the mailbox of the sessions that live on the JavaScript thread of an environment, which
    /// `wake` wakes.
    pub fn add_inline(
        &self,
        inbox: &Arc<dyn EventSink>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Arc<IoThreadHandle> {
        let mailbox = Arc::new(IoThreadHandle::inline(wake));
        lock(&self.inline).push((address(inbox), mailbox.clone()));
        mailbox
    }

    /// Forgets the mailbox of an environment that is gone.
    pub fn remove_inline(&self, inbox: &Arc<dyn EventSink>) {
        let of = address(inbox);
        lock(&self.inline).retain(|(address, thread)| {
            let stays = *address != of;
            if !stays {
                (self.inline_panics).fetch_add(thread.panics(), Ordering::Relaxed);
            }
            stays
        });
    }

    /// The state of the sessions that live on the calling thread, which runs JavaScript; `None` if the
    /// runtime was not started.
    pub fn run_inline(&self, mailbox: Arc<IoThreadHandle>) -> Option<InlineThread> {
        let tokio = self.tokio.get()?.clone();
        Some(InlineThread::new(mailbox, self.sessions.clone(), tokio))
    }

    /// Waits until the thread of a session has carried out the commands that it has now, and has
    /// asked the kernel to take what they send. Returns false if that takes longer than `patience`.
    pub fn catch_up(&self, handle: Handle, patience: Duration) -> bool {
        let Some(thread) = self.threads.get(self.thread_of(handle)) else {
            return false;
        };
        if !thread.commands_done.is_complete() {
            // Commands that were sent lazily wait for the next look of the thread.
            thread.wake();
        }
        thread.commands_done.wait(Instant::now() + patience)
    }

    /// JavaScript has worked off packets of these sessions, of this cost. Those that had stopped go
    /// on.
    pub fn worked_off(&self, sessions: &[(Handle, usize)]) {
        self.table().each(sessions, |session, cost| {
            if session.pending.take(cost) {
                let handle = session.handle;
                let go_on = Command::Call(Box::new(move |local| local.go_on(handle)));
                self.send_home(session, go_on);
            }
        });
    }

    /// The limits on what connections may send have changed: those that wait are looked at again.
    pub fn look_at_paces(&self) {
        let look = || Command::Call(Box::new(|local: &Rc<IoThread>| local.look_at_paces()));
        self.send_all(look);
        for (_, thread) in lock(&self.inline).iter() {
            thread.send(look());
        }
    }

    /// Sends a command to every I/O thread.
    pub fn send_all(&self, mut command: impl FnMut() -> Command) {
        for thread in &self.threads {
            thread.send(command());
        }
    }

    /// Has the thread of a session look at its deadline, which is far away in most cases.
    fn send_due(&self, session: &SharedSession, deadline: Option<u64>, command: Command) {
        let Some(thread) = self.home(session) else {
            return;
        };
        if deadline.is_some_and(|at| at < self.now() + NEAR_MS) {
            thread.send(command);
        } else {
            thread.send_lazily(command);
        }
    }

    /// Sends a command to the thread of a session. If the session has ended and did not live on an I/O
    /// thread, nobody gets it.
    pub fn send_to(&self, handle: Handle, command: Command) {
        if !handle.is_inline() {
            self.send(self.thread_of(handle), command);
        } else if let Some(session) = self.table().get(handle) {
            self.send_home(&session, command);
        }
    }

    /// Sends a command to the thread of a session.
    fn send_home(&self, session: &SharedSession, command: Command) {
        if let Some(thread) = self.home(session) {
            thread.send(command);
        }
    }

    /// The thread of a session.
    fn home(&self, session: &SharedSession) -> Option<Arc<IoThreadHandle>> {
        if !session.handle.is_inline() {
            return self.threads.get(self.thread_of(session.handle)).cloned();
        }
        let of = address(&session.inbox);
        let inline = lock(&self.inline);
        let found = inline.iter().find(|(address, _)| *address == of)?;
        Some(found.1.clone())
    }

    /// Waits until the kernel has what an environment has sent, until `deadline` at the latest.
    /// Clients that take nothing are not waited for. Costs microseconds if there is nothing to
    /// write.
    ///
    /// With `pumps`, streams that JavaScript pumps count too: the result is true if JavaScript has
    /// to write for them, and to call again.
    pub fn flush_for_exit(
        &self,
        inbox: &Arc<dyn EventSink>,
        deadline: Instant,
        pumps: bool,
    ) -> bool {
        if !is_anything_left(&self.threads) {
            return false;
        }
        let mut answers_are_out = self.threads() == 1;
        loop {
            let exit_flush = ExitFlush::new(inbox.clone(), deadline, pumps, self.threads());
            self.send_all(|| Command::FlushForExit(exit_flush.clone()));
            if exit_flush.wait() {
                return true;
            }
            // A thread may have finished before another one gave an answer to a poll of its
            // connection, which it has yet to write.
            let were_out = std::mem::replace(&mut answers_are_out, !PendingAnswer::is_any());
            if were_out && answers_are_out || Instant::now() >= deadline {
                return false;
            }
            if !answers_are_out {
                std::thread::sleep(ANSWER_LOOK);
            }
        }
    }
}
