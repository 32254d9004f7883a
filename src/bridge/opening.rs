//! A session to be opened, its first packets, and the session that was opened.

use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;

use crate::bridge::values::{Body, message};
use crate::eio::encoding::PacketEncoding;
use crate::eio::packet::{Packet, Type};
use crate::eio::session::Outgoing;

shared_enum! {
    /// The encoding of the packets of a client, as its request says.
    pub enum PacketForm {
        /// Protocol 4.
        V4 = 0,
        /// Protocol 4; binary messages are sent as base64.
        V4Base64 = 1,
        /// Protocol 3.
        V3 = 2,
        /// Protocol 3; binary messages are sent as base64.
        V3Base64 = 3,
    }
}

impl PacketForm {
    /// The encoding for the number of a [`PacketForm`]; [`PacketForm::V4`] for any other one.
    pub(super) fn encoding(number: u32) -> PacketEncoding {
        match Self::ALL.get(number as usize).unwrap_or(&Self::V4) {
            Self::V4 => PacketEncoding::new(4, false),
            Self::V4Base64 => PacketEncoding::new(4, true),
            Self::V3 => PacketEncoding::new(3, false),
            Self::V3Base64 => PacketEncoding::new(3, true),
        }
    }
}

/// A session to be opened.
#[napi(object)]
pub struct OpenRequest {
    /// The session id.
    pub sid: String,
    /// The contents of its open packet, as JSON (Engine.IO protocol 4, "Handshake").
    pub open: String,
    /// The [`PacketForm`] of its packets.
    pub form: u32,
    /// A message sent right after the open packet.
    pub initial_packet: Option<Either<String, Buffer>>,
    /// WebSockets of this session are served in JavaScript.
    pub external: bool,
    /// It is carried by WebTransport; not read unless JavaScript serves it.
    pub webtransport: Option<bool>,
    /// The client's address, if sessions are counted by address; empty for a UNIX socket.
    pub address: Option<String>,
    /// JavaScript reads and writes the connection of its request.
    pub pumped: bool,
    /// Its packets are not decoded: no Socket.IO server takes them.
    pub raw: bool,
}

impl OpenRequest {
    /// Returns the first packets of the session.
    pub(super) fn packets(&self) -> Vec<Outgoing> {
        let mut packets = vec![Outgoing::Text(Type::Open, self.open.as_str().into())];
        packets.extend(
            self.initial_packet
                .as_ref()
                .map(|packet| message(packet).into()),
        );
        packets
    }
}

/// A packet as JavaScript sends it over a WebSocket: text is encoded, bytes are in no form yet.
pub(super) fn on_the_wire(packet: Packet<'_>) -> Either<String, Buffer> {
    match packet {
        Packet::Text(..) => {
            let mut text = String::new();
            packet.encode(&mut text);
            Either::A(text)
        }
        Packet::Binary(bytes) => Either::B(bytes.into_owned().into()),
    }
}

/// A session just opened over polling.
#[napi(object)]
pub struct Opened {
    /// Its handle.
    pub handle: u32,
    /// The body that answers the handshake.
    pub body: Body,
}

/// A session just opened over a WebSocket that JavaScript serves.
#[napi(object)]
pub struct OpenedExternal {
    /// Its handle.
    pub handle: u32,
    /// The messages to send first.
    pub messages: Vec<Either<String, Buffer>>,
}
