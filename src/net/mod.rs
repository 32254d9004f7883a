//! Bytes: I/O threads, the connections they serve, and the way between them and an environment's
//! JavaScript thread ([`events`] in, [`send_batch`] out). Knows tokio; knows nothing of Node.

pub mod events;
mod gate;
pub mod handle;
#[cfg(unix)]
pub mod listener;
pub mod runtime;
pub mod send_batch;
pub mod session;
#[cfg(test)]
mod test_kit;
pub mod thread;
pub mod websocket;

pub(crate) use self::gate::Gate;
pub(crate) use crate::sync::lock;
