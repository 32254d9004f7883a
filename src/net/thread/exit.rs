//! The part of an I/O thread in a flush at exit.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::net::thread::exit_flush::ExitFlush;
use crate::net::thread::pending_writes::WriteState;
use crate::net::thread::state::IoThread;

/// A connection is waited for as long as its client takes something within this time, in ms.
pub const PATIENCE_MS: u64 = 250;
/// The time between two looks at pending writes.
pub const LOOK: Duration = Duration::from_millis(2);

impl IoThread {
    /// Works on the flush at exit of an environment.
    pub(in crate::net) fn flush_for_exit(self: &Rc<Self>, exit_flush: Arc<ExitFlush>) {
        let local = self.clone();
        tokio::task::spawn_local(async move {
            // The commands before this one are carried out by now.
            while !exit_flush.is_over() {
                let pending_writes = &local.pending_writes;
                match pending_writes.write_state(
                    &local,
                    &exit_flush.inbox,
                    exit_flush.pumps,
                    PATIENCE_MS,
                ) {
                    WriteState::No => break,
                    WriteState::Yes => tokio::time::sleep(LOOK).await,
                    WriteState::ByJavaScript => {
                        return exit_flush.ask_javascript();
                    }
                }
            }
            exit_flush.finish();
        });
    }
}
