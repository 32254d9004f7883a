//! Polls and posts that JavaScript has received.

use crate::eio::packet::Packet;
use crate::eio::payload::{self, Payload};
use crate::eio::session::Poll;
use crate::error::{CloseReason, INTERNAL};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::Runtime;
use crate::net::session::post_rest::Body;
use crate::net::session::shared::{Inner, Post};

/// The result of the beginning of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostBegin {
    /// The body is awaited.
    Alone,
    /// Another POST was being received, and is given up: the session has to end.
    Overlap,
    /// The session does not poll any more.
    Moved,
}

impl Runtime {
    /// Handles a poll. Returns its result, and the answer if it has to be given at once.
    pub fn poll(&self, handle: Handle) -> (Poll, Option<Payload>) {
        self.with_session(handle, |session, _, _, out| out.poll(session))
            .unwrap_or((Poll::Moved, None))
    }

    /// Handles the loss of the connection of a pending poll.
    pub fn poll_lost(&self, handle: Handle) {
        self.with_session(handle, |session, _, _, out| session.poll_lost(out));
    }

    /// Begins a POST.
    pub fn begin_post(&self, handle: Handle, post: Post) -> PostBegin {
        let Some(shared) = self.table().get(handle) else {
            return PostBegin::Moved;
        };
        let mut inner = lock(&shared.inner);
        let inner = &mut *inner;
        if inner.post.is_some() {
            Inner::abort_post(&mut inner.post, handle, &*shared.inbox);
            return PostBegin::Overlap;
        }
        if inner.session.is_websocket() || inner.session.is_closed() {
            return PostBegin::Moved;
        }
        inner.post = Some(post);
        PostBegin::Alone
    }

    /// Ends a POST that has been received, or whose connection was lost.
    pub fn end_post(&self, handle: Handle) {
        if let Some(shared) = self.table().get(handle) {
            lock(&shared.inner).post = None;
        }
    }

    /// Ends the session, because a POST of it broke the protocol. Returns the answer to the pending
    /// poll.
    pub fn fail(&self, handle: Handle, closure: CloseReason) -> Option<Payload> {
        self.with_session(handle, |session, _, _, out| {
            session.request_failed(closure, out)
        })?
        .1
    }

    /// Ends the session, because a call for it has panicked. Returns the answer to the pending poll.
    pub fn end_faulty(&self, handle: Handle) -> Option<Payload> {
        self.with_session(handle, |session, _, _, out| session.end(INTERNAL, out))?
            .1
    }

    /// Decodes the body of a POST that JavaScript has received. Returns the answer to the pending
    /// poll, if it is due now. Packets wait if JavaScript has much to take, see
    /// [`Runtime::is_taking_post`].
    pub fn push(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        let body = payload::decode_body(body);
        self.with_session(handle, |session, config, now, out| {
            *out.post = None;
            out.count_post(body.len());
            out.messages.begin_request(false);
            let left = session.push(&body, config, now, out);
            let rest = left.map(|left| Body::Text(tail(&body, left).to_owned()));
            out.keep_rest(session, rest, true);
        })?
        .1
    }

    /// Decodes a body whose content is binary (protocol 3). Returns the answer likewise.
    pub fn push_binary(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        self.with_session(handle, |session, config, now, out| {
            *out.post = None;
            out.count_post(body.len());
            out.messages.begin_request(false);
            let left = session.push_binary(body, config, now, out);
            let rest = left.map(|left| Body::Binary(body[body.len() - left..].to_vec()));
            out.keep_rest(session, rest, true);
        })?
        .1
    }

    /// True if packets of a POST that was received have yet to be taken by JavaScript. A note tells
    /// when they have been, if JavaScript has received it.
    pub fn is_taking_post(&self, handle: Handle) -> bool {
        let shared = self.table().get(handle);
        shared.is_some_and(|shared| lock(&shared.inner).rest.is_some())
    }

    /// Sends a packet to a session that polls. Returns `None` if the session does not poll, else
    /// the answer to its pending poll, if there was one. `compress`: the answer may be compressed.
    pub fn send_polling(
        &self,
        handle: Handle,
        packet: Packet<'_>,
        compress: bool,
    ) -> Option<Option<Payload>> {
        let (sent, answer) = self.with_session(handle, |session, _, _, out| {
            out.compress = compress;
            let polls = !session.is_websocket() && !session.is_closed();
            if polls {
                out.count_sent();
                session.send(packet, out);
            }
            polls
        })?;
        sent.then_some(answer)
    }
}

/// The last `bytes` bytes of a text.
pub(super) fn tail(text: &str, bytes: usize) -> &str {
    text.get(text.len() - bytes..).unwrap_or_default()
}
