//! The bytes under a WebSocket: the stream that carries them ([`stream`]), and those that wait to
//! be written on it ([`write_queue`]).

pub mod stream;
pub mod write_queue;
