//! The WebSocket layer, RFC 6455, server side: handshake, frames, messages and close rules.
//!
//! Owns what a byte on an upgraded connection means. Pure: bytes in, messages or one error out,
//! bytes to send back. It knows neither sockets nor threads nor what the messages carry.
//!
//! Bytes in: [`handshake::check`], then [`Reader::feed`]. Bytes out: [`handshake::response_head`],
//! [`frame::write_header`], [`close`].
//!
//! With compression (RFC 7692): [`deflate::negotiate`] after the check; its
//! [`response`](deflate::Agreement::response) is the value of `Sec-WebSocket-Extensions` in the
//! answer, its [`parameters`](deflate::Agreement::parameters) make the connection's two halves,
//! which share the [`deflate::Pool`] of their thread:
//!
//! - an [`deflate::Inflater`], lent to [`Reader::feed_with`] with each chunk;
//! - a [`deflate::Deflater`], whose [`write`](deflate::Deflater::write) appends the frame of a
//!   text or binary message. Control frames are written as ever.

pub mod close;
pub mod deflate;
pub mod error;
pub mod extensions;
pub mod frame;
pub mod handshake;
pub mod reader;

mod assembly;
mod look_ahead;

pub use error::Error;
pub use frame::Opcode;
pub use reader::{Limits, Message, Reader};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
