//! Operations on a session anywhere but on the thread of its WebSockets.

use std::sync::Arc;

use crate::config::EngineConfig;
use crate::counters::Transport;
use crate::eio::packet::Packet;
use crate::eio::payload::Payload;
use crate::eio::session::{Output, Poll, Session, SocketRole};
use crate::error::{CloseReason, QUEUE_FULL};
use crate::net::events::Note;
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::Runtime;
use crate::net::session::engine::watcher_of;
use crate::net::session::messages::Messages;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::post_rest::{Body, PostRest};
use crate::net::session::shared::{Inner, Post, SharedSession, Waiter};
use crate::net::session::slow_readers::{PollReader, Verdict};
use crate::net::thread::Command;

impl Runtime {
    pub(super) fn with_session<R>(
        &self,
        handle: Handle,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut RemoteOutput<'_>) -> R,
    ) -> Option<(R, Option<Payload>)> {
        let shared = self.table().get(handle)?;
        let mut inner = lock(&shared.inner);
        let inner = &mut *inner;
        let before = inner.deadline();
        let mut caller = RemoteOutput {
            runtime: self,
            shared: &shared,
            messages: &mut inner.messages,
            waiter: &mut inner.waiter,
            post: &mut inner.post,
            rest: &mut inner.rest,
            is_bounded: true,
            is_here: false,
            compress: true,
            answer: None,
        };
        let now = self.now();
        let result = f(&mut inner.session, &shared.engine.config, now, &mut caller);
        match PollReader::verdict(&mut inner.reader, &inner.session, &shared, now) {
            Verdict::Fine | Verdict::Full => {}
            Verdict::BecameFull => self.send_home(&shared, Command::Full(handle)),
            Verdict::Over => {
                inner.session.end(QUEUE_FULL, &mut caller);
                PollReader::release(&mut inner.reader, &shared.engine);
            }
        }
        if PollReader::has_share(&inner.reader) {
            self.watch_sums(&shared);
        }
        let answer = caller.answer;
        let deadline = inner.deadline();
        if deadline.is_some_and(|at| Some(at) < before) {
            self.send_due(&shared, deadline, Command::Rearm(handle));
        }
        Some((result, answer))
    }
}

impl Runtime {
    /// Has the thread of a session watch the sums of its engine, if they come near their bounds.
    fn watch_sums(&self, shared: &SharedSession) {
        let handle = shared.handle;
        let watcher = watcher_of(handle, self.threads());
        if shared.engine.is_crowded() && !shared.engine.is_watched_by(watcher) {
            self.send_home(shared, Command::Full(handle));
        }
    }
}

/// Carries out the output of a session anywhere but on the thread of its WebSockets: an answer to a
/// poll is returned, and requests that concern WebSockets go to the thread that owns them.
pub(super) struct RemoteOutput<'a> {
    runtime: &'a Runtime,
    shared: &'a Arc<SharedSession>,
    pub(super) messages: &'a mut Messages,
    pub(super) waiter: &'a mut Option<Waiter>,
    pub(super) post: &'a mut Option<Post>,
    /// The POST of which JavaScript has yet to take packets.
    pub(super) rest: &'a mut Option<Box<PostRest>>,
    /// Packets of a POST are decoded only while JavaScript keeps up.
    pub(super) is_bounded: bool,
    /// The caller is an I/O thread: an answer goes to JavaScript as an event.
    pub(super) is_here: bool,
    /// True if an answer may be compressed.
    pub(super) compress: bool,
    answer: Option<Payload>,
}

impl RemoteOutput<'_> {
    /// Handles a poll, and counts the bytes that answer it at once.
    pub(super) fn poll(&mut self, session: &mut Session) -> Poll {
        let poll = session.poll(self);
        if let Poll::Payload(payload) | Poll::Part(payload) = &poll {
            let lane = self.shared.counters().lane();
            lane.sent_bytes(Transport::Polling, payload.len());
        }
        poll
    }

    /// Counts the bytes of the body of a POST.
    pub(super) fn count_post(&self, bytes: usize) {
        let lane = self.shared.counters().lane();
        lane.received_bytes(Transport::Polling, bytes);
    }

    /// Counts a message that is sent to the session, which polls.
    pub(super) fn count_sent(&self) {
        self.shared.counters().lane().sent(Transport::Polling);
    }

    /// Keeps the rest of a POST whose first packets were decoded, or ends the POST if nothing is left
    /// and JavaScript keeps up. `in_js`: JavaScript has received the POST.
    pub(super) fn keep_rest(&mut self, session: &Session, rest: Option<Body>, in_js: bool) {
        let waits = rest.is_some() || self.shared.pending.is_stopped();
        if waits && !session.is_closed() {
            *self.rest = Some(Box::new(PostRest::new(rest, in_js)));
        } else {
            self.messages.end_request();
        }
    }

    /// Decodes the rest of the POST, as far as JavaScript keeps up.
    pub(super) fn push_rest(&mut self, session: &mut Session, config: &EngineConfig, now: u64) {
        let Some(mut rest) = self.rest.take() else {
            return;
        };
        let all = rest.decode(session, config, now, self);
        let waits = !all || self.is_bounded && self.shared.pending.is_stopped();
        if waits && !session.is_closed() {
            *self.rest = Some(rest);
        } else {
            self.messages.end_request();
            rest.finish(self.shared.handle, &*self.shared.inbox);
        }
    }

    /// Tells JavaScript, which has received a message, that it is to read no more of the client.
    pub(super) fn tell_if_over(&self) {
        if self.shared.is_over() {
            self.shared.external.set_holding(true);
            self.shared.inbox.note(self.shared.handle, Note::Stopped);
        }
    }

    /// JavaScript holds no messages back any more.
    pub(super) fn ends_holding(&self) {
        self.shared.external.set_holding(false);
    }

    /// The part that a WebSocket of JavaScript plays by now: the note of an upgrade may be on its
    /// way to JavaScript. `None`: the WebSocket is not the session's any more.
    pub(super) fn role_of(&self, socket: SocketRole, session: &Session) -> Option<SocketRole> {
        let socket = if session.has_upgraded() {
            SocketRole::Main
        } else {
            socket
        };
        self.shared.is_external(socket).then_some(socket)
    }
}

impl Output for RemoteOutput<'_> {
    fn has_enough(&self) -> bool {
        self.is_bounded && self.shared.is_over()
    }

    fn received(&mut self, packet: Packet<'_>) {
        let now = || self.runtime.now();
        let lane = self.shared.counters().lane();
        if self.shared.receive(lane, self.messages, packet, now) {
            self.runtime.watch_sums(self.shared);
        }
    }

    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>) {
        let handle = self.shared.handle;
        if self.shared.is_external(socket) {
            return self.shared.inbox.frame(handle, socket, packet);
        }
        let command = Command::Frame(handle, socket, packet.into());
        self.runtime.send_home(self.shared, command);
    }

    fn close_socket(&mut self, socket: SocketRole) {
        let handle = self.shared.handle;
        self.runtime
            .send_home(self.shared, Command::CloseSocket(handle, socket));
    }

    fn answer(&mut self, payload: Payload) {
        let lane = self.shared.counters().lane();
        lane.sent_bytes(Transport::Polling, payload.len());
        match self.waiter.take() {
            // A poll whose connection is lost reports that to the session.
            Some(waiter) => drop(waiter.send((payload, self.compress, PendingAnswer::begin()))),
            None if self.is_here => self.shared.inbox.answer(self.shared.handle, payload),
            None => self.answer = Some(payload),
        }
    }

    fn abort_post(&mut self) {
        Inner::abort_post(self.post, self.shared.handle, &*self.shared.inbox);
    }

    fn pinging(&mut self) {
        // Pings are sent by the timers of the I/O threads.
    }

    fn upgrading(&mut self) {
        self.shared.inbox.note(self.shared.handle, Note::Upgrading);
    }

    fn upgrade_lost(&mut self) {
        self.shared
            .inbox
            .note(self.shared.handle, Note::UpgradeLost);
        self.shared.say(|| "gave up an upgrade".into());
    }

    fn upgraded(&mut self) {
        self.shared.promote();
        self.shared.inbox.note(self.shared.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: CloseReason) {
        let handle = self.shared.handle;
        self.shared.ended(&closure);
        self.shared.forget(self.runtime.table());
        Inner::drop_rest(self.rest, handle, &*self.shared.inbox);
        self.messages.drop_held(&self.shared.engine);
        let announced = self.messages.has_announced();
        self.shared.inbox.closed(handle, &closure, announced);
        self.runtime
            .send_due(self.shared, None, Command::Forget(handle));
    }
}
