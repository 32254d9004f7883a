//! The state of one session, for a page that shows it. Nothing is asked of an I/O thread.

use napi_derive::napi;

use crate::bridge::engine::Engine;
use crate::bridge::runtime::runtime;
use crate::net::handle::Handle;
use crate::sync::lock;

/// The state of one session.
#[napi(object)]
pub struct SessionState {
    /// Bytes read from the connection of its WebSocket; 0 without one.
    pub bytes_read: f64,
    /// Bytes of that connection that the kernel has taken.
    pub bytes_written: f64,
    /// Bytes that wait for the client: on its WebSocket, or for its next poll.
    pub bytes_waiting: f64,
    /// The time until the next ping, in ms; none: the answer to one is awaited.
    pub ping_in: Option<f64>,
    /// The time until the awaited answer (protocol 3: the client's next ping) is overdue, in ms.
    pub answer_by: Option<f64>,
}

#[napi]
impl Engine {
    /// The state of a session as far as this process knows it now; none: it has ended.
    #[napi(catch_unwind)]
    pub fn session_state(&self, handle: u32) -> Option<SessionState> {
        let shared = runtime().table().get(Handle::from_raw(handle))?;
        let now = runtime().now();
        let (ping, answer) = lock(&shared.inner).session.heartbeat();
        let left = |at: u64| at.saturating_sub(now) as f64;
        let (read, written) = shared.traffic.load();
        Some(SessionState {
            bytes_read: read as f64,
            bytes_written: written as f64,
            bytes_waiting: shared.backlog.waiting() as f64,
            ping_in: ping.map(left),
            answer_by: answer.map(left),
        })
    }
}
