//! WebSockets: the byte streams that carry them ([`stream`]), one connection ([`conn`]) with what
//! waits to be written on it, and one message for many of them.

pub mod broadcast;
pub mod conn;
pub mod stream;
pub mod write_queue;
