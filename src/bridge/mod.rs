//! The boundary to JavaScript: batches in ([`batch`], [`event_queue`]), batches of sends out ([`calls`]),
//! both held by the [`boundary`], and the rarer calls that open sessions and hand over connections
//! ([`engine`], with its objects in [`options`], [`opening`], [`connection`] and [`sockets`]) or poll
//! ([`polling`]). Sessions whose bytes JavaScript reads and writes live on its own thread ([`inline`]). It
//! translates and nothing else.

mod args;
pub mod backlog;
pub mod batch;
pub mod boundary;
pub mod calls;
pub mod connection;
#[cfg(test)]
mod contract;
pub mod debug_lines;
pub mod engine;
pub mod event_queue;
mod event_sink;
pub mod faults;
pub mod inline;
pub mod js_waker;
pub mod lag;
#[cfg(unix)]
pub mod listener;
pub mod metrics;
pub mod opening;
pub mod options;
pub mod polling;
mod quoting;
pub mod record;
pub mod runtime;
pub mod session_state;
pub mod sockets;
mod strings;
pub mod values;
