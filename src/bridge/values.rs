//! Messages and bodies as values of JavaScript: strings and Buffers.

use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;

use crate::eio::packet::{Packet, Type};
use crate::eio::payload::Payload;

/// A message as a packet.
pub(super) fn message(data: &Either<String, Buffer>) -> Packet<'_> {
    match data {
        Either::A(text) => Packet::Text(Type::Message, text),
        Either::B(bytes) => Packet::Binary(bytes.as_ref().into()),
    }
}

/// The body of an answer.
#[napi]
pub type Body = Either<String, Buffer>;

/// A payload as a body.
pub(super) fn body(payload: Payload) -> Body {
    match payload {
        Payload::Text(text) => Either::A(text),
        Payload::Binary(bytes) => Either::B(bytes.into()),
    }
}
