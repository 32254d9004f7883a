//! A session to be opened, its first packets, and the session that was opened.

use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;

use crate::bridge::values::{Body, message};
use crate::eio::encoding::PacketEncoding;
use crate::eio::handshake::Handshake;
use crate::eio::packet::{Packet, Type};
use crate::eio::session::Outgoing;

/// The form of a client's packets, as its request says.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct PacketForm {
    /// 3 or 4.
    pub protocol: u32,
    /// Binary messages are sent as base64.
    pub base64: bool,
}

impl From<PacketForm> for PacketEncoding {
    fn from(form: PacketForm) -> Self {
        Self::new(form.protocol, form.base64)
    }
}

/// A session to be opened.
#[napi(object)]
pub struct OpenRequest {
    /// The session id.
    pub sid: String,
    /// The session id is a number, and is told as one.
    pub numeric_sid: Option<bool>,
    /// The form of its polling payloads.
    pub form: PacketForm,
    /// JSON array of the transports to upgrade to.
    pub upgrades: String,
    /// Delay before each ping, in ms.
    pub ping_interval: f64,
    /// Time allowed for the pong, in ms.
    pub ping_timeout: f64,
    /// Size of the largest message, in bytes; none when unlimited.
    pub max_payload: Option<f64>,
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
        let open = Handshake {
            is_number: self.numeric_sid.unwrap_or_default(),
            sid: &self.sid,
            upgrades: &self.upgrades,
            ping_interval: self.ping_interval as u64,
            ping_timeout: self.ping_timeout as u64,
            max_payload: self.max_payload.map(|n| n as u64),
        };
        let mut packets = vec![Outgoing::Text(Type::Open, open.to_json().into())];
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
