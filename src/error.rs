//! Why a session ends: the reasons applications see, made in one place.

use std::borrow::Cow;

/// The reason given to `disconnect` listeners. The number crosses the boundary; JavaScript holds
/// the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The transport broke the protocol, or broke.
    TransportError = 0,
    /// The client closed, or its connection ended.
    TransportClose = 1,
    /// No heartbeat in time.
    PingTimeout = 2,
    /// A packet that cannot be decoded.
    ParseError = 3,
    /// The server closed.
    ForcedClose = 4,
}

/// A reason with the message of the `Error` that goes with it, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The reason.
    pub reason: Reason,
    /// The message of the description.
    pub detail: Option<Cow<'static, str>>,
}

impl CloseReason {
    /// A reason without description.
    pub const fn without_detail(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
        }
    }

    /// A transport error with its description.
    pub const fn transport(message: &'static str) -> Self {
        Self {
            reason: Reason::TransportError,
            detail: Some(Cow::Borrowed(message)),
        }
    }
}

/// A second poll while one is pending.
pub const POLL_OVERLAP: CloseReason = CloseReason::transport("overlap from client");
/// A poll that the client abandoned.
pub const POLL_ABORTED: CloseReason = CloseReason::transport("poll connection closed prematurely");
/// A second post while one is being received.
pub const POST_OVERLAP: CloseReason = CloseReason::transport("data request overlap from client");
/// A post that the client abandoned.
pub const POST_ABORTED: CloseReason =
    CloseReason::transport("data request connection closed prematurely");
/// A post whose type of content the protocol does not know.
pub const POST_CONTENT: CloseReason = CloseReason::transport("invalid content");
/// A ping from a client whose protocol has the server send them, or a pong the other way.
pub const HEARTBEAT_DIRECTION: CloseReason = CloseReason::transport("invalid heartbeat direction");
/// More bytes waiting than may, for a client that takes nothing.
pub const QUEUE_FULL: CloseReason =
    CloseReason::transport("too many bytes are waiting for the client");
/// A fault of ours while this connection was served.
pub const INTERNAL: CloseReason = CloseReason::transport("internal error");

/// Faults of polling sessions that JavaScript finds, by its numbers (`lib/engine/errors.ts`).
pub const POLLING_FAULTS: [CloseReason; 5] = [
    POST_OVERLAP,
    POST_ABORTED,
    POST_CONTENT,
    QUEUE_FULL,
    POLL_ABORTED,
];
