//! One WebSocket of a session: its framing, the bytes that wait to be written, and its end.

mod backlog;
mod compressed;
mod counted;
mod serving;

pub use self::serving::{Kept, Serving};

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::config::FIRST_PACKET_GAP_MS;
use crate::counters::Transport;
use crate::eio::encoding::PacketEncoding;
use crate::eio::packet::Packet;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::events::{EventSink, Note};
use crate::net::send_batch;
use crate::net::thread::NO_STREAM;
use crate::net::thread::session::ThreadSession;
use crate::net::thread::state::IoThread;
use crate::net::websocket::stream::ByteStream;
use crate::net::websocket::write_queue::{Queue, SharedFrame};
use crate::ws::deflate::{Deflater, Kind};
use crate::ws::{self, frame::Opcode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is queued; the peer's is awaited.
    Closing,
    /// Nothing is written after the queue; the peer's end is awaited, and its input is dropped:
    /// closing at once could destroy bytes that it has not read yet.
    Ending,
    /// The same, after everything was written.
    Ended,
    /// The connection is dropped at once.
    Dead,
    /// The serving task panics: a test has asked for it.
    Faulty,
}

/// The way in which an application ends the connection of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is written after the queue; the peer's end is awaited.
    Shutdown,
    /// The connection is closed after the bytes of the queue that the kernel takes at once, or
    /// after the whole queue if it was shut down before.
    Close,
    /// The connection is reset.
    Reset,
}

/// The form in which a message is written on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Uncompressed.
    Uncompressed,
    /// Compressed, with a context that belongs to the connection.
    Own,
    /// Compressed, and the same for all connections of this kind.
    Shared(Kind),
    /// Compressed, and the same for all connections of this kind with the same
    /// [`WebSocketConn::history`].
    SharedAfter(Kind),
}

/// One WebSocket connection.
pub struct WebSocketConn {
    /// The number by which JavaScript knows the connection.
    stream: u32,
    /// A second number, if JavaScript has named the connection later.
    watch_stream: Cell<u32>,
    inbox: Arc<dyn EventSink>,
    /// The session; none if the WebSocket was taken only to be closed.
    entry: Option<Rc<ThreadSession>>,
    role: Cell<SocketRole>,
    form: PacketEncoding,
    byte_stream: Rc<dyn ByteStream>,
    state: Cell<State>,
    /// The application has closed the connection, which ends with the queue.
    closing: Cell<bool>,
    queue: RefCell<Queue>,
    /// The share that the queue has in the sum of its engine, in bytes; only while the connection is
    /// blocked.
    share: Cell<usize>,
    /// Bytes of the queue that count as handed over. As with upstream, the first message of a tick
    /// is handed over by itself, the others of the tick once it is written, and messages that are
    /// sent while others wait once those are written.
    handed_bytes: Cell<usize>,
    /// Number of messages behind them.
    messages_behind: Cell<u32>,
    /// The tick of the last message.
    last_tick: Cell<u32>,
    /// True if the other messages of that tick count as handed over too.
    hands_over_tick: Cell<bool>,
    /// True while every message counts as handed over.
    hands_over_all: Cell<bool>,
    /// True if the kernel takes no more.
    blocked: Cell<bool>,
    /// True if what is queued waits for [`WebSocketConn::let_go`].
    held: Cell<bool>,
    /// True if JavaScript waits for [`Note::Drained`].
    notes_drained: Cell<bool>,
    /// True if the thread is going to flush the connection.
    is_marked: Cell<bool>,
    /// The send batch that queued a message last.
    last_batch: Cell<u64>,
    /// The volatile message under way is being dropped.
    drops_volatile: Cell<bool>,
    /// The value for [`IoThread::park`].
    parked: Cell<u64>,
    waker: RefCell<Option<Waker>>,
    /// Only if compression was agreed on.
    deflater: Option<Box<RefCell<Deflater>>>,
}

impl WebSocketConn {
    /// A WebSocket over `byte_stream`.
    pub fn new(
        stream: u32,
        inbox: Arc<dyn EventSink>,
        entry: Option<Rc<ThreadSession>>,
        role: SocketRole,
        form: PacketEncoding,
        byte_stream: Rc<dyn ByteStream>,
        deflater: Option<Deflater>,
    ) -> Rc<Self> {
        Rc::new(Self {
            stream,
            watch_stream: Cell::new(NO_STREAM),
            inbox,
            entry,
            role: Cell::new(role),
            form,
            byte_stream,
            state: Cell::new(State::Open),
            closing: Cell::new(false),
            queue: RefCell::default(),
            share: Cell::new(0),
            handed_bytes: Cell::new(0),
            messages_behind: Cell::new(0),
            last_tick: Cell::new(0),
            hands_over_tick: Cell::new(false),
            hands_over_all: Cell::new(false),
            blocked: Cell::new(false),
            held: Cell::new(false),
            notes_drained: Cell::new(false),
            is_marked: Cell::new(false),
            last_batch: Cell::new(0),
            drops_volatile: Cell::new(false),
            parked: Cell::new(0),
            waker: RefCell::default(),
            deflater: deflater.map(|deflater| Box::new(RefCell::new(deflater))),
        })
    }

    /// True if compression was agreed on.
    pub fn is_compressed(&self) -> bool {
        self.deflater.is_some()
    }

    /// Makes this the WebSocket that carries its session.
    pub fn promote(&self) {
        self.role.set(SocketRole::Main);
        // The kernel is asked first: only what it did not take counts as waiting.
        if self.blocked.get() || self.is_pumped() {
            self.publish_backlog(self.waiting());
        }
    }

    /// Bytes read and written; zero for a WebSocket without a session.
    fn traffic(&self) -> (u64, u64) {
        let entry = self.entry.as_ref();
        entry.map_or((0, 0), |entry| entry.shared.traffic.load())
    }

    fn count(&self, read: usize, written: usize) {
        if let Some(entry) = &self.entry {
            entry.shared.traffic.add(read as u64, written as u64);
            if read > 0 {
                entry.lane.received_bytes(Transport::WebSocket, read);
            }
            if written > 0 {
                entry.lane.sent_bytes(Transport::WebSocket, written);
            }
        }
    }

    /// Gives the connection a second number, by which its end is reported too.
    pub fn watch(&self, stream: u32) {
        self.watch_stream.set(stream);
    }

    /// Has the kernel probe an idle peer after `delay`; none: never.
    pub fn keep_alive(&self, delay: Option<Duration>) {
        self.byte_stream.keep_alive(delay);
    }

    /// The local and the remote address.
    pub fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.byte_stream.ends()
    }

    /// Ends the connection for the application.
    pub fn end(self: &Rc<Self>, local: &IoThread, how: End) {
        match how {
            End::Shutdown => self.leave(State::Ending),
            End::Close if self.state.get() == State::Ending => {
                self.closing.set(true);
                self.wake();
            }
            End::Close => {
                self.let_go(local);
                self.flush(local);
                self.kill();
            }
            End::Reset => {
                self.byte_stream.reset();
                self.kill();
            }
        }
    }

    /// The form in which a data message of `len` bytes is written.
    pub fn framing(&self, len: usize) -> Framing {
        let Some(deflater) = &self.deflater else {
            return Framing::Uncompressed;
        };
        let deflater = deflater.borrow();
        match deflater.shared_kind() {
            _ if !deflater.applies(len) => Framing::Uncompressed,
            Some(kind) => Framing::Shared(kind),
            None => deflater
                .kind_with_history(len)
                .map_or(Framing::Own, Framing::SharedAfter),
        }
    }

    /// Queues a message, compressed if it is to be.
    pub fn message(self: &Rc<Self>, local: &IoThread, opcode: Opcode, prefix: &[u8], data: &[u8]) {
        if self.framing(prefix.len() + data.len()) == Framing::Uncompressed {
            return self.frame(local, opcode, prefix, data);
        }
        if let Some(ticket) = self.compress_elsewhere(local, opcode, prefix, data) {
            return self.await_frame(local, ticket);
        }
        self.compress(opcode, prefix, data, |frame| self.append(local, frame));
    }

    /// Lends the frame of a message, compressed if that was agreed on.
    pub fn compress(
        &self,
        opcode: Opcode,
        prefix: &[u8],
        data: &[u8],
        then: impl FnOnce(&[&[u8]]),
    ) {
        if let Some(deflater) = &self.deflater
            && self.state.get() == State::Open
        {
            let mut deflater = deflater.borrow_mut();
            deflater.compress(opcode, &[prefix, data], then);
        }
    }

    /// Queues a frame as it is.
    pub fn frame(self: &Rc<Self>, local: &IoThread, opcode: Opcode, prefix: &[u8], data: &[u8]) {
        let (header, len) = ws::frame::header(opcode, prefix.len() + data.len());
        self.append(
            local,
            &[header.get(..len).unwrap_or_default(), prefix, data],
        );
    }

    /// Queues an Engine.IO packet.
    pub fn packet(self: &Rc<Self>, local: &IoThread, packet: Packet<'_>) {
        match packet {
            Packet::Text(kind, text) => {
                self.message(local, Opcode::Text, &[kind.digit() as u8], text.as_bytes());
            }
            Packet::Binary(bytes) => self.binary(local, &bytes),
        }
    }

    /// Queues a binary message in the form that its client takes.
    pub fn binary(self: &Rc<Self>, local: &IoThread, data: &[u8]) {
        let (prefix, data, is_text) = self.form.binary_message(data);
        let opcode = if is_text {
            Opcode::Text
        } else {
            Opcode::Binary
        };
        self.message(local, opcode, prefix, &data);
    }

    /// True if the frame of a binary message is the one that most connections get.
    pub fn sends_plain_binary(&self) -> bool {
        self.form.sends_plain_binary()
    }

    /// Queues bytes that are complete frames already.
    pub fn append(self: &Rc<Self>, local: &IoThread, pieces: &[&[u8]]) {
        if self.state.get() != State::Open {
            return;
        }
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        local.count_queued(bytes);
        let mut queue = self.queue.borrow_mut();
        let before = queue.len();
        queue.push(pieces, || local.spare_buffer());
        drop(queue);
        self.queued(local, before);
    }

    /// Queues a complete frame that other connections have too.
    pub fn share(self: &Rc<Self>, local: &IoThread, frame: &Arc<SharedFrame>) {
        if self.state.get() != State::Open {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        let before = queue.len();
        queue.share(frame.clone());
        drop(queue);
        self.queued(local, before);
    }

    /// True if a message sent with `flags` is to be queued. A volatile message is dropped while
    /// other bytes wait, from the same send batch or because the peer is slow.
    pub fn admits(&self, flags: u8, batch: u64) -> bool {
        if flags & send_batch::VOLATILE == 0 {
            return true;
        }
        if flags & send_batch::CONTINUED == 0 {
            let waiting = !self.queue.borrow().is_empty();
            self.drops_volatile
                .set(self.blocked.get() || waiting && self.last_batch.get() == batch);
        }
        !self.drops_volatile.get()
    }

    /// Queues a close frame and waits for the peer's.
    pub fn close(self: &Rc<Self>, local: &IoThread, payload: &[u8]) {
        if self.state.get() != State::Closing {
            self.frame(local, Opcode::Close, &[], payload);
        }
        self.leave(State::Closing);
    }

    /// Queues a control frame of the application; one that closes waits for the peer's.
    pub fn control(self: &Rc<Self>, local: &IoThread, opcode: Opcode, payload: &[u8]) {
        match opcode {
            Opcode::Close => self.close(local, payload),
            _ if self.state.get() == State::Open => self.frame(local, opcode, &[], payload),
            _ => {}
        }
    }

    /// True if the connection is about to be dropped.
    pub fn is_dead(&self) -> bool {
        self.state.get() == State::Dead
    }

    /// Drops the connection without a close frame.
    pub fn kill(&self) {
        self.leave(State::Dead);
    }

    /// Has the serving task panic, for a test.
    pub fn fail(&self) {
        self.leave(State::Faulty);
    }

    /// Ends the session because its client does not read, and drops the connection.
    pub fn overflow(self: &Rc<Self>, local: &Rc<IoThread>, closure: CloseReason) {
        self.lost(local, closure);
        *self.queue.borrow_mut() = Default::default();
        self.count_share(local, 0);
        self.kill();
    }

    fn leave(&self, state: State) {
        if self.state.get() != State::Dead {
            self.state.set(state);
        }
        self.wake();
    }

    /// Wakes the serving task.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn mark(self: &Rc<Self>, local: &IoThread) {
        if !self.blocked.get() && !self.is_marked.replace(true) {
            local.mark_dirty(self.clone());
        }
    }

    /// Holds back what is queued from now on, for [`FIRST_PACKET_GAP_MS`] at most.
    pub(in crate::net) fn hold_back(self: &Rc<Self>, local: &Rc<IoThread>) {
        self.held.set(true);
        local.pending_writes.hold(self);
        let (conn, local) = (self.clone(), local.clone());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(FIRST_PACKET_GAP_MS)).await;
            local.guard(|| conn.let_go(&local));
        });
    }

    /// Writes what `hold_back()` has held back.
    pub fn let_go(self: &Rc<Self>, local: &IoThread) {
        if !self.held.replace(false) {
            return;
        }
        local.pending_writes.let_go(self);
        if !self.is_dead() {
            self.flush(local);
            self.wake();
        }
    }

    /// Writes the queue, in one call where the kernel takes it.
    pub fn flush(self: &Rc<Self>, local: &IoThread) {
        self.is_marked.set(false);
        if self.blocked.get() || self.held.get() {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        while queue.is_writable() {
            match self.byte_stream.write(queue.front()) {
                Ok(n) if n > 0 => self.wrote(local, &mut queue, n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    drop(queue);
                    return self.block(local);
                }
                // The reading side finds out as well, and tells the session.
                _ => {
                    drop(queue);
                    return self.kill();
                }
            }
        }
        let waits = !queue.is_empty();
        drop(queue);
        if waits {
            return self.block(local);
        }
        if self.notes_drained.get() {
            self.written_through(local);
        }
    }

    /// Wakes JavaScript if it has to write for a stream that it pumps.
    fn pumped(&self, local: &IoThread) {
        if self.byte_stream.is_pumped() {
            local.wake_later(&self.inbox);
        }
    }

    /// Notes an event of the session, as long as this WebSocket carries it.
    fn note(self: &Rc<Self>, local: &IoThread, note: Note) {
        if let Some(entry) = &self.entry
            && entry.is_carried_by(self)
        {
            entry.shared.inbox.note(entry.shared.handle, note);
            local.wake_later(&self.inbox);
        }
    }

    /// The waiting half of [`WebSocketConn::flush`]; ready when everything is written.
    fn poll_flush(&self, cx: &mut Context<'_>, local: &IoThread) -> Poll<io::Result<()>> {
        let mut queue = self.queue.borrow_mut();
        while queue.is_writable() {
            let n = std::task::ready!(self.byte_stream.poll_write(cx, queue.front()))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(local, &mut queue, n);
        }
        match queue.is_empty() {
            true => Poll::Ready(Ok(())),
            // The thread that compresses the missing frame wakes the task.
            false => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
