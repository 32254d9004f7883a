//! The encoding of the packets of one client: the revision of the protocol that it speaks, and
//! whether it takes binary. Packets are read and written through it, for either revision.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::packet::{Packet, ParseError, Type};
use super::payload::{self, Payload};
use super::{packet_v3, payload_v3};

/// Revision of the Engine.IO protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Clients of Socket.IO 1 and 2: they drive the heartbeat.
    V3,
    /// The server drives the heartbeat.
    V4,
}

/// The encoding of the packets of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketEncoding {
    /// The revision.
    pub protocol: Protocol,
    /// Binary messages are sent as base64, also where bytes could travel (query parameter `b64`).
    pub base64: bool,
}

impl PacketEncoding {
    /// The encoding for clients of Socket.IO 3 and 4.
    pub const V4: Self = Self {
        protocol: Protocol::V4,
        base64: false,
    };

    /// The encoding for the revision that a request names: 4, or 3 for any other number.
    pub const fn new(protocol: u32, base64: bool) -> Self {
        let protocol = match protocol {
            4 => Protocol::V4,
            _ => Protocol::V3,
        };
        Self { protocol, base64 }
    }

    /// Joins packets into the answer to a poll.
    pub fn payload(self, packets: &[Packet<'_>]) -> Payload {
        match self.protocol {
            Protocol::V4 => Payload::Text(payload::encode(packets)),
            Protocol::V3 => payload_v3::encode(packets, self.base64),
        }
    }

    /// Decodes a text message of a WebSocket.
    ///
    /// # Errors
    /// The text is no packet.
    pub fn decode(self, text: &str) -> Result<Packet<'_>, ParseError> {
        match self.protocol {
            Protocol::V4 => Packet::decode(text),
            Protocol::V3 => packet_v3::decode(text),
        }
    }

    /// Decodes a binary message of a WebSocket.
    pub fn decode_binary(self, bytes: &[u8]) -> Packet<'_> {
        match self.protocol {
            Protocol::V4 => Packet::Binary(bytes.into()),
            Protocol::V3 => packet_v3::decode_binary(bytes),
        }
    }

    /// True if a binary message is sent over a WebSocket as it is.
    pub const fn sends_plain_binary(self) -> bool {
        matches!(self.protocol, Protocol::V4) && !self.base64
    }

    /// A binary message as a WebSocket sends it: the bytes before the message, the message, and true
    /// if the two are text.
    pub fn binary_message(self, data: &[u8]) -> (&'static [u8], Cow<'_, [u8]>, bool) {
        match (self.base64, self.protocol) {
            (false, Protocol::V4) => (&[], data.into(), false),
            (false, Protocol::V3) => (&[Type::Message as u8], data.into(), false),
            (true, Protocol::V4) => (b"b", STANDARD.encode(data).into_bytes().into(), true),
            (true, Protocol::V3) => (b"b4", STANDARD.encode(data).into_bytes().into(), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_messages() {
        for (protocol, base64, prefix, rest, text) in [
            (4, false, &b""[..], &[1, 2][..], false),
            (3, false, &[4], &[1, 2], false),
            (4, true, b"b", b"AQI=", true),
            (3, true, b"b4", b"AQI=", true),
        ] {
            let form = PacketEncoding::new(protocol, base64);
            assert_eq!(form.sends_plain_binary(), form == PacketEncoding::V4);
            let (before, data, is_text) = form.binary_message(&[1, 2]);
            assert_eq!((before, &*data, is_text), (prefix, rest, text));
            let message = [prefix, rest].concat();
            let packet = if is_text {
                form.decode(std::str::from_utf8(&message).unwrap()).unwrap()
            } else {
                form.decode_binary(&message)
            };
            assert_eq!(packet, Packet::Binary(vec![1, 2].into()));
        }
    }
}
