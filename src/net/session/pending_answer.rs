//! Answers to pending polls, on their way from the session to the thread of the poll's connection.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::shared_static;

shared_static! {
    /// Counts answers that were given to pending polls and that the threads of their connections have
    /// not picked up.
    static DUE: AtomicUsize = AtomicUsize::new(0);
}

/// Counts an answer to a pending poll until the thread of its connection picks it up.
pub struct PendingAnswer(());

impl PendingAnswer {
    /// Counts one more answer.
    pub fn begin() -> Self {
        DUE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }

    /// True if an answer of any session of the process is to be picked up.
    pub fn is_any() -> bool {
        DUE.load(Ordering::SeqCst) > 0
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        DUE.fetch_sub(1, Ordering::SeqCst);
    }
}
