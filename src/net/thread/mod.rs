//! The I/O threads: what they can be asked for, and their loops.

mod command_counter;
mod commands;
mod exit_flush;
pub mod pending_writes;
pub mod state;
pub mod trim;

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use self::command_counter::CommandCounter;
use self::exit_flush::ExitFlush;
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::{Outgoing, SocketRole};
use crate::net::events::EventSink;
#[cfg(unix)]
use crate::net::listener::{ConnectionGuard, Listener};
use crate::net::lock;
use crate::net::runtime::runtime;
use crate::net::session::handle::Handle;
use crate::net::session::shared::SharedSession;
use crate::net::session::slow_readers;
use crate::net::thread::state::IoThread;
use crate::net::websocket::conn::End;
use crate::ws::deflate::{Compression, Parameters};

/// Where the bytes of a new WebSocket come from.
pub enum Source {
    /// A socket taken over from Node.
    #[cfg(unix)]
    Socket(std::os::fd::OwnedFd),
    /// A stream that JavaScript reads and writes.
    Stream,
}

/// For a connection that JavaScript does not know.
pub const NO_STREAM: u32 = u32::MAX;
/// The first number of a single connection. Lower ones name the server that accepted a connection
/// of which JavaScript keeps nothing else.
pub const FIRST_STREAM: u32 = 1 << 16;

/// Whether a number names one connection.
pub fn is_single(stream: u32) -> bool {
    (FIRST_STREAM..NO_STREAM).contains(&stream)
}

/// A WebSocket for an I/O thread to serve.
pub struct Attach {
    /// Its session; none: it is closed at once.
    pub peer: Option<Arc<SharedSession>>,
    /// The part it plays in the session.
    pub role: SocketRole,
    /// The form of its packets, by its own request.
    pub form: PacketEncoding,
    /// Where its bytes come from.
    pub source: Source,
    /// The number JavaScript knows it by.
    pub stream: u32,
    /// The environment to tell.
    pub inbox: Arc<dyn EventSink>,
    /// Bytes that came with the request.
    pub head: Vec<u8>,
    /// Bytes that the connection has read and written until now, `head` among them.
    pub before: (u64, u64),
    /// The 101 response.
    pub response: Vec<u8>,
    /// What the response says about compression, and how the server compresses.
    pub deflate: Option<(Parameters, Compression)>,
    /// The first packets.
    pub first: Vec<Outgoing>,
    /// Counts it as a connection of its listener.
    #[cfg(unix)]
    pub open: Option<ConnectionGuard>,
}

/// What an I/O thread is asked to do.
pub enum Command {
    /// A run of operations, encoded as [`crate::net::send_batch`] reads them, from a tick of JavaScript's; a
    /// tick may take several.
    Run(Vec<u8>, u32),
    /// Look after a session that has no WebSocket yet.
    Open(Arc<SharedSession>),
    /// Serve a WebSocket.
    Attach(Box<Attach>),
    /// Input of a pumped stream; empty: its end.
    Feed(u32, Vec<u8>),
    /// Tell when all input of a pumped stream so far has been taken.
    AwaitTaken(u32),
    /// JavaScript has written so many bytes of a pumped stream.
    Written(u32, usize),
    /// Name the connection of a session's WebSocket, whose end is told by that number.
    Watch(Handle, u32, Arc<dyn EventSink>),
    /// End a connection that has a number.
    EndConnection(u32, End),
    /// Have the kernel probe the idle peer of a connection that has a number after this time, or
    /// not any more.
    KeepAlive(u32, Option<Duration>),
    /// Write bytes of the application on a connection that has a number.
    WriteRaw(u32, Vec<u8>),
    /// Write what was sent until now, and say so.
    Settle(SyncSender<()>),
    /// Tell the local and the remote address of a session's WebSocket.
    Ends(Handle, SyncSender<(SocketAddr, SocketAddr)>),
    /// Send a packet on a session's WebSocket.
    Frame(Handle, SocketRole, Outgoing),
    /// Close a session's WebSocket.
    CloseSocket(Handle, SocketRole),
    /// A session's deadline may be earlier now.
    Rearm(Handle),
    /// A session ended.
    Forget(Handle),
    /// Accept a listener's connections.
    #[cfg(unix)]
    Accept(Arc<Listener>),
    /// Serve a connection that a listener has accepted.
    #[cfg(unix)]
    Accepted(std::net::TcpStream, ConnectionGuard),
    /// JavaScript has caught up: read on.
    Resume,
    /// Look at a session that polls and for which more waits than may.
    Full(Handle),
    /// Note [`Note::Drained`](crate::net::events::Note) once all that was sent on a session's WebSocket
    /// is written.
    TellDrained(Handle),
    /// Work on the flush at exit of an environment.
    FlushForExit(Arc<ExitFlush>),
    /// An environment is gone: drop its sessions.
    Leave(Arc<dyn EventSink>),
}

/// The part of an I/O thread that others see.
#[derive(Default)]
pub struct IoThreadHandle {
    queue: Mutex<Vec<Command>>,
    notified: AtomicBool,
    notify: Notify,
    /// The thread looks into the queue by itself soon; changes under the lock of the queue.
    looks: AtomicBool,
    panics: AtomicU64,
    /// Counts the commands that were sent and carried out.
    pub(in crate::net) commands_done: CommandCounter,
    /// Number of connections and answers that could not be written at once.
    pub(in crate::net) pending_writes: AtomicUsize,
}

impl IoThreadHandle {
    /// Asks for something.
    pub fn send(&self, command: Command) {
        let mut queue = lock(&self.queue);
        queue.push(command);
        self.commands_done.ask();
        drop(queue);
        self.wake();
    }

    /// Asks for something that may wait for `PATIENCE`: waking a thread costs more than most of
    /// what it is woken for.
    pub fn send_lazily(&self, command: Command) {
        let mut queue = lock(&self.queue);
        queue.push(command);
        self.commands_done.ask();
        let looks = self.looks.load(Ordering::Relaxed);
        drop(queue);
        if !looks {
            self.wake();
        }
    }

    /// Wakes the thread for the commands that were sent.
    pub(in crate::net) fn wake(&self) {
        // One wake-up is enough for all that is queued until it has happened.
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// Takes what was asked for. If that was something, the thread is to look again soon.
    fn take(&self) -> Vec<Command> {
        let mut queue = lock(&self.queue);
        self.looks.store(!queue.is_empty(), Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }

    /// Counts a fault of ours.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections closed because of a fault of ours.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

/// How long something may wait that is asked for lazily.
const PATIENCE: Duration = Duration::from_millis(20);

/// Timers that fire so much too late, in ms, tell that this thread was kept from running.
const LATE_MS: u64 = 100;
/// How long the event loop gets to report what the sockets hold.
const LOOK: Duration = Duration::from_millis(1);

/// Runs an I/O thread; does not return.
pub async fn run(shared: Arc<IoThreadHandle>, workers: usize) {
    let local = IoThread::new(shared, workers);
    tokio::task::spawn_local(keep_time(local.clone()));
    tokio::task::spawn_local(wake_sinks(local.clone()));
    tokio::task::spawn_local(slow_readers::watch(local.clone()));
    let mut soon = pin!(sleep(PATIENCE));
    let mut looks = false;
    loop {
        {
            let mut notified = pin!(local.shared.notify.notified());
            poll_fn(|cx| {
                if notified.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                if looks {
                    soon.as_mut().poll(cx)
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        local.shared.notified.store(false, Ordering::Release);
        let commands = local.shared.take();
        looks = !commands.is_empty();
        if looks && soon.is_elapsed() {
            soon.as_mut().reset(Instant::now() + PATIENCE);
        }
        let count = commands.len();
        for command in commands {
            local.guard(|| local.command(command));
        }
        local.guard(|| local.settle());
        local.shared.commands_done.advance(count);
    }
}

async fn keep_time(local: Rc<IoThread>) {
    loop {
        let next = local.tick();
        let changed = local.timers.notified();
        match next {
            Some(at) => {
                let wait = Duration::from_millis(at.saturating_sub(runtime().now()));
                let _ = tokio::time::timeout(wait, changed).await;
                if runtime().now() > at + LATE_MS {
                    // This thread was not running. What clients have sent in the meantime comes
                    // before their deadlines: the sockets are asked while this sleeps.
                    sleep(LOOK).await;
                }
            }
            None => changed.await,
        }
    }
}

async fn wake_sinks(local: Rc<IoThread>) {
    loop {
        local.waker.notified().await;
        // Once around: what else has arrived travels with the same wake-up.
        tokio::task::yield_now().await;
        for inbox in local.to_wake.take() {
            inbox.wake();
        }
    }
}
