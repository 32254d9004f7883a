//! Socket.IO packets, protocol 5: `type [attachments "-"] [nsp ","] [id] [json]`.
//!
//! Owns the packet header, the proof that a packet's data is exactly one JSON value of the
//! right kind, and the gathering of binary attachments. The JSON itself stays raw text: it is
//! parsed once, by the application's side. Knows nothing of transports, sessions or sockets.

mod decoder;
mod header;
mod id;
mod json;
mod lift;
mod quote;

use std::fmt;

pub use decoder::{Assembled, Decoder, Limits};
pub use header::{write_event_prefix, write_header};
pub use id::Id;
pub use json::{is_reserved_event, is_value};
pub use lift::lift;
pub use quote::quote;

/// Packet type; the discriminant is the digit on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Joins a namespace; data absent or an object (`auth`, or the `sid` in the reply).
    Connect = 0,
    /// Leaves a namespace; no data.
    Disconnect = 1,
    /// An event: a non-empty array whose first element is the name.
    Event = 2,
    /// The answer to an event that carried an id: an array.
    Ack = 3,
    /// A refused CONNECT: a string or an object.
    ConnectError = 4,
    /// An event with attachments.
    BinaryEvent = 5,
    /// An acknowledgement with attachments.
    BinaryAck = 6,
}

impl Kind {
    /// The type written as `digit`, if there is one.
    pub const fn from_digit(digit: u8) -> Option<Kind> {
        Some(match digit {
            b'0' => Kind::Connect,
            b'1' => Kind::Disconnect,
            b'2' => Kind::Event,
            b'3' => Kind::Ack,
            b'4' => Kind::ConnectError,
            b'5' => Kind::BinaryEvent,
            b'6' => Kind::BinaryAck,
            _ => return None,
        })
    }

    /// The character on the wire.
    pub const fn digit(self) -> char {
        (b'0' + self as u8) as char
    }

    /// True if packets of this type announce attachments.
    pub const fn is_binary(self) -> bool {
        matches!(self, Kind::BinaryEvent | Kind::BinaryAck)
    }
}

/// One decoded packet, borrowed from its message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet<'a> {
    /// Packet type; binary packets keep theirs.
    pub kind: Kind,
    /// Namespace, `/` when the packet names none. A query string is part of the name.
    pub nsp: &'a str,
    /// Acknowledgement id.
    pub id: Option<Id>,
    /// Proven to be exactly one JSON value of the kind the type asks for.
    /// Absent data is accepted for every type.
    pub json: Option<&'a str>,
    /// Number of attachments announced; 0 unless the type is binary.
    pub attachments: u32,
}

/// The reason for which a message was refused. The connection is to be closed; `Display` gives the
/// text that applications see in their `error` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A message without any character.
    EmptyMessage,
    /// The first character is no packet type: the digit, or `None` for anything else.
    UnknownType(Option<u8>),
    /// The data is not JSON, or not of the kind the type asks for, or names a reserved event.
    InvalidPayload,
    /// The number of attachments is missing, malformed, not an integer or below 1.
    IllegalAttachments,
    /// More attachments announced than [`Limits::max_attachments`].
    TooManyAttachments,
    /// The attachments held for one packet exceed [`Limits::max_attachment_bytes`].
    AttachmentsTooLarge,
    /// More arrays and objects inside each other than [`Limits::max_depth`].
    TooDeep,
    /// A text message while attachments are missing.
    UnexpectedText,
    /// A binary message that no packet announced.
    UnexpectedBinary,
    /// A placeholder that points to no attachment; found when attachments are put in place.
    IllegalPlaceholder,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::EmptyMessage => "empty message",
            Error::UnknownType(Some(digit)) => return write!(f, "unknown packet type {digit}"),
            Error::UnknownType(None) => "unknown packet type NaN",
            Error::InvalidPayload => "invalid payload",
            Error::IllegalAttachments => "Illegal attachments",
            Error::TooManyAttachments => "too many attachments",
            Error::AttachmentsTooLarge => "too many attachment bytes",
            Error::TooDeep => "data is nested too deeply",
            Error::UnexpectedText => "got plaintext data when reconstructing a packet",
            Error::UnexpectedBinary => "got binary data when not reconstructing a packet",
            Error::IllegalPlaceholder => "illegal attachments",
        })
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_round_trip() {
        for digit in b'0'..=b'6' {
            let kind = Kind::from_digit(digit).unwrap();
            assert_eq!(kind.digit(), char::from(digit));
            assert_eq!(kind.is_binary(), digit >= b'5');
        }
        assert_eq!(Kind::from_digit(b'7'), None);
        assert_eq!(Kind::from_digit(b'/'), None);
    }

    #[test]
    fn messages_name_the_type() {
        assert_eq!(
            Error::UnknownType(Some(7)).to_string(),
            "unknown packet type 7"
        );
        assert_eq!(
            Error::UnknownType(None).to_string(),
            "unknown packet type NaN"
        );
    }
}
