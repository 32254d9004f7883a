//! Engine.IO, protocols 3 and 4: packets, payloads, session ids and the session's state machine.
//! Pure: this layer knows neither sockets nor threads nor JavaScript; time comes in as
//! milliseconds.

pub mod encoding;
pub mod handshake;
pub mod id;
pub mod output;
pub mod packet;
pub mod packet_v3;
pub mod payload;
pub mod payload_v3;
pub mod session;
pub mod wheel;
