//! The process's I/O threads and sessions, and what the JavaScript thread does with sessions
//! directly: shaking hands, polls and posts.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::config::EngineConfig;
use crate::eio::encoding::{PacketEncoding, Protocol};
use crate::eio::packet::Packet;
use crate::eio::payload::{self, Payload};
use crate::eio::session::{Output, Poll, Session, SocketRole};
use crate::error::{CloseReason, QUEUE_FULL};
use crate::net::events::{EventSink, Note};
use crate::net::lock;
use crate::net::session::handle::{Handle, Table};
use crate::net::session::shared::{Backlog, Inner, Messages, Post, SharedSession, Traffic, Waiter};
use crate::net::session::slow_readers::{PollReader, Verdict};
use crate::net::thread::pending_writes::PendingAnswer;
use crate::net::thread::{self, Attach, Command, IoThreadHandle};

/// How a session begins.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The form of its packets.
    pub form: PacketEncoding,
    /// On a WebSocket.
    pub websocket: bool,
    /// Its WebSockets are served in JavaScript.
    pub external: bool,
    /// Its packets are decoded in JavaScript.
    pub raw: bool,
    /// Its id.
    pub sid: &'a str,
}

/// What becomes of a POST that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Its body is awaited.
    Alone,
    /// Another one was being received, and is given up: the session has to end.
    Overlap,
    /// The session does not poll any more.
    Moved,
}

/// A deadline that is nearer, in ms, is not left to a thread's next look.
const NEAR_MS: u64 = 1000;

/// Names the number of I/O threads; one unless set.
const THREADS_VARIABLE: &str = "SOCKET_IO_NATIVE_THREADS";

/// See the module.
pub struct Runtime {
    started: Instant,
    table: Table,
    workers: Vec<Arc<IoThreadHandle>>,
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
                tokio::task::LocalSet::new().block_on(&tokio, thread::run(shared, count));
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

    /// The handles of the I/O threads.
    pub(super) fn shared(&self) -> &[Arc<IoThreadHandle>] {
        &self.workers
    }

    /// Waits until the thread of a session has carried out the commands that it has now, and has asked
    /// the kernel to take what they send. Returns false if that takes longer than `patience`.
    pub fn catch_up(&self, handle: Handle, patience: Duration) -> bool {
        let Some(worker) = self.workers.get(self.thread_of(handle)) else {
            return false;
        };
        if !worker.commands_done.is_complete() {
            // Commands that were sent lazily wait for the next look of the thread.
            worker.wake();
        }
        worker.commands_done.wait(Instant::now() + patience)
    }

    /// Asks every thread for something.
    pub fn send_all(&self, mut command: impl FnMut() -> Command) {
        for worker in &self.workers {
            worker.send(command());
        }
    }

    /// Has the thread of a session look at its deadline, which is far away in most cases.
    fn send_due(&self, handle: Handle, deadline: Option<u64>, command: Command) {
        let Some(worker) = self.workers.get(self.thread_of(handle)) else {
            return;
        };
        if deadline.is_some_and(|at| at < self.now() + NEAR_MS) {
            worker.send(command);
        } else {
            worker.send_lazily(command);
        }
    }

    fn send_to(&self, handle: Handle, command: Command) {
        self.send(self.thread_of(handle), command);
    }

    /// Makes a session, whose transport is attached or polled next; `None` if there are too many.
    pub fn open(
        &self,
        inbox: Arc<dyn EventSink>,
        config: Arc<EngineConfig>,
        opening: Opening<'_>,
    ) -> Option<Arc<SharedSession>> {
        let peer = self.create(inbox, config, opening)?;
        if !opening.websocket || opening.external {
            self.start(&peer);
        }
        Some(peer)
    }

    /// Makes a session without its thread. Whoever knows its handle may ask the thread for
    /// something: before that, [`Runtime::start`] or [`Runtime::attach`] is to be called, or it
    /// gets lost.
    pub fn create(
        &self,
        inbox: Arc<dyn EventSink>,
        config: Arc<EngineConfig>,
        opening: Opening<'_>,
    ) -> Option<Arc<SharedSession>> {
        let Opening {
            form,
            websocket,
            external,
            raw,
            sid,
        } = opening;
        let (now, turn) = (self.now(), inbox.turns());
        let session = Session::new(form, websocket, &config, now);
        self.table.insert(|handle| {
            // Listeners speak protocol 4 only.
            let known = form.protocol == Protocol::V4;
            let sid = known.then(|| config.sids().insert(sid, handle)).flatten();
            Arc::new(SharedSession {
                handle,
                inbox,
                config,
                external: external.into(),
                traffic: Traffic::default(),
                backlog: Backlog::default(),
                sid,
                inner: Mutex::new(Inner::new(session, raw, now, turn)),
            })
        })
    }

    /// Has its thread look after a session that has no WebSocket yet.
    pub fn start(&self, peer: &Arc<SharedSession>) {
        let deadline = lock(&peer.inner).session.deadline();
        self.send_due(peer.handle, deadline, Command::Open(peer.clone()));
    }

    /// Hands a WebSocket over to the thread of its session.
    pub fn attach(&self, attach: Attach) {
        let thread = attach
            .peer
            .as_ref()
            .map_or(0, |peer| self.thread_of(peer.handle));
        self.send(thread, Command::Attach(Box::new(attach)));
    }

    /// Whether an upgrade of the session may begin now; it has begun then. `external`: JavaScript
    /// serves the WebSocket.
    pub fn upgrade(&self, peer: &Arc<SharedSession>, external: bool) -> bool {
        let mut inner = lock(&peer.inner);
        let granted = inner.session.upgrade(&peer.config, self.now());
        if granted {
            peer.offer(external);
        }
        drop(inner);
        if granted {
            self.send_to(peer.handle, Command::Rearm(peer.handle));
        }
        granted
    }

    /// A poll arrived.
    pub fn poll(&self, handle: Handle) -> (Poll, Option<Payload>) {
        self.with(handle, |session, _, _, out| session.poll(out))
            .unwrap_or((Poll::Moved, None))
    }

    /// A pending poll's connection was lost.
    pub fn poll_lost(&self, handle: Handle) {
        self.with(handle, |session, _, _, out| session.poll_lost(out));
    }

    /// A POST begins to be received.
    pub fn begin_post(&self, handle: Handle, post: Post) -> Begun {
        let Some(peer) = self.table.get(handle) else {
            return Begun::Moved;
        };
        let mut inner = lock(&peer.inner);
        let inner = &mut *inner;
        if inner.post.is_some() {
            Inner::abort_post(&mut inner.post, handle, &*peer.inbox);
            return Begun::Overlap;
        }
        if inner.session.is_websocket() || inner.session.is_closed() {
            return Begun::Moved;
        }
        inner.post = Some(post);
        Begun::Alone
    }

    /// A POST has been received, or its connection was lost.
    pub fn end_post(&self, handle: Handle) {
        if let Some(peer) = self.table.get(handle) {
            lock(&peer.inner).post = None;
        }
    }

    /// A POST broke: the session ends. Returns the answer to the pending poll.
    pub fn fail(&self, handle: Handle, closure: CloseReason) -> Option<Payload> {
        self.with(handle, |session, _, _, out| {
            session.request_failed(closure, out)
        })?
        .1
    }

    /// A POST's body arrived, in JavaScript. Returns the answer to the pending poll, if it is due
    /// now.
    pub fn push(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        let body = payload::decode_body(body);
        self.with(handle, |session, config, now, out| {
            *out.post = None;
            out.messages.begin_request(false);
            session.push(&body, config, now, out);
            out.messages.end_request();
        })?
        .1
    }

    /// The same, of a body whose content is binary (protocol 3).
    pub fn push_binary(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        self.with(handle, |session, config, now, out| {
            *out.post = None;
            out.messages.begin_request(false);
            session.push_binary(body, config, now, out);
            out.messages.end_request();
        })?
        .1
    }

    /// A message arrived on a WebSocket that JavaScript serves; `None` if it cannot be decoded.
    /// Returns the answer to the pending poll.
    pub fn receive(
        &self,
        handle: Handle,
        socket: SocketRole,
        packet: Option<Packet<'_>>,
    ) -> Option<Payload> {
        self.with(handle, |session, config, now, out| {
            if let Some(socket) = out.role_of(socket, session) {
                session.receive_on(socket, packet, config, now, out);
            }
        })?
        .1
    }

    /// A WebSocket that JavaScript serves has ended.
    pub fn lost(&self, handle: Handle, socket: SocketRole, closure: CloseReason) {
        self.with(handle, |session, _, _, out| {
            if let Some(socket) = out.role_of(socket, session) {
                session.lost(socket, closure, out);
            }
        });
    }

    /// Sends on a session that polls. `None`: it does not, or not any more. Else the answer to
    /// its pending poll, if there was one. `compress`: the answer may be compressed.
    pub fn send_polling(
        &self,
        handle: Handle,
        packet: Packet<'_>,
        compress: bool,
    ) -> Option<Option<Payload>> {
        let (sent, answer) = self.with(handle, |session, _, _, out| {
            out.compress = compress;
            let polls = !session.is_websocket() && !session.is_closed();
            if polls {
                session.send(packet, out);
            }
            polls
        })?;
        sent.then_some(answer)
    }

    /// Closes a session. Returns whether it has ended, and the answer to its pending poll.
    pub fn close(&self, handle: Handle, discard: bool) -> (bool, Option<Payload>) {
        let closed = self.with(handle, |session, _, now, out| {
            session.close(discard, now, out);
            session.is_closed()
        });
        closed.unwrap_or((true, None))
    }

    /// Whether a poll of the session waits for packets.
    pub fn is_poll_pending(&self, handle: Handle) -> bool {
        let peer = self.table.get(handle);
        peer.is_some_and(|peer| lock(&peer.inner).session.is_poll_pending())
    }

    /// A request of the session, or a connection with one, is on its way to JavaScript. Returns the
    /// session's handle if there is one.
    pub fn hand_over(&self, handle: Handle) -> Option<Handle> {
        let peer = self.table.get(handle)?;
        lock(&peer.inner).handed_over += 1;
        Some(handle)
    }

    /// JavaScript has taken over one request of the session.
    pub fn taken_over(&self, handle: Handle) {
        if let Some(peer) = self.table.get(handle) {
            let mut inner = lock(&peer.inner);
            inner.handed_over = inner.handed_over.saturating_sub(1);
        }
    }

    /// JavaScript wants to see the polls of the session from the next one on.
    pub fn watch_polls(&self, handle: Handle) {
        if let Some(peer) = self.table.get(handle) {
            lock(&peer.inner).watched = true;
        }
    }

    /// Has packets of the session decoded in JavaScript from now on (`raw`), or natively again.
    pub fn set_raw(&self, handle: Handle, raw: bool) {
        if let Some(peer) = self.table.get(handle) {
            lock(&peer.inner).messages.set_raw(raw);
        }
    }

    pub(in crate::net) fn with<R>(
        &self,
        handle: Handle,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut RemoteOutput<'_>) -> R,
    ) -> Option<(R, Option<Payload>)> {
        let peer = self.table.get(handle)?;
        let mut inner = lock(&peer.inner);
        let inner = &mut *inner;
        let mut caller = RemoteOutput {
            runtime: self,
            peer: &peer,
            messages: &mut inner.messages,
            waiter: &mut inner.waiter,
            post: &mut inner.post,
            is_here: false,
            compress: true,
            answer: None,
        };
        let before = inner.session.deadline();
        let now = self.now();
        let result = f(&mut inner.session, &peer.config, now, &mut caller);
        match PollReader::look(&mut inner.reader, &inner.session, &peer, now) {
            Verdict::Fine | Verdict::Full => {}
            Verdict::BecameFull => self.send_to(handle, Command::Full(handle)),
            Verdict::Over => inner.session.end(QUEUE_FULL, &mut caller),
        }
        let deadline = inner.session.deadline();
        if deadline.is_some_and(|at| Some(at) < before) {
            self.send_due(handle, deadline, Command::Rearm(handle));
        }
        Some((result, caller.answer))
    }
}

/// Carries out what a session asks, anywhere but on the thread of its WebSockets: an answer is returned, and what
/// concerns WebSockets goes to the thread that owns them.
pub(in crate::net) struct RemoteOutput<'a> {
    runtime: &'a Runtime,
    peer: &'a Arc<SharedSession>,
    pub(in crate::net) messages: &'a mut Messages,
    pub(in crate::net) waiter: &'a mut Option<Waiter>,
    post: &'a mut Option<Post>,
    /// On an I/O thread: JavaScript is told, not returned to.
    pub(in crate::net) is_here: bool,
    /// Whether an answer may be compressed.
    compress: bool,
    answer: Option<Payload>,
}

impl RemoteOutput<'_> {
    /// What a WebSocket that JavaScript serves is by now: the news of an upgrade may be on its way.
    /// `None`: it is not the session's any more.
    fn role_of(&self, socket: SocketRole, session: &Session) -> Option<SocketRole> {
        let socket = if session.has_upgraded() {
            SocketRole::Main
        } else {
            socket
        };
        self.peer.is_external(socket).then_some(socket)
    }
}

impl Output for RemoteOutput<'_> {
    fn received(&mut self, packet: Packet<'_>) {
        self.messages.receive(
            packet,
            self.peer.handle,
            &self.peer.config,
            &*self.peer.inbox,
        );
    }

    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>) {
        let handle = self.peer.handle;
        if self.peer.is_external(socket) {
            return self.peer.inbox.frame(handle, socket, packet);
        }
        self.runtime
            .send_to(handle, Command::Frame(handle, socket, packet.into()));
    }

    fn close_socket(&mut self, socket: SocketRole) {
        let handle = self.peer.handle;
        self.runtime
            .send_to(handle, Command::CloseSocket(handle, socket));
    }

    fn answer(&mut self, payload: Payload) {
        match self.waiter.take() {
            // If the poll's connection is lost, the session hears of that.
            Some(waiter) => drop(waiter.send((payload, self.compress, PendingAnswer::begin()))),
            None if self.is_here => self.peer.inbox.answer(self.peer.handle, payload),
            None => self.answer = Some(payload),
        }
    }

    fn abort_post(&mut self) {
        Inner::abort_post(self.post, self.peer.handle, &*self.peer.inbox);
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
        self.peer.promote();
        self.peer.inbox.note(self.peer.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: CloseReason) {
        let handle = self.peer.handle;
        self.peer.forget();
        if !self.messages.has_told() {
            self.peer.inbox.note(handle, Note::Ending);
        }
        self.peer.inbox.closed(handle, &closure);
        self.runtime.send_due(handle, None, Command::Forget(handle));
    }
}
