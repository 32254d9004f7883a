//! Sessions: what the process shares of one ([`shared`]), what its I/O thread has of it
//! ([`on_thread`]), what a listener asks of it ([`on_listener`]), and how it is found by its handle
//! and by its id.

pub mod handle;
pub mod on_listener;
pub mod on_thread;
pub mod shared;
pub mod sid_index;
pub mod slow_readers;
