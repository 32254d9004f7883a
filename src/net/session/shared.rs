//! One session as all threads share it: the state machine and the packet decoder under one lock,
//! because polls reach it from the JavaScript thread and WebSockets from an I/O thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::counters::{Bound, Lane};
use crate::eio::packet::{Packet, Type};
use crate::eio::payload::Payload;
use crate::eio::session::{Session, SocketRole};
use crate::net::events::{EventSink, Note};
use crate::net::handle::Handle;
use crate::net::session::admission::Seat;
use crate::net::session::carried::Carried;
use crate::net::session::engine::SharedEngine;
use crate::net::session::messages::Messages;
use crate::net::session::pending::Pending;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::post_rest::PostRest;
use crate::net::session::sid_index::Sid;
use crate::net::session::slow_readers::PollReader;
use crate::net::session::table::Table;
use crate::net::session::traffic::{Backlog, Traffic};
use crate::ws::frame::Opcode;

/// The part of a session that all threads share.
pub struct SharedSession {
    /// The handle by which both sides of the boundary name the session.
    pub handle: Handle,
    /// The environment that the session belongs to.
    pub inbox: Arc<dyn EventSink>,
    /// The engine that it belongs to, with the options.
    pub engine: Arc<SharedEngine>,
    /// Its id, if listeners look it up.
    pub sid: Option<Sid>,
    /// The WebSockets that JavaScript serves.
    pub external: External,
    /// The transport that it is counted for.
    pub carried: Carried,
    /// Bytes on the connection of its WebSocket.
    pub traffic: Traffic,
    /// The bytes and messages that wait on that connection.
    pub backlog: Backlog,
    /// The cost of what JavaScript has not worked off.
    pub pending: Pending,
    /// Its place among the sessions of the engine.
    pub seat: Seat,
    /// Everything that changes.
    pub inner: Mutex<Inner>,
}

impl SharedSession {
    /// True if JavaScript serves a WebSocket of the session: one of the option `wsEngine`, or a
    /// stream of WebTransport in its place.
    pub fn is_external(&self, socket: SocketRole) -> bool {
        self.external.of(socket).load(Ordering::Acquire)
    }

    /// True if so much of the session waits for JavaScript that no more is to be read of it.
    /// [`Runtime::worked_off`](crate::net::runtime::Runtime::worked_off) has reading go on.
    pub fn is_over(&self) -> bool {
        if self.pending.is_stopped() {
            return true;
        }
        let bound = || self.engine.config.max_pending().min(self.inbox.room());
        let stops = self.pending.stops(bound);
        if stops {
            self.counters().reached(Bound::PendingOfClient);
        }
        stops
    }

    /// A WebSocket is offered to the session; `external`: JavaScript serves it.
    pub(in crate::net) fn offer(&self, external: bool) {
        self.external.probe.store(external, Ordering::Release);
    }

    /// Gives a packet of the client to JavaScript, and counts its cost until that has worked it off.
    /// `lane`: of the calling thread; `now`: the clock. Returns true if it waits for attachments, so that
    /// the sum of those may be too large.
    pub(in crate::net) fn receive(
        &self,
        lane: &Lane,
        messages: &mut Messages,
        packet: Packet<'_>,
        now: impl FnOnce() -> u64,
    ) -> bool {
        if let (Packet::Text(Type::Message, _) | Packet::Binary(_), Some(via)) =
            (&packet, self.transport())
        {
            lane.received(via);
        }
        if self.engine.config.pace.is_any() {
            let (is_event, bytes) = match &packet {
                Packet::Text(kind, text) => (*kind == Type::Message, text.len() + 1),
                Packet::Binary(bytes) => (messages.counts_binary, bytes.len()),
            };
            self.charge(messages, is_event, bytes, now());
        }
        let before = messages.held();
        let cost = messages.receive(packet, self.handle, &self.engine, &*self.inbox);
        if cost > 0 {
            self.pending.add(cost);
        }
        let held = messages.held();
        if held != before {
            self.engine.attachments.replace(before, held);
        }
        held > 0
    }

    /// Tells JavaScript of a control frame of WebSocket, if it decodes the packets of the session.
    pub(in crate::net) fn receive_control(
        &self,
        messages: &Messages,
        opcode: Opcode,
        payload: &[u8],
    ) {
        if messages.decodes_in_js() {
            let cost = self.inbox.control_frame(self.handle, opcode, payload);
            self.pending.add(cost);
        }
    }

    /// Counts what the client has sent, at `now` in ms: an event or none, and bytes.
    pub(in crate::net) fn charge(
        &self,
        messages: &mut Messages,
        is_event: bool,
        bytes: usize,
        now: u64,
    ) {
        let pace = messages.pace.get_or_insert_default();
        let limits = &self.engine.config.pace;
        if let Some(bound) = pace.charge(limits, is_event.into(), bytes as u64, now) {
            self.pending.set_paced(true);
            self.engine.counters.reached(bound);
        }
    }

    /// Looks whether the rates of the connection allow more, at `now` in ms. Returns true if reading
    /// had stopped because of them and has to go on.
    pub(in crate::net) fn ends_pause(&self, messages: &mut Messages, now: u64) -> bool {
        let Some(pace) = &mut messages.pace else {
            return false;
        };
        if pace.until().is_none() || !pace.goes_on(&self.engine.config.pace, now) {
            return false;
        }
        self.pending.set_paced(false);
        true
    }

    /// The WebSocket that was offered carries the session from now on.
    pub(in crate::net) fn promote(&self) {
        let external = self.is_external(SocketRole::Probe);
        self.external.main.store(external, Ordering::Release);
        self.moved(external);
    }

    /// Removes the session, which has ended, from the table and its id from the engine.
    pub(in crate::net) fn forget(&self, table: &Table) {
        table.remove(self.handle);
        self.engine.admission.leave(&self.seat);
        if let Some(sid) = &self.sid {
            self.engine.sids().remove(sid, self.handle);
        }
    }
}

impl Drop for SharedSession {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.messages.drop_held(&self.engine);
        PollReader::release(&mut inner.reader, &self.engine);
    }
}

/// The WebSockets that JavaScript serves, by their part; see [`SharedSession::is_external`].
#[derive(Debug)]
pub struct External {
    main: AtomicBool,
    probe: AtomicBool,
    /// JavaScript holds messages back that it has read, until the session may go on.
    holds: AtomicBool,
}

impl External {
    /// Notes that JavaScript holds messages back, or has received all of them.
    pub fn set_holding(&self, holds: bool) {
        self.holds.store(holds, Ordering::Release);
    }

    /// True if JavaScript holds messages back that it has read.
    pub fn is_holding(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    const fn of(&self, socket: SocketRole) -> &AtomicBool {
        match socket {
            SocketRole::Main => &self.main,
            SocketRole::Probe => &self.probe,
        }
    }
}

impl From<bool> for External {
    fn from(external: bool) -> Self {
        Self {
            main: external.into(),
            probe: external.into(),
            holds: AtomicBool::new(false),
        }
    }
}

/// The answer to a poll that waits on an I/O thread: the payload, and true if it may be compressed.
pub type Answer = (Payload, bool, PendingAnswer);
/// The sending end for the answer to a pending poll.
pub type Waiter = oneshot::Sender<Answer>;

/// The POST of a session that is being received.
pub enum Post {
    /// By an I/O thread; dropping the sender ends that.
    Here(oneshot::Sender<()>),
    /// By JavaScript.
    InJavaScript,
}

/// The part of a [`SharedSession`] behind the lock.
pub struct Inner {
    /// The Engine.IO side.
    pub session: Session,
    /// The Socket.IO side.
    pub messages: Messages,
    /// The pending poll, if it waits on an I/O thread.
    pub waiter: Option<Waiter>,
    /// The POST that is being received.
    pub post: Option<Post>,
    /// The POST that was received and of which JavaScript has yet to take packets.
    pub rest: Option<Box<PostRest>>,
    /// JavaScript wants to see the polls.
    pub watched: bool,
    /// The number of requests of the session on their way to JavaScript. Later ones go there too,
    /// or they would overtake them.
    pub handed_over: u32,
    /// The progress of its client with what waits for polls; none once it does not poll.
    pub reader: Option<Box<PollReader>>,
}

impl Inner {
    /// The state of a new session, at `now` in ms and in a turn of JavaScript's event loop.
    /// `decode_in_js`: JavaScript decodes its packets.
    pub fn new(session: Session, decode_in_js: bool, now: u64, turn: u64) -> Self {
        let messages = Messages::new(decode_in_js);
        let reader = (!session.is_websocket()).then(|| Box::new(PollReader::new(now, turn)));
        Self {
            session,
            messages,
            waiter: None,
            post: None,
            rest: None,
            watched: false,
            handed_over: 0,
            reader,
        }
    }

    /// The time, in ms, at which the timers have to look at the session; `None` once it has ended.
    pub fn deadline(&self) -> Option<u64> {
        let at = self.session.deadline()?;
        let paced = self.messages.pace.as_ref().and_then(|pace| pace.until());
        Some(paced.map_or(at, |until| at.min(until)))
    }

    /// The session has ended: no more packets of a POST are decoded.
    pub fn drop_rest(rest: &mut Option<Box<PostRest>>, handle: Handle, inbox: &dyn EventSink) {
        if let Some(rest) = rest.take() {
            rest.finish(handle, inbox);
        }
    }

    /// Gives up the POST that is being received.
    pub fn abort_post(post: &mut Option<Post>, handle: Handle, inbox: &dyn EventSink) {
        match post.take() {
            Some(Post::Here(receiving)) => drop(receiving),
            Some(Post::InJavaScript) => inbox.note(handle, Note::PostAborted),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
