//! Engine.IO, protocol 4: packets, payloads, session ids and the session's state machine. Pure:
//! this layer knows neither sockets nor threads nor JavaScript; time comes in as milliseconds.

pub mod handshake;
pub mod id;
pub mod packet;
pub mod payload;
pub mod session;
pub mod wheel;
