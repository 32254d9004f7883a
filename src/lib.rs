//! The engine of socket.io-native. Modules stand in the order data takes on its way in: bytes
//! arrive in [`net`], become WebSocket messages in [`ws`], Engine.IO packets in [`eio`], Socket.IO
//! packets in [`sio`], and cross to JavaScript in [`bridge`].

#[macro_use]
mod shared;

pub mod config;
pub mod error;
pub mod number;

pub mod ws;

pub mod eio;

pub mod sio;

pub mod net;

#[cfg(feature = "node")]
pub mod bridge;
