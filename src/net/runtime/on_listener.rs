//! Polls and posts that an I/O thread answers by itself. Their connection may be served by another
//! thread than their session's WebSocket.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::config::EngineConfig;
use crate::eio::payload::{self, Payload};
use crate::eio::session::{Poll, Session};
use crate::error::CloseReason;
use crate::net::events::{DISCONNECT, EventSink, OneRead};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::remote_output::RemoteOutput;
use crate::net::runtime::requests::tail;
use crate::net::runtime::{PostBegin, Runtime};
use crate::net::session::post_rest::Body;
use crate::net::session::shared::{Answer, Post, SharedSession};

/// The result of a poll.
pub enum Polled {
    /// Packets were waiting: this is the body.
    Payload(Payload),
    /// The body comes later. Never, if the session is dropped.
    Pending(oneshot::Receiver<Answer>),
    /// The session is not on polling any more, or a poll was pending already.
    Refused,
}

impl Runtime {
    /// Handles a poll that arrived on an I/O thread.
    pub fn poll_here(&self, handle: Handle) -> Polled {
        let polled = self.here(handle, |session, _, _, out| match out.poll(session) {
            Poll::Payload(payload) | Poll::Part(payload) => Polled::Payload(payload),
            Poll::Pending => {
                let (waiter, answer) = oneshot::channel();
                *out.waiter = Some(waiter);
                Polled::Pending(answer)
            }
            Poll::Overlap | Poll::Moved => Polled::Refused,
        });
        polled.unwrap_or(Polled::Refused)
    }

    /// Handles the loss of the connection of a poll that waits on an I/O thread.
    pub fn poll_lost_here(&self, handle: Handle) {
        self.here(handle, |session, _, _, out| session.poll_lost(out));
    }

    /// Begins a POST. The returned channel closes if the POST is to be given up: another one
    /// overlaps it, or the session does not wait for it any more.
    ///
    /// # Errors
    /// The POST is refused.
    pub fn begin_post_here(&self, handle: Handle) -> Result<oneshot::Receiver<()>, PostBegin> {
        let (post, given_up) = oneshot::channel();
        match self.begin_post(handle, Post::Here(post)) {
            PostBegin::Alone => Ok(given_up),
            refused => Err(refused),
        }
    }

    /// Waits for an earlier POST of the session, of which JavaScript has yet to take packets; `None`:
    /// there is none.
    pub fn taking_post(&self, handle: Handle) -> Option<oneshot::Receiver<()>> {
        let shared = self.table().get(handle)?;
        let mut inner = lock(&shared.inner);
        inner.rest.as_mut().map(|rest| rest.wait())
    }

    /// Decodes the body of a POST, as far as JavaScript keeps up: [`Runtime::taking_post`] waits for
    /// the rest.
    pub fn push_here(&self, handle: Handle, body: &[u8]) {
        let body = payload::decode_body(body);
        // The packet that ends the session is the last one.
        let ends = body.ends_with('1')
            || body
                .as_bytes()
                .windows(2)
                .skip(1)
                .any(|two| two == DISCONNECT);
        let shared = ends.then(|| self.table().get(handle)).flatten();
        let _one_read = (shared.as_deref()).map(|shared| OneRead::begin(&*shared.inbox));
        self.here(handle, |session, config, now, out| {
            out.count_post(body.len());
            out.messages.begin_request(true);
            let left = session.push(&body, config, now, out);
            let rest = left.map(|left| Body::Text(tail(&body, left).to_owned()));
            out.keep_rest(session, rest, false);
        });
    }

    /// Waits until JavaScript has heard what the session has received, or its end; `None`: it has.
    pub fn heard_here(
        &self,
        handle: Handle,
        inbox: &dyn EventSink,
    ) -> Option<oneshot::Receiver<()>> {
        let is_heard = |shared: Arc<SharedSession>| shared.pending.cost() == 0;
        if self.table().get(handle).is_some_and(is_heard) {
            return None;
        }
        inbox.await_work()
    }

    /// Ends the session, because a request of it broke the protocol.
    pub fn fail_here(&self, handle: Handle, closure: CloseReason) {
        self.here(handle, |session, _, _, out| {
            session.request_failed(closure, out)
        });
    }

    fn here<R>(
        &self,
        handle: Handle,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut RemoteOutput<'_>) -> R,
    ) -> Option<R> {
        let done = self.with_session(handle, |session, config, now, out| {
            out.is_here = true;
            f(session, config, now, out)
        })?;
        Some(done.0)
    }
}

#[cfg(test)]
mod tests;
