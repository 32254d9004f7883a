//! The WebSocket layer, RFC 6455, server side: handshake, frames, messages and close rules.
//!
//! Owns what a byte on an upgraded connection means. Pure: bytes in, messages or one error out,
//! bytes to send back. It knows neither sockets nor threads nor what the messages carry.
//!
//! Bytes in: [`handshake::check`], then [`Reader::feed`]. Bytes out: [`handshake::response_head`],
//! [`frame::write_header`], [`close`].

pub mod close;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod reader;

mod assembly;

pub use error::Error;
pub use frame::Opcode;
pub use reader::{Limits, Message, Reader};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
