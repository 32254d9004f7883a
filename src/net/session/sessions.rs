//! The sessions of the process and the clock that they live by. All threads share them.

use std::time::Instant;

use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::session::table::Table;

/// The table of sessions, and the clock.
pub struct Sessions {
    started: Instant,
    table: Table,
}

impl Default for Sessions {
    /// No sessions; the clock stands at 0.
    fn default() -> Self {
        Self {
            started: Instant::now(),
            table: Table::default(),
        }
    }
}

impl Sessions {
    /// The time in ms since the clock began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// All sessions by their handle.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Notes that the client of a session has taken more of the answer to its poll.
    pub fn note_answer_progress(&self, handle: Handle) {
        if let Some(shared) = self.table.get(handle) {
            let turn = shared.inbox.turns();
            if let Some(reader) = &mut lock(&shared.inner).reader {
                reader.took(self.now(), turn);
            }
        }
    }
}
