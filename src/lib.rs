//! The engine of socket.io-native. Modules stand in the order that data takes on its way in: bytes
//! arrive in [`net`], become WebSocket messages in [`ws`], Engine.IO packets in [`eio`] and
//! Socket.IO packets in [`sio`], and cross to JavaScript in `bridge`. A module uses those below it
//! only: `bridge` uses all others, [`net`] the protocols, and these [`config`], [`counters`],
//! [`error`], [`number`], [`sums`] and `sync`.

#[macro_use]
mod shared;
mod sync;

pub mod config;
pub mod counters;
pub mod error;
pub mod number;
pub mod sums;

pub mod ws;

pub mod eio;

pub mod sio;

pub mod net;

#[cfg(feature = "node")]
pub mod bridge;
