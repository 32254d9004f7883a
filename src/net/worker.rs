//! One I/O thread: it owns the WebSockets and the timers of the sessions whose slots fall to it,
//! and does what the JavaScript thread asks. Everything here but [`Shared`] stays on that thread.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

use super::carrier::{Carrier, Pumped};
use super::handle::Handle;
use super::inbox::{Inbox, Note};
use super::link::Link;
use super::lock;
use super::ops::{self, Op};
use super::peer::{Messages, Peer};
use super::runtime::runtime;
use crate::config::{EngineConfig, READ_BUFFER_BYTES};
use crate::eio::packet::{Packet, Type};
use crate::eio::session::{Outgoing, Output, Session, Socket};
use crate::eio::wheel::Wheel;
use crate::error::{Closure, QUEUE_FULL};
use crate::ws::frame::Opcode;

/// Buffers kept for the next connection that has something to write.
const SPARE_BUFFERS: usize = 64;
/// A larger buffer is not kept.
const SPARE_BUFFER_BYTES: usize = 64 << 10;

/// Where the bytes of a new WebSocket come from.
pub enum Source {
    /// A socket taken over from Node.
    #[cfg(unix)]
    Socket(std::os::fd::OwnedFd),
    /// A stream that JavaScript reads and writes.
    Stream,
}

/// A WebSocket for an I/O thread to serve.
pub struct Attach {
    /// Its session; none: it is closed at once.
    pub peer: Option<Arc<Peer>>,
    /// The part it plays in the session.
    pub role: Socket,
    /// Where its bytes come from.
    pub source: Source,
    /// The number JavaScript knows it by.
    pub stream: u32,
    /// The environment to tell.
    pub inbox: Arc<dyn Inbox>,
    /// Bytes that came with the request.
    pub head: Vec<u8>,
    /// The 101 response.
    pub response: Vec<u8>,
    /// The first packets.
    pub first: Vec<Outgoing>,
}

/// What an I/O thread is asked to do.
pub enum Command {
    /// A run of [`ops`].
    Run(Vec<u8>),
    /// Look after a session that has no WebSocket yet.
    Open(Arc<Peer>),
    /// Serve a WebSocket.
    Attach(Box<Attach>),
    /// Input of a pumped stream; empty: its end.
    Feed(u32, Vec<u8>),
    /// JavaScript has written so many bytes of a pumped stream.
    Written(u32, usize),
    /// Send a packet on a session's WebSocket.
    Frame(Handle, Socket, Outgoing),
    /// Close a session's WebSocket.
    CloseSocket(Handle, Socket),
    /// A session's deadline may be earlier now.
    Rearm(Handle),
    /// A session ended.
    Forget(Handle),
    /// JavaScript has caught up: read on.
    Resume,
    /// An environment is gone: drop its sessions.
    Leave(Arc<dyn Inbox>),
}

/// The part of an I/O thread that others see.
#[derive(Default)]
pub struct Shared {
    queue: Mutex<Vec<Command>>,
    notified: AtomicBool,
    notify: Notify,
    panics: AtomicU64,
}

impl Shared {
    /// Asks for something.
    pub fn send(&self, command: Command) {
        lock(&self.queue).push(command);
        // One wake-up is enough for all that is queued until it has happened.
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// Connections closed because of a fault of ours.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

/// A session as its I/O thread sees it.
pub struct Entry {
    /// The session.
    pub peer: Arc<Peer>,
    main: RefCell<Option<Rc<Link>>>,
    probe: RefCell<Option<Rc<Link>>>,
    /// When the timer wheel next looks at it.
    armed: Cell<u64>,
}

impl Entry {
    fn link(&self, role: Socket) -> &RefCell<Option<Rc<Link>>> {
        match role {
            Socket::Main => &self.main,
            Socket::Probe => &self.probe,
        }
    }

    /// Forgets a WebSocket; `false` if it was not this session's any more.
    pub fn detach(&self, link: &Rc<Link>) -> bool {
        for place in [&self.main, &self.probe] {
            let mut place = place.borrow_mut();
            if place.as_ref().is_some_and(|own| Rc::ptr_eq(own, link)) {
                *place = None;
                return true;
            }
        }
        false
    }

    /// Does something with the session, and what follows from it.
    pub fn with<R>(
        self: &Rc<Self>,
        local: &Rc<Local>,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut Effects<'_>) -> R,
    ) -> R {
        let mut inner = lock(&self.peer.inner);
        let inner = &mut *inner;
        let mut effects = Effects {
            local,
            entry: self,
            messages: &mut inner.messages,
        };
        let result = f(
            &mut inner.session,
            &self.peer.config,
            runtime().now(),
            &mut effects,
        );
        self.arm(local, inner.session.deadline());
        local.ring_later(&self.peer.inbox);
        result
    }

    fn arm(&self, local: &Local, deadline: Option<u64>) {
        if let Some(at) = deadline
            && at < self.armed.get()
        {
            self.armed.set(at);
            local.wheel.borrow_mut().insert(self.peer.handle.raw(), at);
            local.timers.notify_one();
        }
    }
}

/// Carries out what a session asks, on the thread that owns its WebSockets.
pub struct Effects<'a> {
    local: &'a Rc<Local>,
    entry: &'a Rc<Entry>,
    messages: &'a mut Messages,
}

impl Output for Effects<'_> {
    fn received(&mut self, packet: Packet<'_>) {
        let peer = &self.entry.peer;
        self.messages
            .receive(packet, peer.handle, &peer.config, &*peer.inbox);
    }

    fn frame(&mut self, socket: Socket, packet: Packet<'_>) {
        if let Some(link) = &*self.entry.link(socket).borrow() {
            link.packet(self.local, packet);
        }
    }

    fn close_socket(&mut self, socket: Socket) {
        if let Some(link) = self.entry.link(socket).take() {
            link.close(self.local, &[]);
        }
    }

    fn answer(&mut self, payload: String) {
        let peer = &self.entry.peer;
        peer.inbox.answer(peer.handle, payload);
    }

    fn pinging(&mut self) {
        if self.messages.is_raw() {
            let peer = &self.entry.peer;
            peer.inbox.note(peer.handle, Note::Pinged);
        }
    }

    fn upgrading(&mut self) {
        let peer = &self.entry.peer;
        peer.inbox.note(peer.handle, Note::Upgrading);
    }

    fn upgrade_lost(&mut self) {
        let peer = &self.entry.peer;
        peer.inbox.note(peer.handle, Note::UpgradeLost);
    }

    fn upgraded(&mut self) {
        let link = self.entry.probe.take();
        if let Some(link) = &link {
            link.promote();
        }
        *self.entry.main.borrow_mut() = link;
        let peer = &self.entry.peer;
        peer.inbox.note(peer.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: Closure) {
        let peer = &self.entry.peer;
        runtime().table().remove(peer.handle);
        self.local.forget(peer.handle);
        peer.inbox.closed(peer.handle, &closure);
    }
}

/// The part of an I/O thread that only it sees.
pub struct Local {
    shared: Arc<Shared>,
    workers: usize,
    entries: RefCell<Vec<Option<Rc<Entry>>>>,
    streams: RefCell<HashMap<u32, Rc<Pumped>>>,
    wheel: RefCell<Wheel<u32>>,
    timers: Notify,
    dirty: RefCell<Vec<Rc<Link>>>,
    overflowed: RefCell<Vec<Rc<Link>>>,
    parked: RefCell<Vec<Waker>>,
    bells: RefCell<Vec<Arc<dyn Inbox>>>,
    bell: Notify,
    buffer: RefCell<Box<[u8]>>,
    spare: RefCell<Vec<Vec<u8>>>,
    /// Counts runs, so that a volatile message knows what was sent in its own.
    run: Cell<u64>,
}

impl Local {
    fn new(shared: Arc<Shared>, workers: usize) -> Rc<Self> {
        Rc::new(Self {
            shared,
            workers,
            entries: RefCell::default(),
            streams: RefCell::default(),
            wheel: RefCell::new(Wheel::new(runtime().now())),
            timers: Notify::new(),
            dirty: RefCell::default(),
            overflowed: RefCell::default(),
            parked: RefCell::default(),
            bells: RefCell::default(),
            bell: Notify::new(),
            buffer: RefCell::new(vec![0; READ_BUFFER_BYTES].into()),
            spare: RefCell::default(),
            run: Cell::new(0),
        })
    }

    /// The buffer that all connections of the thread read into.
    pub fn read_buffer(&self) -> RefMut<'_, Box<[u8]>> {
        self.buffer.borrow_mut()
    }

    /// A buffer to write into, perhaps one used before.
    pub fn spare_buffer(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a buffer back, so that idle connections own none.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_BUFFERS && (1..=SPARE_BUFFER_BYTES).contains(&buffer.capacity()) {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// The number of the run being carried out.
    pub fn run(&self) -> u64 {
        self.run.get()
    }

    /// The connection has something to write.
    pub fn mark_dirty(&self, link: Rc<Link>) {
        self.dirty.borrow_mut().push(link);
    }

    /// The connection has more to write than one may.
    pub fn overflowed(&self, link: &Rc<Link>) {
        self.overflowed.borrow_mut().push(link.clone());
    }

    /// Wakes `waker` when JavaScript has caught up.
    pub fn park(&self, waker: Waker) {
        self.parked.borrow_mut().push(waker);
    }

    /// Counts a fault of ours.
    pub fn count_panic(&self) {
        self.shared.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Has the environment's JavaScript thread woken, once this thread has dealt with what is
    /// ready: waking costs more than most of what there is to tell.
    pub fn ring_later(&self, inbox: &Arc<dyn Inbox>) {
        if inbox.needs_ring() {
            self.bells.borrow_mut().push(inbox.clone());
            self.bell.notify_one();
        }
    }

    /// Writes what was queued, and ends the connections for which too much is.
    pub fn settle(self: &Rc<Self>) {
        loop {
            let dirty = self.dirty.take();
            let overflowed = self.overflowed.take();
            if dirty.is_empty() && overflowed.is_empty() {
                return;
            }
            for link in &dirty {
                link.flush(self);
            }
            for link in &overflowed {
                link.overflow(self, QUEUE_FULL);
            }
        }
    }

    fn index(&self, handle: Handle) -> usize {
        handle.slot() / self.workers
    }

    fn entry(&self, handle: Handle) -> Option<Rc<Entry>> {
        let entries = self.entries.borrow();
        let entry = entries.get(self.index(handle))?.as_ref()?;
        (entry.peer.handle == handle).then(|| entry.clone())
    }

    fn forget(&self, handle: Handle) {
        let mut entries = self.entries.borrow_mut();
        if let Some(place) = entries.get_mut(self.index(handle))
            && place
                .as_ref()
                .is_some_and(|entry| entry.peer.handle == handle)
        {
            *place = None;
        }
    }

    fn open(self: &Rc<Self>, peer: Arc<Peer>) -> Rc<Entry> {
        if let Some(entry) = self.entry(peer.handle) {
            return entry;
        }
        let entry = Rc::new(Entry {
            peer,
            main: RefCell::default(),
            probe: RefCell::default(),
            armed: Cell::new(u64::MAX),
        });
        let deadline = lock(&entry.peer.inner).session.deadline();
        if deadline.is_some() {
            let index = self.index(entry.peer.handle);
            let mut entries = self.entries.borrow_mut();
            if entries.len() <= index {
                entries.resize_with(index + 1, || None);
            }
            if let Some(place) = entries.get_mut(index) {
                *place = Some(entry.clone());
            }
        }
        entry.arm(self, deadline);
        entry
    }

    fn attach(self: &Rc<Self>, attach: Attach) {
        let Attach {
            peer,
            role,
            source,
            stream,
            inbox,
            head,
            response,
            first,
        } = attach;
        let carrier: Rc<dyn Carrier> = match source {
            #[cfg(unix)]
            Source::Socket(fd) => match super::carrier::Adopted::new(fd) {
                Ok(socket) => Rc::new(socket),
                Err(_) => {
                    inbox.stream_end(stream);
                    return self.ring_later(&inbox);
                }
            },
            Source::Stream => {
                let pumped = Rc::new(Pumped::new(stream, inbox.clone()));
                self.streams.borrow_mut().insert(stream, pumped.clone());
                pumped
            }
        };
        let entry = peer.map(|peer| self.open(peer));
        let link = Link::new(stream, inbox, entry.clone(), role, carrier);
        // A write of its own: some clients lose a frame that comes with the response.
        link.append(self, &[&response]);
        link.flush(self);
        match entry {
            Some(entry) => {
                *entry.link(role).borrow_mut() = Some(link.clone());
                for packet in &first {
                    link.packet(self, packet.as_packet());
                }
            }
            None => link.close(self, &[]),
        }
        tokio::task::spawn_local(link.serve(self.clone(), head));
    }

    fn command(self: &Rc<Self>, command: Command) {
        match command {
            Command::Run(bytes) => self.carry_out(&bytes),
            Command::Open(peer) => {
                self.open(peer);
            }
            Command::Attach(attach) => self.attach(*attach),
            Command::Feed(stream, bytes) => {
                if let Some(pumped) = self.streams.borrow().get(&stream) {
                    pumped.feed(&bytes);
                }
            }
            Command::Written(stream, n) => {
                if let Some(pumped) = self.streams.borrow().get(&stream) {
                    pumped.written(n);
                }
            }
            Command::Frame(handle, socket, packet) => {
                if let Some(entry) = self.entry(handle)
                    && let Some(link) = &*entry.link(socket).borrow()
                {
                    link.packet(self, packet.as_packet());
                }
            }
            Command::CloseSocket(handle, socket) => {
                if let Some(entry) = self.entry(handle)
                    && let Some(link) = entry.link(socket).take()
                {
                    link.close(self, &[]);
                }
            }
            Command::Rearm(handle) => {
                if let Some(entry) = self.entry(handle) {
                    entry.arm(self, lock(&entry.peer.inner).session.deadline());
                }
            }
            Command::Forget(handle) => self.forget(handle),
            Command::Resume => self.parked.take().into_iter().for_each(Waker::wake),
            Command::Leave(inbox) => self.leave(&inbox),
        }
    }

    fn leave(self: &Rc<Self>, inbox: &Arc<dyn Inbox>) {
        let gone: Vec<_> = self
            .entries
            .borrow()
            .iter()
            .flatten()
            .filter(|e| Arc::ptr_eq(&e.peer.inbox, inbox))
            .cloned()
            .collect();
        for entry in gone {
            entry.with(self, |session, _, now, out| session.close(true, now, out));
        }
        self.parked.take().into_iter().for_each(Waker::wake);
    }

    fn carry_out(self: &Rc<Self>, bytes: &[u8]) {
        self.run.set(self.run.get() + 1);
        let mut frame = Vec::new();
        for op in ops::Reader::new(bytes) {
            match op {
                Op::Text {
                    handle,
                    flags,
                    data,
                } => self.send(handle, flags, false, data),
                Op::Binary {
                    handle,
                    flags,
                    data,
                } => self.send(handle, flags, true, data),
                Op::Close { handle, flags } => self.session(handle, |session, _, now, out| {
                    session.close(flags & ops::DISCARD != 0, now, out);
                }),
                Op::Raw { handle, on } => {
                    if let Some(entry) = self.entry(Handle::from_raw(handle)) {
                        lock(&entry.peer.inner).messages.set_raw(on);
                    }
                }
                Op::Packet { handle, kind, data } => {
                    if let (Some(kind), Ok(text)) =
                        (Type::from_digit(kind), std::str::from_utf8(data))
                    {
                        self.session(handle, |session, _, _, out| {
                            session.send(Packet::Text(kind, text), out)
                        });
                    }
                }
                Op::Broadcast {
                    handles,
                    flags,
                    binary,
                    data,
                } => {
                    build_frame(&mut frame, binary, data);
                    for raw in handles.chunks_exact(4) {
                        let raw = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
                        self.deliver(raw, flags, binary, data, |link| {
                            link.append(self, &[&frame])
                        });
                    }
                }
            }
        }
    }

    fn session(
        self: &Rc<Self>,
        handle: u32,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut Effects<'_>),
    ) {
        if let Some(entry) = self.entry(Handle::from_raw(handle)) {
            entry.with(self, f);
        }
    }

    fn send(self: &Rc<Self>, handle: u32, flags: u8, binary: bool, data: &[u8]) {
        self.deliver(handle, flags, binary, data, |link| {
            if binary {
                link.frame(self, Opcode::Binary, &[], data);
            } else {
                link.frame(self, Opcode::Text, b"4", data);
            }
        });
    }

    /// Gives a message to the session's WebSocket through `queue`, or else to the session.
    fn deliver(
        self: &Rc<Self>,
        raw: u32,
        flags: u8,
        binary: bool,
        data: &[u8],
        queue: impl FnOnce(&Rc<Link>),
    ) {
        let handle = Handle::from_raw(raw);
        let entries = self.entries.borrow();
        let Some(Some(entry)) = entries.get(self.index(handle)) else {
            return;
        };
        if entry.peer.handle != handle {
            return;
        }
        if let Some(link) = &*entry.main.borrow() {
            if link.admits(flags, self.run.get()) {
                queue(link);
            }
            return;
        }
        let entry = entry.clone();
        drop(entries);
        if flags & ops::VOLATILE != 0 && !lock(&entry.peer.inner).session.is_poll_pending() {
            return;
        }
        entry.with(self, |session, _, _, out| {
            if binary {
                session.send(Packet::Binary(data.into()), out);
            } else if let Ok(text) = std::str::from_utf8(data) {
                session.send(Packet::Text(Type::Message, text), out);
            }
        });
    }

    /// Looks after the sessions that are due; returns when to do so next.
    fn tick(self: &Rc<Self>) -> Option<u64> {
        let now = runtime().now();
        let mut due = Vec::new();
        self.wheel
            .borrow_mut()
            .advance(now, &mut |token| due.push(token));
        for raw in due {
            let Some(entry) = self.entry(Handle::from_raw(raw)) else {
                continue;
            };
            if entry.armed.get() > now {
                continue;
            }
            entry.armed.set(u64::MAX);
            entry.with(self, |session, config, now, out| {
                if out.entry.peer.inbox.is_full() {
                    // Not read from, the client cannot show that it lives.
                    session.postpone(now, config.ping_timeout());
                }
                session.tick(config, now, out);
            });
        }
        self.settle();
        self.wheel.borrow().next_deadline()
    }

    /// A pumped stream is gone.
    pub fn forget_stream(&self, stream: u32) {
        self.streams.borrow_mut().remove(&stream);
    }
}

fn build_frame(frame: &mut Vec<u8>, binary: bool, data: &[u8]) {
    frame.clear();
    if binary {
        crate::ws::frame::write_header(frame, Opcode::Binary, data.len());
    } else {
        crate::ws::frame::write_header(frame, Opcode::Text, data.len() + 1);
        frame.push(b'4');
    }
    frame.extend_from_slice(data);
}

/// Runs an I/O thread; does not return.
pub async fn run(shared: Arc<Shared>, workers: usize) {
    let local = Local::new(shared, workers);
    tokio::task::spawn_local(keep_time(local.clone()));
    tokio::task::spawn_local(ring_bells(local.clone()));
    loop {
        local.shared.notify.notified().await;
        local.shared.notified.store(false, Ordering::Release);
        let commands = std::mem::take(&mut *lock(&local.shared.queue));
        for command in commands {
            // A fault in one command must not stop the thread that serves everybody.
            let attempt = std::panic::AssertUnwindSafe(|| local.command(command));
            if std::panic::catch_unwind(attempt).is_err() {
                local.count_panic();
            }
        }
        local.settle();
    }
}

async fn keep_time(local: Rc<Local>) {
    loop {
        let next = local.tick();
        let changed = local.timers.notified();
        match next {
            Some(at) => {
                let wait = Duration::from_millis(at.saturating_sub(runtime().now()));
                let _ = tokio::time::timeout(wait, changed).await;
            }
            None => changed.await,
        }
    }
}

async fn ring_bells(local: Rc<Local>) {
    loop {
        local.bell.notified().await;
        // Once around: what else has arrived travels with the same wake-up.
        tokio::task::yield_now().await;
        for inbox in local.bells.take() {
            inbox.ring();
        }
    }
}
