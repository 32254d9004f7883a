//! The output of a session: packets, requests to its surroundings, and answers to polls.

use std::borrow::Cow;

use super::packet::{Packet, Type};
use super::payload::Payload;
use crate::error::CloseReason;

/// A packet that waits for a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A packet with text.
    Text(Type, Box<str>),
    /// A binary message.
    Binary(Box<[u8]>),
}

impl Outgoing {
    /// The packet, borrowed.
    pub fn as_packet(&self) -> Packet<'_> {
        match self {
            Self::Text(kind, text) => Packet::Text(*kind, text),
            Self::Binary(bytes) => Packet::Binary(Cow::Borrowed(bytes)),
        }
    }

    /// Bytes of its data.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(_, text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl From<Packet<'_>> for Outgoing {
    fn from(packet: Packet<'_>) -> Self {
        match packet {
            Packet::Text(kind, text) => Self::Text(kind, text.into()),
            Packet::Binary(bytes) => Self::Binary(bytes.into_owned().into()),
        }
    }
}

/// The part that a WebSocket plays in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRole {
    /// The WebSocket carries the session.
    Main,
    /// An upgrade tries the WebSocket.
    Probe,
}

/// The requests of a session to its surroundings.
pub trait Output {
    /// A packet was received. Messages are for the application, other packets for its listeners of
    /// packets.
    fn received(&mut self, packet: Packet<'_>);
    /// True if the packets of a request that follow are to wait.
    fn has_enough(&self) -> bool {
        false
    }
    /// Sends a packet over a WebSocket.
    fn frame(&mut self, socket: SocketRole, packet: Packet<'_>);
    /// Closes a WebSocket with an empty close frame, after what was sent before.
    fn close_socket(&mut self, socket: SocketRole);
    /// Answers the pending poll.
    fn answer(&mut self, payload: Payload);
    /// Gives up the POST that is being received: its connection is closed without an answer.
    fn abort_post(&mut self);
    /// A ping is being sent.
    fn pinging(&mut self);
    /// A probe was answered: an upgrade is under way.
    fn upgrading(&mut self);
    /// The upgrade under way was given up: the session stays where it is.
    fn upgrade_lost(&mut self);
    /// The probing WebSocket carries the session from now on.
    fn upgraded(&mut self);
    /// The session has ended.
    fn closed(&mut self, closure: CloseReason);
}

/// The answer to a poll.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll {
    /// Packets were waiting: this is the body with all of them.
    Payload(Payload),
    /// More packets were waiting than one answer holds: this is the body with the first ones.
    Part(Payload),
    /// Nothing to send yet; [`Output::answer`] follows.
    Pending,
    /// A poll was pending already; the session is closed.
    Overlap,
    /// The session is not on polling any more.
    Moved,
}
