//! Messages and bodies as values of JavaScript: strings and Buffers.

use std::ptr;

use napi::bindgen_prelude::{Buffer, Either};
use napi::sys;
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

/// Makes a Buffer with a copy of some bytes.
pub(super) fn make_buffer(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length of one slice, copied by the call.
    unsafe {
        sys::napi_create_buffer_copy(
            env,
            bytes.len(),
            bytes.as_ptr().cast(),
            ptr::null_mut(),
            &mut value,
        );
    }
    value
}
