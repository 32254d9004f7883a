//! The calls of sessions that poll, and their outcomes: those of Node's requests through napi-rs, those
//! made per event in raw Node-API.

use std::ptr;

use napi::bindgen_prelude::{Buffer, Either};
use napi::sys;
use napi_derive::napi;

use crate::bridge::args::{Args, call};
use crate::bridge::engine::{Engine, of_session};
use crate::bridge::runtime::runtime;
use crate::bridge::strings::make_string;
use crate::bridge::values::{Body, body, make_buffer};
use crate::eio::packet::{Packet, Type};
use crate::eio::payload::Payload;
use crate::eio::session::{Outgoing, Poll};
use crate::error::PollingFault;
use crate::net::events::EventSink as _;
use crate::net::handle::Handle;
use crate::net::runtime::PostBegin;
use crate::net::session::shared::Post;

shared_enum! {
    /// The outcome of a poll.
    pub enum PollState {
        /// It is answered, or waits for packets.
        Taken = 0,
        /// A poll was pending already; the payload answers that one.
        Overlaps = 1,
        /// The session is not on polling any more.
        Moved = 2,
        /// It is answered with a part of the packets that wait.
        Part = 3,
    }
}

shared_enum! {
    /// The outcome of a POST that begins.
    pub enum PostState {
        /// Its body is awaited.
        Begun = 0,
        /// It overlaps another one, which is given up.
        Overlaps = 1,
        /// The session is not on polling any more.
        Moved = 2,
    }
}

shared_enum! {
    /// The outcome of closing a session that polls.
    pub enum CloseState {
        /// It has ended.
        Ended = 0,
        /// It ends with its next poll.
        AwaitsPoll = 1,
    }
}

/// The answer to a poll.
#[napi(object)]
pub struct PollAnswer {
    /// The body to answer with now.
    pub payload: Option<Body>,
    /// A [`PollState`]; of a session that is closed, a [`CloseState`].
    pub state: u32,
}

#[napi]
impl Engine {
    /// Takes a poll.
    #[napi(catch_unwind)]
    pub fn poll(&mut self, handle: u32) -> PollAnswer {
        let handle = Handle::from_raw(handle);
        let failed = |answer: Option<Payload>| (answer.map_or(Poll::Moved, Poll::Payload), None);
        let (poll, answer) = of_session(handle, failed, || runtime().poll(handle));
        let (state, payload) = match poll {
            Poll::Payload(payload) => (PollState::Taken, Some(payload)),
            Poll::Part(payload) => (PollState::Part, Some(payload)),
            Poll::Pending => (PollState::Taken, None),
            Poll::Overlap => (PollState::Overlaps, answer),
            Poll::Moved => (PollState::Moved, None),
        };
        PollAnswer {
            payload: payload.map(body),
            state: state as u32,
        }
    }

    /// Notes that the connection of the pending poll was lost.
    #[napi(catch_unwind)]
    pub fn poll_lost(&self, handle: u32) {
        runtime().poll_lost(Handle::from_raw(handle));
    }

    /// Begins a POST; returns a [`PostState`].
    #[napi(catch_unwind)]
    pub fn begin_post(&self, handle: u32) -> u32 {
        let state = match runtime().begin_post(Handle::from_raw(handle), Post::InJavaScript) {
            PostBegin::Alone => PostState::Begun,
            PostBegin::Overlap => PostState::Overlaps,
            PostBegin::Moved => PostState::Moved,
        };
        state as u32
    }

    /// Notes that a POST has been received, or that its connection was lost.
    #[napi(catch_unwind)]
    pub fn end_post(&self, handle: u32) {
        runtime().end_post(Handle::from_raw(handle));
    }

    /// Takes the body of a POST; returns the answer to the pending poll.
    #[napi(catch_unwind)]
    pub fn push(&self, handle: u32, bytes: Buffer) -> Option<Body> {
        let handle = Handle::from_raw(handle);
        of_session(handle, |answer| answer, || runtime().push(handle, &bytes)).map(body)
    }

    /// Takes a body whose content is binary (protocol 3); returns the answer to the pending poll.
    #[napi(catch_unwind)]
    pub fn push_binary(&self, handle: u32, bytes: Buffer) -> Option<Body> {
        let handle = Handle::from_raw(handle);
        of_session(
            handle,
            |answer| answer,
            || runtime().push_binary(handle, &bytes),
        )
        .map(body)
    }

    /// Returns true if packets of a POST have yet to be taken from the engine: `PostTaken` is noted once
    /// they have been.
    #[napi(catch_unwind)]
    pub fn is_taking_post(&self, handle: u32) -> bool {
        runtime().is_taking_post(Handle::from_raw(handle))
    }

    /// Ends a session that polls for a [`PollingFault`]; returns the answer to the pending poll.
    #[napi(catch_unwind)]
    pub fn fail(&self, handle: u32, fault: u32) -> Option<Body> {
        let closure = PollingFault::close_reason(fault);
        runtime().fail(Handle::from_raw(handle), closure).map(body)
    }

    /// Notes that JavaScript has taken over a connection whose next request is the session's.
    #[napi(catch_unwind)]
    pub fn taken_over(&self, handle: u32) {
        runtime().taken_over(Handle::from_raw(handle));
    }

    /// Has the polls of the session come to JavaScript, from the next one on. Returns the packets that
    /// wait for it: the digit of the type and the data as text, or the data of a binary message.
    #[napi(catch_unwind)]
    pub fn watch_polls(&mut self, handle: u32) -> Vec<Either<String, Buffer>> {
        self.flush();
        let mut waiting = Vec::new();
        runtime().watch_polls(Handle::from_raw(handle), |packets| {
            waiting = packets.iter().map(shown).collect();
        });
        waiting
    }

    /// Closes a session that polls; returns a [`CloseState`], and the payload that answers the
    /// pending poll.
    #[napi(catch_unwind)]
    pub fn close_polling(&mut self, handle: u32, discard: bool) -> PollAnswer {
        self.flush();
        let (closed, payload) = runtime().close(Handle::from_raw(handle), discard);
        if self.hub.needs_wake() {
            // A post may have to be given up.
            self.hub.wake();
        }
        PollAnswer {
            payload: payload.map(body),
            state: if closed {
                CloseState::Ended
            } else {
                CloseState::AwaitsPoll
            } as u32,
        }
    }
}

/// A packet as JavaScript shows it.
fn shown(packet: &Outgoing) -> Either<String, Buffer> {
    match packet {
        Outgoing::Text(kind, text) => Either::A(format!("{}{text}", kind.digit())),
        Outgoing::Binary(bytes) => Either::B(bytes.to_vec().into()),
    }
}

/// `isPollPending(handle): boolean`, true if a poll of the session waits for packets.
pub(super) unsafe extern "C" fn is_poll_pending(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<1>(env, info, |args| {
        let pending = runtime().is_poll_pending(Handle::from_raw(args.number(0)));
        let mut value = ptr::null_mut();
        // SAFETY: `env` is valid on its own thread.
        unsafe { sys::napi_get_boolean(env, pending, &mut value) };
        value
    })
}

/// `sendPollingText(handle, compress, text, length)`: sends a message on a session that polls. Returns
/// undefined if it does not any more, null if the message waits or a poll is answered natively, else the
/// body for the poll that waits.
pub(super) unsafe extern "C" fn send_text(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<4>(env, info, |args| {
        let mut text = vec![0; args.room(2)];
        let length = args.string(2, &mut text);
        text.truncate(length);
        // Node-API writes whole characters of UTF-8.
        let text = String::from_utf8_lossy(&text);
        send(env, args, Packet::Text(Type::Message, &text))
    })
}

/// `sendPollingBinary(handle, compress, bytes)`: the same for a binary message.
pub(super) unsafe extern "C" fn send_binary(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    call::<3>(env, info, |args| {
        send(env, args, Packet::Binary(args.bytes(2).into()))
    })
}

fn send<const N: usize>(env: sys::napi_env, args: &Args<N>, packet: Packet<'_>) -> sys::napi_value {
    let (handle, compress) = (Handle::from_raw(args.number(0)), args.number(1) != 0);
    let sent = of_session(handle, Some, || {
        runtime().send_polling(handle, packet, compress)
    });
    let hub = &args.boundary().hub;
    if hub.needs_wake() {
        // Too much was waiting, and the session has ended.
        hub.wake();
    }
    match sent {
        None => ptr::null_mut(),
        Some(None) => {
            let mut value = ptr::null_mut();
            // SAFETY: `env` is valid on its own thread.
            unsafe { sys::napi_get_null(env, &mut value) };
            value
        }
        Some(Some(Payload::Text(text))) => make_string(env, text.as_bytes()),
        Some(Some(Payload::Binary(bytes))) => make_buffer(env, &bytes),
    }
}
