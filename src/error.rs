//! Why a session ends: the reasons applications see, made in one place.

use std::borrow::Cow;
use std::fmt;

shared_enum! {
    /// Why a session ends, as `disconnect` listeners are told.
    pub enum Reason {
        /// The transport broke the protocol, or broke.
        TransportError = 0,
        /// The client closed, or its connection ended.
        TransportClose = 1,
        /// No heartbeat came in time.
        PingTimeout = 2,
        /// A packet could not be decoded.
        ParseError = 3,
        /// The server closed.
        ForcedClose = 4,
    }
}

impl Reason {
    /// The text that applications see.
    pub const fn text(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
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

/// The reason for a line of debugging, without texts that are not ours.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(Cow::Borrowed(detail)) => write!(f, "{} ({detail})", self.reason.text()),
            _ => f.write_str(self.reason.text()),
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
/// A post whose body did not come in time.
pub const POST_TIMEOUT: CloseReason = CloseReason::transport("http request timeout");
/// A post whose body is longer than allowed.
pub const POST_TOO_LARGE: CloseReason = CloseReason::transport("payload too large");
/// A post whose body came in more pieces than allowed.
pub const POST_CHUNKS: CloseReason = CloseReason::transport("too many chunks");
/// A post that is given up because the bodies of all clients are too large together.
pub const POST_CROWDED: CloseReason =
    CloseReason::transport("too many bytes of request bodies are waiting");
/// A ping from a client whose protocol has the server send them, or a pong the other way.
pub const HEARTBEAT_DIRECTION: CloseReason = CloseReason::transport("invalid heartbeat direction");
/// More bytes waiting than may, for a client that takes nothing.
pub const QUEUE_FULL: CloseReason =
    CloseReason::transport("too many bytes are waiting for the client");
/// More bytes waiting for all clients than may; the most of those that take nothing for this one.
pub const SUM_FULL: CloseReason =
    CloseReason::transport("too many bytes are waiting for all clients");
/// A fault of ours while this connection was served.
pub const INTERNAL: CloseReason = CloseReason::transport("internal error");

shared_enum! {
    /// Faults of polling sessions that JavaScript finds.
    pub enum PollingFault {
        /// A second POST came while one was being received.
        PostOverlap = 0,
        /// The client abandoned a POST.
        PostAborted = 1,
        /// The protocol does not know the content type of a POST.
        PostContent = 2,
        /// More bytes wait than may, for a client that takes nothing.
        QueueFull = 3,
        /// The client abandoned a poll.
        PollAborted = 4,
        /// The body of a POST did not come in time.
        PostTimeout = 5,
        /// The body of a POST is longer than allowed.
        PostTooLarge = 6,
        /// The body of a POST came in too many pieces.
        PostChunks = 7,
        /// The bodies of all clients are too large together.
        PostCrowded = 8,
    }
}

impl PollingFault {
    /// The reason that the session ends for; [`INTERNAL`] for a number that is no fault.
    pub const fn close_reason(fault: u32) -> CloseReason {
        match fault {
            n if n == Self::PostOverlap as u32 => POST_OVERLAP,
            n if n == Self::PostAborted as u32 => POST_ABORTED,
            n if n == Self::PostContent as u32 => POST_CONTENT,
            n if n == Self::QueueFull as u32 => QUEUE_FULL,
            n if n == Self::PollAborted as u32 => POLL_ABORTED,
            n if n == Self::PostTimeout as u32 => POST_TIMEOUT,
            n if n == Self::PostTooLarge as u32 => POST_TOO_LARGE,
            n if n == Self::PostChunks as u32 => POST_CHUNKS,
            n if n == Self::PostCrowded as u32 => POST_CROWDED,
            _ => INTERNAL,
        }
    }
}
