//! Sessions from their opening to their end, as threads other than their own ask for it.

use std::sync::{Arc, Mutex};

use crate::counters::Bound;
use crate::eio::encoding::{PacketEncoding, Protocol};
use crate::eio::packet::Packet;
use crate::eio::payload::Payload;
use crate::eio::session::{Outgoing, Session, SocketRole};
use crate::error::CloseReason;
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::Runtime;
use crate::net::session::admission::AddressKey;
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::{Inner, SharedSession};
use crate::net::session::traffic::{Backlog, Traffic};
use crate::net::thread::{Attach, Command};

/// The reason for which there is no session more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// A bound of the engine.
    OfEngine(Bound),
    /// The process has no handle left.
    OfProcess,
}

/// The beginning of a session.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The encoding of its packets.
    pub form: PacketEncoding,
    /// It begins on a WebSocket.
    pub websocket: bool,
    /// JavaScript serves its WebSockets.
    pub external: bool,
    /// JavaScript decodes its packets.
    pub decode_in_js: bool,
    /// Its id.
    pub sid: &'a str,
    /// The address that it counts for, if addresses are limited.
    pub address: Option<AddressKey>,
    /// The limits on sessions are still to be looked at.
    pub is_checked: bool,
    /// It lives on the JavaScript thread, which reads and writes its connections.
    pub inline: bool,
}

impl Runtime {
    /// Makes a session, whose transport is attached or polled next.
    ///
    /// # Errors
    /// There are too many.
    pub fn open(
        &self,
        inbox: Arc<dyn EventSink>,
        engine: Arc<SharedEngine>,
        opening: Opening<'_>,
    ) -> Result<Arc<SharedSession>, TooMany> {
        let shared = self.create(inbox, engine, opening)?;
        if !opening.websocket || opening.external {
            self.start_session(&shared);
        }
        Ok(shared)
    }

    /// Makes a session without its thread. [`Runtime::start_session`] or [`Runtime::attach`] is to
    /// be called before its thread gets other commands for it, which would be lost.
    ///
    /// # Errors
    /// There are too many.
    pub fn create(
        &self,
        inbox: Arc<dyn EventSink>,
        engine: Arc<SharedEngine>,
        opening: Opening<'_>,
    ) -> Result<Arc<SharedSession>, TooMany> {
        let Opening {
            form,
            websocket,
            external,
            decode_in_js,
            sid,
            address,
            is_checked,
            inline,
        } = opening;
        let (now, turn) = (self.now(), inbox.turns());
        let session = Session::new(form, websocket, &engine.config, now);
        let admission_of = engine.clone();
        let seat = (engine
            .admission
            .enter(&engine.config.admission, address, is_checked))
        .map_err(TooMany::OfEngine)?;
        let mut seat = Some(seat);
        let made = self.table().insert(|handle| {
            let handle = handle.on_thread(inline);
            // Listeners speak protocol 4 only.
            let known = form.protocol == Protocol::V4;
            let sid = known.then(|| engine.sids().insert(sid, handle)).flatten();
            Arc::new(SharedSession {
                handle,
                inbox,
                engine,
                external: external.into(),
                carried: Default::default(),
                traffic: Traffic::default(),
                backlog: Backlog::default(),
                pending: Default::default(),
                sid,
                seat: seat.take().unwrap_or_default(),
                inner: Mutex::new(Inner::new(session, decode_in_js, now, turn)),
            })
        });
        if let Some(seat) = seat {
            admission_of.admission.leave(&seat);
        }
        made.ok_or(TooMany::OfProcess)
    }

    /// Has the session's thread run its timers. For a session that has no WebSocket yet.
    pub fn start_session(&self, shared: &Arc<SharedSession>) {
        let deadline = lock(&shared.inner).deadline();
        self.send_due(shared, deadline, Command::Open(shared.clone()));
    }

    /// Hands a WebSocket over to the thread of its session.
    pub fn attach(&self, attach: Attach) {
        let shared = attach.shared.clone();
        let command = Command::Attach(Box::new(attach));
        match shared {
            Some(shared) => self.send_home(&shared, command),
            None => self.send(0, command),
        }
    }

    /// Begins an upgrade of the session. Returns false if none may begin. `external`: JavaScript
    /// serves the WebSocket.
    pub fn upgrade(&self, shared: &Arc<SharedSession>, external: bool) -> bool {
        let mut inner = lock(&shared.inner);
        let granted = inner.session.upgrade(&shared.engine.config, self.now());
        if granted {
            shared.offer(external);
        }
        drop(inner);
        if granted {
            shared.say(|| "is offered a connection to move to".into());
            self.send_home(shared, Command::Rearm(shared.handle));
        }
        granted
    }

    /// Handles a message of a WebSocket that JavaScript serves; `None` if it cannot be decoded.
    /// Returns the answer to the pending poll.
    pub fn receive(
        &self,
        handle: Handle,
        socket: SocketRole,
        packet: Option<Packet<'_>>,
    ) -> Option<Payload> {
        self.with_session(handle, |session, config, now, out| {
            // The packets of a POST come first.
            out.is_bounded = false;
            out.push_rest(session, config, now);
            if let Some(socket) = out.role_of(socket, session) {
                session.receive_on(socket, packet, config, now, out);
                out.tell_if_over();
            }
        })?
        .1
    }

    /// JavaScript has received all messages of the session that it held back.
    pub fn caught_up(&self, handle: Handle) {
        self.with_session(handle, |session, config, now, out| {
            out.ends_holding();
            session.postpone(now, config.ping_timeout());
        });
    }

    /// Handles the end of a WebSocket that JavaScript serves.
    pub fn lost(&self, handle: Handle, socket: SocketRole, closure: CloseReason) {
        self.with_session(handle, |session, _, _, out| {
            if let Some(socket) = out.role_of(socket, session) {
                session.lost(socket, closure, out);
            }
        });
    }

    /// Closes a session. Returns true if it has ended, and the answer to its pending poll.
    pub fn close(&self, handle: Handle, discard: bool) -> (bool, Option<Payload>) {
        let closed = self.with_session(handle, |session, _, now, out| {
            session.close(discard, now, out);
            session.is_closed()
        });
        closed.unwrap_or((true, None))
    }

    /// True if a poll of the session waits for packets.
    pub fn is_poll_pending(&self, handle: Handle) -> bool {
        let shared = self.table().get(handle);
        shared.is_some_and(|shared| lock(&shared.inner).session.is_poll_pending())
    }

    /// Counts a request of the session, or a connection with one, that is on its way to JavaScript.
    /// Returns the session's handle; `None` if it has ended.
    pub fn hand_over(&self, handle: Handle) -> Option<Handle> {
        let shared = self.table().get(handle)?;
        lock(&shared.inner).handed_over += 1;
        Some(handle)
    }

    /// Counts a request of the session that JavaScript has received.
    pub fn taken_over(&self, handle: Handle) {
        if let Some(shared) = self.table().get(handle) {
            let mut inner = lock(&shared.inner);
            inner.handed_over = inner.handed_over.saturating_sub(1);
        }
    }

    /// Leaves the polls of the session to JavaScript, from the next one on. `show` gets the packets
    /// that wait for it.
    pub fn watch_polls(&self, handle: Handle, show: impl FnOnce(&[Outgoing])) {
        if let Some(shared) = self.table().get(handle) {
            let mut inner = lock(&shared.inner);
            inner.watched = true;
            show(inner.session.waiting());
            drop(inner);
            shared.polls_in_js();
        }
    }

    /// Has packets of the session decoded in JavaScript from now on (`decode_in_js`), or natively
    /// again.
    pub fn set_decode_in_js(&self, handle: Handle, decode_in_js: bool) {
        if let Some(shared) = self.table().get(handle) {
            lock(&shared.inner).messages.set_decode_in_js(decode_in_js);
        }
    }
}
