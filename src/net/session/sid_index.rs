//! Sessions by their id, for listeners that answer requests without the JavaScript thread.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::eio::id::LENGTH;
use crate::net::handle::Handle;
use crate::net::lock;

/// An id as the native generator makes it. Only JavaScript knows sessions with other ids.
pub type Sid = [u8; LENGTH];

/// The sessions of one engine by their id. Empty unless the engine has a listener.
#[derive(Debug, Default)]
pub struct Sids {
    kept: AtomicBool,
    handles: Mutex<HashMap<Sid, Handle>>,
}

impl Sids {
    /// Has sessions kept from now on.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Adds a session. Returns its id in the form by which it is to be removed; `None` if it is not
    /// kept.
    pub fn insert(&self, sid: &str, handle: Handle) -> Option<Sid> {
        if !self.kept.load(Ordering::Relaxed) {
            return None;
        }
        let sid: Sid = sid.as_bytes().try_into().ok()?;
        lock(&self.handles).insert(sid, handle);
        Some(sid)
    }

    /// Removes a session, unless an application has given its id to another session meanwhile.
    pub fn remove(&self, sid: &Sid, handle: Handle) {
        let mut handles = lock(&self.handles);
        if handles.get(sid) == Some(&handle) {
            handles.remove(sid);
        }
    }

    /// The session of an id.
    pub fn get(&self, sid: &str) -> Option<Handle> {
        let sid: Sid = sid.as_bytes().try_into().ok()?;
        lock(&self.handles).get(&sid).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_was_given_again_stays_with_the_later_session() {
        let sids = Sids::default();
        sids.keep();
        let text = "a".repeat(LENGTH);
        let [first, second] = [1, 2].map(Handle::from_raw);
        let sid = sids.insert(&text, first).expect("an id of ours");
        sids.insert(&text, second);
        sids.remove(&sid, first);
        assert_eq!(sids.get(&text), Some(second));
        sids.remove(&sid, second);
        assert_eq!(sids.get(&text), None);
    }
}
