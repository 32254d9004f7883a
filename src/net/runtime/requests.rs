//! Polls and posts that JavaScript has received.

use crate::eio::packet::Packet;
use crate::eio::payload::{self, Payload};
use crate::eio::session::Poll;
use crate::error::CloseReason;
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::Runtime;
use crate::net::session::shared::{Inner, Post};

/// The result of the beginning of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostBegin {
    /// Its body is awaited.
    Alone,
    /// Another one was being received, and is given up: the session has to end.
    Overlap,
    /// The session does not poll any more.
    Moved,
}

impl Runtime {
    /// A poll arrived.
    pub fn poll(&self, handle: Handle) -> (Poll, Option<Payload>) {
        self.with_session(handle, |session, _, _, out| session.poll(out))
            .unwrap_or((Poll::Moved, None))
    }

    /// A pending poll's connection was lost.
    pub fn poll_lost(&self, handle: Handle) {
        self.with_session(handle, |session, _, _, out| session.poll_lost(out));
    }

    /// A POST begins to be received.
    pub fn begin_post(&self, handle: Handle, post: Post) -> PostBegin {
        let Some(peer) = self.table().get(handle) else {
            return PostBegin::Moved;
        };
        let mut inner = lock(&peer.inner);
        let inner = &mut *inner;
        if inner.post.is_some() {
            Inner::abort_post(&mut inner.post, handle, &*peer.inbox);
            return PostBegin::Overlap;
        }
        if inner.session.is_websocket() || inner.session.is_closed() {
            return PostBegin::Moved;
        }
        inner.post = Some(post);
        PostBegin::Alone
    }

    /// A POST has been received, or its connection was lost.
    pub fn end_post(&self, handle: Handle) {
        if let Some(peer) = self.table().get(handle) {
            lock(&peer.inner).post = None;
        }
    }

    /// A POST broke: the session ends. Returns the answer to the pending poll.
    pub fn fail(&self, handle: Handle, closure: CloseReason) -> Option<Payload> {
        self.with_session(handle, |session, _, _, out| {
            session.request_failed(closure, out)
        })?
        .1
    }

    /// A POST's body arrived, in JavaScript. Returns the answer to the pending poll, if it is due
    /// now.
    pub fn push(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        let body = payload::decode_body(body);
        self.with_session(handle, |session, config, now, out| {
            *out.post = None;
            out.messages.begin_request(false);
            session.push(&body, config, now, out);
            out.messages.end_request();
        })?
        .1
    }

    /// The same, of a body whose content is binary (protocol 3).
    pub fn push_binary(&self, handle: Handle, body: &[u8]) -> Option<Payload> {
        self.with_session(handle, |session, config, now, out| {
            *out.post = None;
            out.messages.begin_request(false);
            session.push_binary(body, config, now, out);
            out.messages.end_request();
        })?
        .1
    }

    /// Sends on a session that polls. `None`: it does not, or not any more. Else the answer to
    /// its pending poll, if there was one. `compress`: the answer may be compressed.
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
                session.send(packet, out);
            }
            polls
        })?;
        sent.then_some(answer)
    }
}
