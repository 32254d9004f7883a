//! Checks of the account of a session.

use std::sync::Arc;

use loom::thread;

use crate::explore;
use crate::net::session::pending::Pending;
use crate::sync::{Mutex, Notify, lock};

/// A cost above which a session may be stopped.
const COST: usize = 10_000;

/// A session with readers, each of which waits by itself if it has stopped.
#[derive(Default)]
struct Session {
    pending: Pending,
    appended: Mutex<usize>,
    javascript: Notify,
    readers: [Notify; 2],
}

impl Session {
    /// Appends a record of this cost, as a thread that reads.
    fn append(&self, cost: usize) {
        *lock(&self.appended) += cost;
        self.javascript.notify_one();
        self.pending.add(cost);
    }

    /// Waits for JavaScript if reading has to stop.
    fn wait_if_stopped(&self, reader: usize, bound: usize) {
        while self.pending.stops(|| bound) {
            self.readers[reader].wait();
        }
    }

    /// Works off records until there were some of this cost in all.
    fn work_off(&self, mut cost: usize) {
        while cost > 0 {
            self.javascript.wait();
            let taken = std::mem::take(&mut *lock(&self.appended));
            cost -= taken;
            if self.pending.take(taken) {
                for reader in &self.readers {
                    reader.notify_one();
                }
            }
        }
    }
}

/// Reading that has stopped goes on when JavaScript has worked off what was appended, also if that
/// happens between the appending and the counting of it.
pub fn goes_on_when_javascript_has_caught_up() {
    explore(2, || {
        let session = Arc::new(Session::default());
        let reading = {
            let session = session.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    session.append(COST);
                    session.wait_if_stopped(0, COST);
                }
            })
        };
        session.work_off(3 * COST);
        reading.join().expect("no panic");
        assert!(!session.pending.is_stopped());
        assert!(!session.pending.stops(|| 0), "nothing is pending");
    });
}

/// Two threads may read for one session: a POST beside the WebSocket of an upgrade. Both go on.
pub fn has_all_readers_of_a_session_go_on() {
    explore(2, || {
        let session = Arc::new(Session::default());
        let readers = [0, 1].map(|reader| {
            let session = session.clone();
            thread::spawn(move || {
                session.append(COST);
                session.wait_if_stopped(reader, COST / 2);
            })
        });
        session.work_off(2 * COST);
        for reader in readers {
            reader.join().expect("no panic");
        }
        assert!(!session.pending.is_stopped());
    });
}
