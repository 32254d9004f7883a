//! The task that serves a WebSocket: it reads until the end, writes bytes that the kernel did not
//! take at once, and passes packets and the end on to the session.

use std::future::{Future as _, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::config::{CLOSE_WAIT_MS, MAX_FRAGMENTS, READ_TURN_BYTES};
use crate::eio::packet::Packet;
use crate::eio::session::SocketRole;
use crate::error::{CloseReason, INTERNAL, Reason};
use crate::net::events::{DISCONNECT, OneRead, StreamEnd};
use crate::net::thread::NO_STREAM;
use crate::net::thread::conn::{State, WebSocketConn};
use crate::net::thread::state::IoThread;
use crate::ws::deflate::Inflater;
use crate::ws::reader::{Message, Stop};
use crate::ws::{self, frame::Opcode};

/// Bytes of a control frame beside its payload and its mask.
const CONTROL_HEADER: usize = 2;

/// Bytes waiting for a peer above which its pings are not answered any more.
const PONG_ROOM: usize = 64 << 10;

impl WebSocketConn {
    /// Serves the WebSocket until its connection ends. `head` came with the upgrade request.
    /// `inflater`: only if compression was agreed on.
    pub async fn serve(
        self: Rc<Self>,
        local: Rc<IoThread>,
        mut head: Vec<u8>,
        inflater: Option<Box<Inflater>>,
    ) {
        // Runs on every way out, a panic included.
        let _end = End {
            conn: &self,
            local: &local,
        };
        let mut reading = Reading {
            reader: ws::reader::Reader::default(),
            inflater,
            unread: Vec::new(),
        };
        let mut closing: Option<Pin<Box<tokio::time::Sleep>>> = None;
        self.take_bytes(&local, &mut reading, &mut head);
        drop(head);
        poll_fn(|cx| {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            self.poll(cx, &local, &mut reading, &mut closing)
        })
        .await;
    }

    fn poll(
        self: &Rc<Self>,
        cx: &mut Context<'_>,
        local: &Rc<IoThread>,
        reading: &mut Reading,
        closing: &mut Option<Pin<Box<tokio::time::Sleep>>>,
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
                return give_way(cx);
            }
            if !reading.unread.is_empty() {
                let mut bytes = std::mem::take(&mut reading.unread);
                turn += bytes.len();
                self.take_bytes(local, reading, &mut bytes);
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
            turn += n;
            self.count(n, 0);
            self.take_bytes(local, reading, bytes);
        }
    }

    /// Decodes bytes from the peer.
    fn take_bytes(self: &Rc<Self>, local: &Rc<IoThread>, reading: &mut Reading, bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
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
        let result = reader.feed_until(bytes, &limits, inflater.as_deref_mut(), |message| {
            self.take_message(local, message)?;
            match self.state.get() == State::Open && self.is_stopped() {
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
struct Reading {
    reader: ws::reader::Reader,
    inflater: Option<Box<Inflater>>,
    /// Bytes that were read from the connection and wait because too much is pending.
    unread: Vec<u8>,
}

/// Has the task polled again after the loop has looked at what other connections have.
fn give_way(cx: &mut Context<'_>) -> Poll<()> {
    // tokio wakes a task that yields behind the next look at its sockets.
    std::pin::pin!(tokio::task::yield_now()).poll(cx)
}

struct End<'a> {
    conn: &'a Rc<WebSocketConn>,
    local: &'a Rc<IoThread>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let fault = std::thread::panicking();
        if fault {
            self.local.count_panic();
        }
        let was = self.conn.state.replace(State::Dead);
        self.local.pending_writes.unblock(self.conn);
        self.conn.count_share(self.local, 0);
        let closure = if fault {
            INTERNAL
        } else {
            CloseReason::without_detail(Reason::TransportClose)
        };
        self.local.guard(|| self.conn.lost(self.local, closure));
        let (read, written) = self.conn.traffic();
        let how = if fault { "fails" } else { "ends" };
        (self.conn).say(|| format!("{how}: {read} bytes read, {written} written"));
        let end = StreamEnd {
            abort: matches!(was, State::Dead | State::Closing),
            read,
            written,
        };
        for stream in [self.conn.stream, self.conn.watch_stream.get()] {
            if stream != NO_STREAM {
                self.local.forget_stream(stream);
                self.conn.inbox.stream_end(stream, end);
            }
        }
        self.local.wake_later(&self.conn.inbox);
        self.local.guard(|| self.local.settle());
    }
}
