//! The backlog of sessions as JavaScript reads it, and the flush at exit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use napi_derive::napi;

use super::engine::Engine;
use crate::bridge::runtime::runtime;
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::thread::Command;

/// The longest time that the JavaScript thread waits for an I/O thread to ask the kernel.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// The longest time that the flush at exit may take.
const EXIT_FLUSH_WAIT: Duration = Duration::from_millis(1500);

shared_enum! {
    /// The progress of the messages of a session's WebSocket.
    pub enum DrainState {
        /// The I/O thread has yet to ask the kernel.
        Unknown = 0,
        /// All are written.
        Drained = 1,
        /// Some wait.
        Waiting = 2,
    }
}

#[napi]
impl Engine {
    /// Returns the bytes sent on a session's WebSocket that the kernel has not taken; 0 if the session has
    /// ended. Hands over earlier sends first, and waits until the kernel has been asked.
    #[napi(catch_unwind)]
    pub fn buffered_bytes(&mut self, handle: u32) -> f64 {
        self.flush();
        let handle = Handle::from_raw(handle);
        let Some(peer) = runtime().table().get(handle) else {
            return 0.0;
        };
        self.look(handle, LOOK_WAIT);
        peer.backlog.bytes() as f64
    }

    /// Returns the number of messages that wait on a session's WebSocket for earlier ones to be written.
    #[napi(catch_unwind)]
    pub fn waiting_messages(&mut self, handle: u32) -> u32 {
        let handle = Handle::from_raw(handle);
        let Some(peer) = runtime().table().get(handle) else {
            return 0;
        };
        self.look(handle, LOOK_WAIT);
        peer.backlog.messages()
    }

    /// Hands over the messages that were sent on a session's WebSocket; returns a [`DrainState`]. This
    /// thread waits for the I/O thread, `ms` at most.
    #[napi(catch_unwind)]
    pub fn drain_state(&mut self, handle: u32, ms: u32) -> u32 {
        self.flush();
        let handle = Handle::from_raw(handle);
        let Some(peer) = runtime().table().get(handle) else {
            return DrainState::Drained as u32;
        };
        let patience = Duration::from_millis(ms.into());
        let state = match (self.look(handle, patience), peer.backlog.bytes()) {
            (false, _) => DrainState::Unknown,
            (true, 0) => DrainState::Drained,
            (true, _) => DrainState::Waiting,
        };
        state as u32
    }

    /// Notes that the client of a session has taken more of the answer to its poll.
    #[napi(catch_unwind)]
    pub fn took(&self, handle: u32) {
        runtime()
            .sessions()
            .note_answer_progress(Handle::from_raw(handle));
    }

    /// Notes that JavaScript hands over messages of a session's WebSocket in batches from now on, the
    /// next one when the last one is written.
    #[napi(catch_unwind)]
    pub fn send_in_batches(&self, handle: u32) {
        if let Some(peer) = runtime().table().get(Handle::from_raw(handle)) {
            peer.backlog.send_in_batches();
        }
    }

    /// Has the note `Drained` appended once all messages that were handed over of a session are written.
    #[napi(catch_unwind)]
    pub fn tell_drained(&self, handle: u32) {
        let handle = Handle::from_raw(handle);
        runtime().send_to(handle, Command::TellDrained(handle));
    }

    /// Hands over all sends, and waits until the kernel has them: as long as clients take them, and for
    /// 1,500 ms at most. With `begins`, the time counts from now on.
    ///
    /// With `pumps`, streams that JavaScript pumps count too: the result is true if JavaScript has to
    /// write for them, and to call again.
    #[napi(catch_unwind)]
    pub fn flush_for_exit(&mut self, begins: bool, pumps: bool) -> bool {
        if begins {
            self.exit_flush_by = Instant::now() + EXIT_FLUSH_WAIT;
        }
        self.flush();
        let inbox: Arc<dyn EventSink> = self.hub.clone();
        let deadline = self.exit_flush_by;
        let goes_on = self.inline().flush_for_exit(deadline, pumps);
        runtime().flush_for_exit(&inbox, deadline, pumps) || goes_on
    }

    /// Waits until the thread of a session has asked for all sends to be written, for `patience` at most.
    /// Returns false if it has not.
    fn look(&mut self, handle: Handle, patience: Duration) -> bool {
        if handle.is_inline() {
            self.catch_up();
            return true;
        }
        runtime().catch_up(handle, patience)
    }
}
