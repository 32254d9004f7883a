//! A session on its I/O thread: its WebSockets, and the output of its state machine there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::config::EngineConfig;
use crate::counters::{Lane, Transport};
use crate::eio::packet::Packet;
use crate::eio::payload::Payload;
use crate::eio::session::{Output, Session, SocketRole};
use crate::error::{CloseReason, QUEUE_FULL, SUM_FULL};
use crate::net::events::Note;
use crate::net::lock;
use crate::net::session::messages::Messages;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::post_rest::PostRest;
use crate::net::session::shared::{Inner, Post, SharedSession, Waiter};
use crate::net::session::slow_readers::{PollReader, Verdict};
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::state::IoThread;
use crate::ws::frame::Opcode;

/// The part of a session that only its I/O thread uses.
pub struct ThreadSession {
    /// The session.
    pub shared: Arc<SharedSession>,
    /// The counts of the thread in the engine.
    pub lane: Arc<Lane>,
    pub(in crate::net) main: RefCell<Option<Rc<WebSocketConn>>>,
    pub(in crate::net) probe: RefCell<Option<Rc<WebSocketConn>>>,
    /// The time at which the timer wheel next looks at it, in ms.
    pub(in crate::net) armed: Cell<u64>,
}

impl ThreadSession {
    /// The WebSocket of a part, if there is one.
    pub(in crate::net) fn conn(&self, role: SocketRole) -> &RefCell<Option<Rc<WebSocketConn>>> {
        match role {
            SocketRole::Main => &self.main,
            SocketRole::Probe => &self.probe,
        }
    }

    /// Removes a WebSocket. Returns false if it was not this session's any more.
    pub fn detach(&self, conn: &Rc<WebSocketConn>) -> bool {
        for place in [&self.main, &self.probe] {
            let mut place = place.borrow_mut();
            if place.as_ref().is_some_and(|own| Rc::ptr_eq(own, conn)) {
                *place = None;
                return true;
            }
        }
        false
    }

    /// True if the session is carried by this WebSocket.
    pub fn is_carried_by(&self, conn: &Rc<WebSocketConn>) -> bool {
        let main = self.main.borrow();
        main.as_ref().is_some_and(|own| Rc::ptr_eq(own, conn))
    }

    /// Calls `f` with the locked session, and judges its client and its deadline afterwards.
    pub fn with_session<R>(
        self: &Rc<Self>,
        local: &Rc<IoThread>,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut LocalOutput<'_>) -> R,
    ) -> R {
        let mut inner = lock(&self.shared.inner);
        let inner = &mut *inner;
        let mut effects = LocalOutput {
            local,
            entry: self,
            messages: &mut inner.messages,
            waiter: &mut inner.waiter,
            post: &mut inner.post,
            rest: &mut inner.rest,
            in_post: false,
        };
        let now = local.now();
        let result = f(
            &mut inner.session,
            &self.shared.engine.config,
            now,
            &mut effects,
        );
        match PollReader::verdict(&mut inner.reader, &inner.session, &self.shared, now) {
            Verdict::Fine | Verdict::Full => {}
            Verdict::BecameFull => local.full(self.shared.handle),
            Verdict::Over => {
                inner.session.end(QUEUE_FULL, &mut effects);
                PollReader::release(&mut inner.reader, &self.shared.engine);
            }
        }
        if PollReader::has_share(&inner.reader) {
            local.watch_sums(&self.shared);
        }
        self.arm(local, inner.deadline());
        local.wake_later(&self.shared.inbox);
        result
    }

    /// The bytes that wait for the next poll of the client, if any do, and true if it has taken nothing
    /// for `patience` ms.
    pub(in crate::net) fn stalled(&self, now: u64, patience: u64) -> Option<(usize, bool)> {
        let reader = &mut lock(&self.shared.inner).reader;
        reader.as_mut()?.stalled(&*self.shared.inbox, now, patience)
    }

    /// Ends a session that polls: too much waits for all clients, and the most for this one.
    pub(in crate::net) fn give_up(self: &Rc<Self>, local: &Rc<IoThread>) {
        self.with_session(local, |session, _, _, out| session.end(SUM_FULL, out));
    }

    /// Has the timers look at the session when its deadline comes.
    pub(in crate::net) fn arm(&self, local: &IoThread, deadline: Option<u64>) {
        if let Some(at) = deadline
            && at < self.armed.get()
        {
            self.armed.set(at);
            local
                .wheel
                .borrow_mut()
                .insert(self.shared.handle.raw(), at);
            local.timers.notify_one();
        }
    }
}

/// Carries out the output of a session on the thread that owns its WebSockets.
pub struct LocalOutput<'a> {
    local: &'a Rc<IoThread>,
    pub(in crate::net) entry: &'a Rc<ThreadSession>,
    messages: &'a mut Messages,
    waiter: &'a mut Option<Waiter>,
    post: &'a mut Option<Post>,
    rest: &'a mut Option<Box<PostRest>>,
    /// The packets of a POST are being decoded.
    in_post: bool,
}

impl LocalOutput<'_> {
    /// Decodes more of a POST that was received, as far as JavaScript keeps up and the rates of the
    /// connection allow.
    pub(in crate::net) fn push_rest(
        &mut self,
        session: &mut Session,
        config: &EngineConfig,
        now: u64,
    ) {
        if self.has_enough() {
            return;
        }
        let Some(mut rest) = self.rest.take() else {
            return;
        };
        self.in_post = true;
        let all = rest.decode(session, config, now, self);
        self.in_post = false;
        let shared = &self.entry.shared;
        if (!all || shared.pending.is_stopped()) && !session.is_closed() {
            *self.rest = Some(rest);
        } else {
            self.messages.end_request();
            rest.finish(shared.handle, &*shared.inbox);
        }
    }

    /// Counts bytes of the client that are no packet, at `now` in ms.
    pub(in crate::net) fn charge(&mut self, bytes: usize, now: u64) {
        self.entry.shared.charge(self.messages, false, bytes, now);
    }

    /// Tells JavaScript of a control frame of WebSocket, if it decodes the packets of the session.
    pub(in crate::net) fn control_frame(&self, opcode: Opcode, payload: &[u8]) {
        let shared = &self.entry.shared;
        shared.receive_control(self.messages, opcode, payload);
    }

    /// True if the session had stopped because of its rates and has to go on.
    pub(in crate::net) fn ends_pause(&mut self, now: u64) -> bool {
        self.entry.shared.ends_pause(self.messages, now)
    }
}

impl Output for LocalOutput<'_> {
    fn has_enough(&self) -> bool {
        self.entry.shared.is_over()
    }

    fn received(&mut self, packet: Packet<'_>) {
        let shared = &self.entry.shared;
        let lane = &self.entry.lane;
        if shared.receive(lane, self.messages, packet, || self.local.now()) {
            self.local.watch_sums(shared);
        }
    }

    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>) {
        let shared = &self.entry.shared;
        if shared.is_external(socket) {
            return shared.inbox.frame(shared.handle, socket, packet);
        }
        if let Some(conn) = &*self.entry.conn(socket).borrow() {
            conn.packet(self.local, packet);
        }
    }

    fn close_socket(&mut self, socket: SocketRole) {
        if let Some(conn) = self.entry.conn(socket).take() {
            conn.close(self.local, &[]);
        }
    }

    fn answer(&mut self, payload: Payload) {
        (self.entry.lane).sent_bytes(Transport::Polling, payload.len());
        match self.waiter.take() {
            // A poll whose connection is lost reports that to the session.
            Some(waiter) => drop(waiter.send((payload, true, PendingAnswer::begin()))),
            None => {
                let shared = &self.entry.shared;
                shared.inbox.answer(shared.handle, payload);
            }
        }
    }

    fn abort_post(&mut self) {
        let shared = &self.entry.shared;
        Inner::abort_post(self.post, shared.handle, &*shared.inbox);
    }

    fn pinging(&mut self) {
        if self.messages.decodes_in_js() {
            let shared = &self.entry.shared;
            shared.inbox.note(shared.handle, Note::Pinged);
        }
    }

    fn upgrading(&mut self) {
        let shared = &self.entry.shared;
        shared.inbox.note(shared.handle, Note::Upgrading);
    }

    fn upgrade_lost(&mut self) {
        let shared = &self.entry.shared;
        shared.inbox.note(shared.handle, Note::UpgradeLost);
        shared.say(|| "gave up an upgrade".into());
    }

    fn upgraded(&mut self) {
        let conn = self.entry.probe.take();
        if let Some(conn) = &conn {
            conn.promote();
        }
        *self.entry.main.borrow_mut() = conn;
        let shared = &self.entry.shared;
        shared.promote();
        shared.inbox.note(shared.handle, Note::Request);
        shared.inbox.note(shared.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: CloseReason) {
        let shared = &self.entry.shared;
        shared.ended(&closure);
        shared.forget(self.local.sessions.table());
        self.local.forget(shared.handle);
        Inner::drop_rest(self.rest, shared.handle, &*shared.inbox);
        self.messages.drop_held(&shared.engine);
        let told = self.in_post && self.messages.has_announced();
        shared.inbox.closed(shared.handle, &closure, told);
    }
}

#[cfg(test)]
mod tests;
