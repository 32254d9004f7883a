//! Checks of the queue between the I/O threads and the JavaScript thread of an environment.

use std::sync::Arc;

use loom::thread;

use crate::bridge::event_queue::EventQueue;
use crate::bridge::runtime::runtime;
use crate::explore;
use crate::net::thread::checks::await_resume;
use crate::sys::Function;

/// An environment: its queue, and the loop of its JavaScript thread. loom reports a deadlock if it is
/// not woken for a record.
#[derive(Clone, Default)]
struct Environment {
    queue: Arc<EventQueue>,
    function: Arc<Function>,
}

impl Environment {
    fn new() -> Self {
        let environment = Self::default();
        let function = Arc::as_ptr(&environment.function).cast_mut();
        environment.queue.waker().install(function);
        environment
    }

    /// Appends a record, and wakes as an I/O thread does.
    fn tell(&self, record: u32) {
        self.queue.place(record);
        if self.queue.needs_wake() {
            self.queue.waker().wake();
        }
    }

    /// Works off what there is, one batch after the other. Returns the records.
    fn drain(&self) -> Vec<u32> {
        let mut records = Vec::new();
        loop {
            if let Some(batch) = self.queue.take() {
                records.extend(batch.records);
            }
            if !self.queue.rest() {
                return records;
            }
        }
    }

    /// Works off what there is whenever it is woken, until there were `count` records.
    fn receive(&self, count: usize) -> Vec<u32> {
        let mut records = Vec::new();
        while records.len() < count {
            self.function.called.wait();
            records.extend(self.drain());
        }
        records
    }
}

/// Every record reaches JavaScript, in the order of each thread, however the threads that append it
/// interleave with the JavaScript thread.
pub fn wakes_javascript_for_every_record() {
    explore(3, || {
        let environment = Environment::new();
        let threads = [[1, 2], [3, 4]].map(|records| {
            let environment = environment.clone();
            thread::spawn(move || records.map(|record| environment.tell(record)))
        });
        let mut records = environment.receive(4);
        for thread in threads {
            thread.join().expect("no panic");
        }
        let at = |record| records.iter().position(|one| *one == record);
        assert!(at(1) < at(2) && at(3) < at(4));
        records.sort_unstable();
        assert_eq!(records, [1, 2, 3, 4]);
        assert_eq!(environment.queue.waiting(), 0);
    });
}

/// JavaScript may also take records by itself, when a request asks for them.
pub fn wakes_javascript_that_has_looked_by_itself() {
    explore(3, || {
        let environment = Environment::new();
        let thread = {
            let environment = environment.clone();
            thread::spawn(move || [1, 2, 3].map(|record| environment.tell(record)))
        };
        let mut records = environment.drain();
        if records.len() < 3 {
            records.extend(environment.receive(3 - records.len()));
        }
        thread.join().expect("no panic");
        assert_eq!(records, [1, 2, 3]);
    });
}

/// A nudge has JavaScript count a turn, and takes no wake-up from a record.
pub fn counts_a_turn_after_a_nudge() {
    explore(3, || {
        let environment = Environment::new();
        let nudging = {
            let environment = environment.clone();
            thread::spawn(move || {
                let turns = environment.queue.turns();
                environment.queue.nudge();
                turns
            })
        };
        let telling = {
            let environment = environment.clone();
            thread::spawn(move || environment.tell(1))
        };
        assert_eq!(environment.receive(1), [1]);
        telling.join().expect("no panic");
        let turns = nudging.join().expect("no panic");
        while environment.queue.turns() <= turns {
            environment.function.called.wait();
            assert_eq!(environment.drain(), []);
        }
    });
}

/// A thread that stops reading because too much waits goes on when JavaScript has worked it off, and
/// nobody counts as stopped then.
pub fn resumes_those_who_stopped_at_a_full_queue() {
    explore(3, || {
        let environment = Environment::new();
        let reading = {
            let environment = environment.clone();
            thread::spawn(move || {
                for record in [1, 2, 3] {
                    while environment.queue.is_full() {
                        await_resume(&runtime().thread);
                    }
                    environment.tell(record);
                }
                environment.queue.is_full();
            })
        };
        let mut records = environment.receive(3);
        reading.join().expect("no panic");
        records.extend(environment.drain());
        assert_eq!(records, [1, 2, 3]);
        assert!(!environment.queue.is_stopped() && !environment.queue.is_full());
    });
}

/// A function is not called any more when the environment has finalized it, and what is appended
/// behind that is not kept.
pub fn leaves_a_function_alone_that_was_finalized() {
    explore(3, || {
        let environment = Environment::new();
        let thread = {
            let environment = environment.clone();
            thread::spawn(move || [1, 2].map(|record| environment.tell(record)))
        };
        environment.queue.leave();
        let finalized = &environment.function.finalized;
        finalized.store(true, loom::sync::atomic::Ordering::Relaxed);
        thread.join().expect("no panic");
        assert_eq!(environment.queue.waiting(), 0);
        assert!(environment.queue.is_gone());
    });
}
