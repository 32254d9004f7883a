//! The task that serves a WebSocket: it reads until the end, writes bytes that the kernel did not
//! take at once, and passes packets and the end on to the session.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use crate::config::{CLOSE_WAIT_MS, MAX_FRAGMENTS, READ_TURN_BYTES};
use crate::eio::packet::Packet;
use crate::eio::session::SocketRole;
use crate::error::{CloseReason, INTERNAL, Reason};
use crate::net::events::{DISCONNECT, OneRead, StreamEnd};
use crate::net::thread::conn::counted::CountedConn;
use crate::net::thread::conn::{State, WebSocketConn};
use crate::net::thread::state::IoThread;
use crate::net::thread::trim::Trim;
use crate::net::thread::{NO_STREAM, OpenConnection};
use crate::ws::deflate::Inflater;
use crate::ws::reader::{Message, Stop};
use crate::ws::{self, frame::Opcode};

/// Bytes of a control frame beside its payload and its mask.
const CONTROL_HEADER: usize = 2;

/// Bytes waiting for a peer above which its pings are not answered any more.
const PONG_ROOM: usize = 64 << 10;

impl WebSocketConn {
    /// The task that serves the WebSocket until its connection ends. `head` came with the upgrade
    /// request. `inflater`: only if compression was agreed on. `kept` goes at the end.
    pub fn serve(
        self: Rc<Self>,
        local: Rc<IoThread>,
        head: Vec<u8>,
        inflater: Option<Box<Inflater>>,
        kept: Option<Kept>,
    ) -> Serving {
        Serving {
            conn: self,
            local,
            reading: Reading {
                reader: ws::reader::Reader::default(),
                inflater,
                unread: head,
            },
            closing: None,
            kept,
            stage: Stage::New,
        }
    }

    fn poll(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        local: &Rc<IoThread>,
        reading: &mut Reading,
        closing: &mut Option<Pin<Box<Sleep>>>,
    ) -> Poll<()> {
        if self.blocked.get() {
            match self.poll_flush(cx, local) {
                Poll::Ready(Ok(())) => self.unblock(local),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        let mut turn = 0;
        loop {
            match self.state.get() {
                State::Dead => return Poll::Ready(()),
                State::Faulty => panic!("a panic that a test has asked for"),
                State::Ending if self.queue.borrow().is_empty() => {
                    if self.closing.get() || !self.byte_stream.shutdown() {
                        return Poll::Ready(());
                    }
                    self.pumped(local);
                    self.state.set(State::Ended);
                    continue;
                }
                State::Open if self.inbox.is_full() => {
                    local.park(cx.waker(), &self.parked);
                    return Poll::Pending;
                }
                // The session wakes its connections when JavaScript has caught up.
                State::Open if self.is_stopped() => return Poll::Pending,
                State::Open => {}
                State::Closing | State::Ending | State::Ended => {
                    let wait = closing.get_or_insert_with(|| {
                        Box::pin(tokio::time::sleep(Duration::from_millis(CLOSE_WAIT_MS)))
                    });
                    if wait.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(());
                    }
                }
            }
            if self.state.get() == State::Ending {
                return Poll::Pending;
            }
            if turn >= READ_TURN_BYTES {
                return local.give_way(cx);
            }
            if !reading.unread.is_empty() {
                let mut bytes = std::mem::take(&mut reading.unread);
                turn += self.take_bytes(local, reading, &mut bytes);
                continue;
            }
            let mut buffer = local.read_buffer();
            let read = self.byte_stream.poll_read(cx, &mut buffer);
            self.pumped(local);
            let n = match std::task::ready!(read) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(n) => n,
            };
            let Some(bytes) = buffer.get_mut(..n) else {
                return Poll::Ready(());
            };
            self.count(n, 0);
            turn += self.take_bytes(local, reading, bytes);
        }
    }

    /// Decodes bytes from the peer. Returns their number, or that of the bytes that they became, if it is
    /// larger.
    fn take_bytes(
        self: &Rc<Self>,
        local: &Rc<IoThread>,
        reading: &mut Reading,
        bytes: &mut [u8],
    ) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        let leaves = reading.reader.may_hold_behind(bytes, DISCONNECT);
        let one_read = leaves.then(|| OneRead::begin(&*self.inbox));
        let limits = ws::reader::Limits {
            max_message: (self.entry.as_ref()).map_or(1, |e| e.shared.engine.config.max_message()),
            max_fragments: MAX_FRAGMENTS,
        };
        let Reading {
            reader,
            inflater,
            unread,
        } = reading;
        let mut decoded = 0;
        let result = reader.feed_until(bytes, &limits, inflater.as_deref_mut(), |message| {
            decoded += message.payload().len();
            self.take_message(local, message)?;
            let is_turn_over = decoded >= READ_TURN_BYTES;
            match self.state.get() == State::Open && (is_turn_over || self.is_stopped()) {
                true => ControlFlow::Break(Stop::Pause),
                false => ControlFlow::Continue(()),
            }
        });
        if let Ok(left) = result
            && left > 0
        {
            *unread = bytes[bytes.len() - left..].to_vec();
        } else if let Err(error) = result {
            self.count_violation(error);
            let closure = CloseReason {
                reason: Reason::TransportError,
                detail: Some(error.description().into()),
            };
            self.lost(local, closure);
            self.close(local, &error.code().to_be_bytes());
            self.leave(State::Ending);
        }
        drop(one_read);
        local.settle();
        bytes.len().max(decoded)
    }

    fn take_message(
        self: &Rc<Self>,
        local: &Rc<IoThread>,
        message: Message<'_>,
    ) -> ControlFlow<Stop> {
        match message {
            Message::Close(_, payload) => {
                if self.state.get() == State::Open {
                    self.show_control(local, Opcode::Close, payload);
                    self.lost(local, CloseReason::without_detail(Reason::TransportClose));
                    self.frame(local, Opcode::Close, &[], payload);
                }
                self.leave(State::Ending);
                return ControlFlow::Break(Stop::End);
            }
            _ if self.state.get() != State::Open => {}
            Message::Ping(data) => {
                self.charge(local, data.len());
                let queue = self.queue.borrow();
                let room = queue.len() < PONG_ROOM;
                drop(queue);
                if room {
                    self.frame(local, Opcode::Pong, &[], data);
                }
                self.show_control(local, Opcode::Ping, data);
            }
            Message::Pong(data) => {
                self.charge(local, data.len());
                self.show_control(local, Opcode::Pong, data);
            }
            Message::Text(text) => self.receive(local, self.form.decode(text).ok()),
            Message::Binary(bytes) => self.receive(local, Some(self.form.decode_binary(bytes))),
        }
        ControlFlow::Continue(())
    }

    fn receive(self: &Rc<Self>, local: &Rc<IoThread>, packet: Option<Packet<'_>>) {
        let Some(entry) = &self.entry else {
            return;
        };
        let role = self.role.get();
        entry.with_session(local, |session, config, now, out| {
            session.receive_on(role, packet, config, now, out);
        });
    }

    /// Counts a control frame, if the bytes of the connection are limited.
    fn charge(self: &Rc<Self>, local: &Rc<IoThread>, payload: usize) {
        if let Some(entry) = &self.entry
            && entry.shared.engine.config.pace.is_any()
        {
            entry.with_session(local, |_, _, now, out| {
                out.charge(payload + CONTROL_HEADER, now)
            });
        }
    }

    /// Tells JavaScript of a control frame of the WebSocket that carries the session, if it listens.
    fn show_control(self: &Rc<Self>, local: &Rc<IoThread>, opcode: Opcode, payload: &[u8]) {
        if self.role.get() == SocketRole::Main
            && let Some(entry) = &self.entry
        {
            entry.with_session(local, |_, _, _, out| out.control_frame(opcode, payload));
        }
    }

    /// True if the session has so much pending that nothing more is to be read. The connection is
    /// woken when reading goes on.
    fn is_stopped(&self) -> bool {
        let Some(entry) = &self.entry else {
            return false;
        };
        entry.shared.is_over()
    }

    /// Removes this WebSocket from its session, which ends or gives up an upgrade.
    pub(in crate::net) fn lost(self: &Rc<Self>, local: &Rc<IoThread>, closure: CloseReason) {
        if let Some(entry) = &self.entry
            && entry.detach(self)
        {
            let role = self.role.get();
            entry.with_session(local, |session, _, _, out| session.lost(role, closure, out));
        }
    }
}

/// The reading half of a WebSocket.
#[derive(Default)]
struct Reading {
    reader: ws::reader::Reader,
    inflater: Option<Box<Inflater>>,
    /// Bytes that were read from the connection, and are yet to be decoded.
    unread: Vec<u8>,
}

/// Kept for a WebSocket while it is served.
pub struct Kept {
    /// Told when a connection with compression has ended.
    pub trim: Option<Rc<Trim>>,
    /// The connection in the counts of its engine.
    pub counted: CountedConn,
    /// The connection in the counts of its listener.
    pub open: Option<OpenConnection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Never polled.
    New,
    Waiting,
    /// Being polled; it stays at this when that panics.
    Polled,
    Ended,
}

/// The task that serves a WebSocket. A type of its own: an `async` function holds its arguments twice,
/// and each idle connection has one of these.
pub struct Serving {
    conn: Rc<WebSocketConn>,
    local: Rc<IoThread>,
    reading: Reading,
    closing: Option<Pin<Box<Sleep>>>,
    kept: Option<Kept>,
    stage: Stage,
}

impl Future for Serving {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.stage = Stage::Polled;
        *this.conn.waker.borrow_mut() = Some(cx.waker().clone());
        let conn = &this.conn;
        let result = conn.poll(cx, &this.local, &mut this.reading, &mut this.closing);
        this.stage = Stage::Waiting;
        if result.is_ready() {
            this.end();
        }
        result
    }
}

impl Serving {
    /// The connection has ended, or serving it has panicked.
    fn end(&mut self) {
        let fault = std::mem::replace(&mut self.stage, Stage::Ended) == Stage::Polled;
        let Self {
            conn,
            local,
            reading,
            ..
        } = self;
        *reading = Reading::default();
        if fault {
            local.count_panic();
        }
        let was = conn.state.replace(State::Dead);
        local.pending_writes.unblock(conn);
        conn.count_share(local, 0);
        let closure = if fault {
            INTERNAL
        } else {
            CloseReason::without_detail(Reason::TransportClose)
        };
        local.guard(|| conn.lost(local, closure));
        let (read, written) = conn.traffic();
        let how = if fault { "fails" } else { "ends" };
        conn.say(|| format!("{how}: {read} bytes read, {written} written"));
        let end = StreamEnd {
            abort: matches!(was, State::Dead | State::Closing),
            read,
            written,
        };
        for stream in [conn.stream, conn.watch_stream.get()] {
            if stream != NO_STREAM {
                local.forget_stream(stream);
                conn.inbox.stream_end(stream, end);
            }
        }
        local.wake_later(&conn.inbox);
        local.guard(|| local.settle());
        if let Some(Kept {
            trim: Some(trim), ..
        }) = self.kept.take()
        {
            trim.compressed_ended();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The loop drops the task when it has panicked.
        if matches!(self.stage, Stage::Waiting | Stage::Polled) {
            self.end();
        }
    }
}
