//! Sessions as all threads share them: one session ([`shared`]) of an engine ([`engine`]), found by
//! its handle ([`table`]) and by its id ([`sid_index`]), and the progress of clients that read
//! slowly.

pub mod admission;
pub mod bodies;
pub mod bucket;
pub mod carried;
pub mod engine;
pub mod messages;
pub mod pace;
pub mod pending;
pub mod pending_answer;
pub mod post_rest;
pub mod sessions;
pub mod shared;
pub mod sid_index;
pub mod slow_readers;
pub mod table;
pub mod traffic;
