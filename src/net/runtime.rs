//! The process's I/O threads and sessions, and what the JavaScript thread does with sessions
//! directly: shaking hands, polls and posts.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::handle::{Handle, Table};
use super::inbox::{Inbox, Note};
use super::lock;
use super::peer::{Inner, Messages, Peer};
use super::worker::{self, Attach, Command, Shared};
use crate::config::EngineConfig;
use crate::eio::packet::Packet;
use crate::eio::payload;
use crate::eio::session::{Output, Poll, Session, Socket};
use crate::error::Closure;

/// Names the number of I/O threads; one unless set.
const THREADS_VARIABLE: &str = "SOCKET_IO_NATIVE_THREADS";

/// See the module.
pub struct Runtime {
    started: Instant,
    table: Table,
    workers: Vec<Arc<Shared>>,
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The process's runtime. Its threads run once [`start`] was called.
pub fn runtime() -> &'static Runtime {
    RUNTIME.get_or_init(|| {
        let threads = std::env::var(THREADS_VARIABLE)
            .ok()
            .and_then(|n| n.parse().ok());
        let threads: usize = threads.unwrap_or(1).clamp(1, 64);
        Runtime {
            started: Instant::now(),
            table: Table::default(),
            workers: (0..threads).map(|_| Arc::default()).collect(),
        }
    })
}

/// Starts the I/O threads, once. They live as long as the process.
///
/// # Errors
/// If the system gives no thread or no event queue.
pub fn start() -> io::Result<()> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = lock(&STARTED);
    if *started {
        return Ok(());
    }
    let workers = &runtime().workers;
    let threads = workers
        .iter()
        .map(|_| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
        })
        .collect::<io::Result<Vec<_>>>()?;
    for (worker, tokio) in workers.iter().zip(threads) {
        let shared = worker.clone();
        let count = workers.len();
        std::thread::Builder::new()
            .name("socket.io".into())
            .spawn(move || {
                tokio::task::LocalSet::new().block_on(&tokio, worker::run(shared, count));
            })?;
    }
    *started = true;
    Ok(())
}

impl Runtime {
    /// Milliseconds since the runtime began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// All sessions.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How many I/O threads there are.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Connections closed because of a fault of ours.
    pub fn panics(&self) -> u64 {
        self.workers.iter().map(|worker| worker.panics()).sum()
    }

    /// The number of the thread that serves a session.
    pub fn thread_of(&self, handle: Handle) -> usize {
        handle.slot() % self.workers.len()
    }

    /// Asks a thread for something.
    pub fn send(&self, thread: usize, command: Command) {
        if let Some(worker) = self.workers.get(thread) {
            worker.send(command);
        }
    }

    /// Asks every thread for something.
    pub fn send_all(&self, mut command: impl FnMut() -> Command) {
        for worker in &self.workers {
            worker.send(command());
        }
    }

    fn send_to(&self, handle: Handle, command: Command) {
        self.send(self.thread_of(handle), command);
    }

    /// Makes a session, whose transport is attached or polled next; `None` if there are too many.
    pub fn open(
        &self,
        inbox: Arc<dyn Inbox>,
        config: Arc<EngineConfig>,
        protocol: u8,
        websocket: bool,
        external: bool,
    ) -> Option<Arc<Peer>> {
        let session = Session::new(protocol, websocket, &config, self.now());
        let peer = self.table.insert(|handle| {
            let inner = Mutex::new(Inner {
                session,
                messages: Messages::default(),
            });
            Arc::new(Peer {
                handle,
                inbox,
                config,
                external,
                inner,
            })
        })?;
        if !websocket || external {
            self.send_to(peer.handle, Command::Open(peer.clone()));
        }
        Some(peer)
    }

    /// Hands a WebSocket over to the thread of its session.
    pub fn attach(&self, attach: Attach) {
        let thread = attach
            .peer
            .as_ref()
            .map_or(0, |peer| self.thread_of(peer.handle));
        self.send(thread, Command::Attach(Box::new(attach)));
    }

    /// Whether an upgrade of the session may begin now; it has begun then.
    pub fn upgrade(&self, peer: &Arc<Peer>) -> bool {
        let granted = lock(&peer.inner).session.upgrade(&peer.config, self.now());
        if granted {
            self.send_to(peer.handle, Command::Rearm(peer.handle));
        }
        granted
    }

    /// A poll arrived.
    pub fn poll(&self, handle: Handle) -> (Poll, Option<String>) {
        self.with(handle, |session, _, _, out| session.poll(out))
            .unwrap_or((Poll::Moved, None))
    }

    /// A pending poll's connection was lost.
    pub fn poll_lost(&self, handle: Handle) {
        self.with(handle, |session, _, _, out| session.poll_lost(out));
    }

    /// A POST broke: the session ends. Returns the answer to the pending poll.
    pub fn fail(&self, handle: Handle, closure: Closure) -> Option<String> {
        self.with(handle, |session, _, _, out| {
            session.request_failed(closure, out)
        })?
        .1
    }

    /// A POST's body arrived. Returns the answer to the pending poll, if it is due now.
    pub fn push(&self, handle: Handle, body: &[u8]) -> Option<String> {
        let body = payload::decode_body(body);
        self.with(handle, |session, config, now, out| {
            session.push(&body, config, now, out)
        })?
        .1
    }

    /// A message arrived on a WebSocket that JavaScript serves; `None` if it cannot be decoded.
    /// Returns the answer to the pending poll.
    pub fn receive(
        &self,
        handle: Handle,
        socket: Socket,
        packet: Option<Packet<'_>>,
    ) -> Option<String> {
        self.with(handle, |session, config, now, out| {
            session.receive_on(socket, packet, config, now, out);
        })?
        .1
    }

    /// A WebSocket that JavaScript serves has ended.
    pub fn lost(&self, handle: Handle, socket: Socket, closure: Closure) {
        self.with(handle, |session, _, _, out| {
            session.lost(socket, closure, out)
        });
    }

    /// Sends on a session that polls. `None`: it does not, or not any more. Else the answer to
    /// its pending poll, if there was one.
    pub fn send_polling(&self, handle: Handle, packet: Packet<'_>) -> Option<Option<String>> {
        let (sent, answer) = self.with(handle, |session, _, _, out| {
            let polls = !session.is_websocket() && !session.is_closed();
            if polls {
                session.send(packet, out);
            }
            polls
        })?;
        sent.then_some(answer)
    }

    /// Closes a session. Returns whether it has ended, and the answer to its pending poll.
    pub fn close(&self, handle: Handle, discard: bool) -> (bool, Option<String>) {
        let closed = self.with(handle, |session, _, now, out| {
            session.close(discard, now, out);
            session.is_closed()
        });
        closed.unwrap_or((true, None))
    }

    /// See [`super::ops::Op::Raw`]; at once.
    pub fn set_raw(&self, handle: Handle, raw: bool) {
        if let Some(peer) = self.table.get(handle) {
            lock(&peer.inner).messages.set_raw(raw);
        }
    }

    fn with<R>(
        &self,
        handle: Handle,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut Caller<'_>) -> R,
    ) -> Option<(R, Option<String>)> {
        let peer = self.table.get(handle)?;
        let mut inner = lock(&peer.inner);
        let inner = &mut *inner;
        let mut caller = Caller {
            runtime: self,
            peer: &peer,
            messages: &mut inner.messages,
            answer: None,
        };
        let before = inner.session.deadline();
        let result = f(&mut inner.session, &peer.config, self.now(), &mut caller);
        if inner.session.deadline().is_some_and(|at| Some(at) < before) {
            self.send_to(handle, Command::Rearm(handle));
        }
        Some((result, caller.answer))
    }
}

/// Carries out what a session asks, on the JavaScript thread: an answer is returned, and what
/// concerns WebSockets goes to the thread that owns them.
struct Caller<'a> {
    runtime: &'a Runtime,
    peer: &'a Arc<Peer>,
    messages: &'a mut Messages,
    answer: Option<String>,
}

impl Output for Caller<'_> {
    fn received(&mut self, packet: Packet<'_>) {
        self.messages.receive(
            packet,
            self.peer.handle,
            &self.peer.config,
            &*self.peer.inbox,
        );
    }

    fn frame(&mut self, socket: Socket, packet: Packet<'_>) {
        let handle = self.peer.handle;
        if self.peer.external {
            return self.peer.inbox.frame(handle, socket, packet);
        }
        self.runtime
            .send_to(handle, Command::Frame(handle, socket, packet.into()));
    }

    fn close_socket(&mut self, socket: Socket) {
        let handle = self.peer.handle;
        self.runtime
            .send_to(handle, Command::CloseSocket(handle, socket));
    }

    fn answer(&mut self, payload: String) {
        self.answer = Some(payload);
    }

    fn pinging(&mut self) {
        // Pings are sent by the timers of the I/O threads.
    }

    fn upgrading(&mut self) {
        self.peer.inbox.note(self.peer.handle, Note::Upgrading);
    }

    fn upgrade_lost(&mut self) {
        self.peer.inbox.note(self.peer.handle, Note::UpgradeLost);
    }

    fn upgraded(&mut self) {
        self.peer.inbox.note(self.peer.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: Closure) {
        let handle = self.peer.handle;
        self.runtime.table.remove(handle);
        self.peer.inbox.closed(handle, &closure);
        self.runtime.send_to(handle, Command::Forget(handle));
    }
}
