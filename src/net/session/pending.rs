//! The account of one session: the cost of its records that JavaScript has not worked off.

use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::SeqCst};

/// Nobody waits.
const GOES_ON: isize = isize::MIN;
/// A session with less pending is read from, unless too much waits in all.
const ALWAYS: isize = 8 << 10;

/// The cost of what a session has appended and JavaScript has not worked off. The threads that
/// receive for the session add to it, the JavaScript thread takes from it.
#[derive(Debug)]
pub struct Pending {
    /// May be below zero for a moment: JavaScript can be faster than the thread that adds.
    cost: AtomicIsize,
    /// Reading has stopped until no more than this is left; [`GOES_ON`]: it has not.
    resume_at: AtomicIsize,
    /// Reading has stopped until the rates of the connection allow more.
    paced: AtomicBool,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            cost: AtomicIsize::new(0),
            resume_at: AtomicIsize::new(GOES_ON),
            paced: AtomicBool::new(false),
        }
    }
}

impl Pending {
    /// Adds the cost of records that were appended.
    pub fn add(&self, cost: usize) {
        self.cost.fetch_add(cost as isize, SeqCst);
    }

    /// Stops reading because of the rates of the connection, or has it go on (`false`).
    pub fn set_paced(&self, paced: bool) {
        self.paced.store(paced, SeqCst);
    }

    /// True if reading has stopped because of the rates of the connection.
    pub fn is_paced(&self) -> bool {
        self.paced.load(SeqCst)
    }

    /// Takes the cost of records that were worked off. Returns true if reading has to go on; once.
    pub fn take(&self, cost: usize) -> bool {
        let left = self.cost.fetch_sub(cost as isize, SeqCst) - cost as isize;
        let resume_at = self.resume_at.load(SeqCst);
        resume_at != GOES_ON && left <= resume_at && self.resume_at.swap(GOES_ON, SeqCst) != GOES_ON
    }

    /// True if reading has stopped, or has to stop because more than the bound is pending. `bound` is
    /// asked for only if that is possible. [`Pending::take`] tells when it goes on.
    pub fn stops(&self, bound: impl FnOnce() -> usize) -> bool {
        if self.is_stopped() {
            return true;
        }
        let cost = self.cost.load(SeqCst);
        if cost <= ALWAYS || cost as usize <= bound() {
            return false;
        }
        self.resume_at.store(cost / 2, SeqCst);
        // Either this sees what was taken meanwhile, or `take` sees that reading has stopped.
        let caught_up = self.cost.load(SeqCst) <= cost / 2;
        !(caught_up && self.resume_at.swap(GOES_ON, SeqCst) != GOES_ON)
    }

    /// The cost of what JavaScript has not worked off.
    pub fn cost(&self) -> usize {
        self.cost.load(SeqCst).max(0).unsigned_abs()
    }

    /// True if reading has stopped.
    pub fn is_stopped(&self) -> bool {
        self.resume_at.load(SeqCst) != GOES_ON || self.is_paced()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_above_the_bound_and_goes_on_at_half_of_what_was_pending() {
        let pending = Pending::default();
        pending.add(20_000);
        assert!(!pending.stops(|| 20_000));
        pending.add(1);
        assert!(pending.stops(|| 20_000));
        assert!(pending.stops(|| usize::MAX), "it waits for half");
        assert!(!pending.take(10_000));
        assert!(pending.is_stopped());
        assert!(pending.take(1), "half is left");
        assert!(!pending.is_stopped());
        assert!(!pending.take(10_000), "told once");
    }

    #[test]
    fn a_session_with_little_pending_does_not_ask_for_the_bound() {
        let pending = Pending::default();
        pending.add(ALWAYS as usize);
        assert!(!pending.stops(|| unreachable!()));
    }

    #[test]
    fn a_session_that_is_too_fast_is_not_read_from_whatever_is_pending() {
        let pending = Pending::default();
        pending.set_paced(true);
        assert!(pending.stops(|| usize::MAX) && pending.is_stopped());
        assert!(
            !pending.take(1),
            "nothing goes on because of what was taken"
        );
        assert!(pending.is_stopped());
        pending.set_paced(false);
        assert!(!pending.stops(|| usize::MAX));
    }

    #[test]
    fn what_is_taken_before_it_is_added_leaves_nothing() {
        let pending = Pending::default();
        assert!(!pending.take(30_000));
        pending.add(30_000);
        assert!(!pending.stops(|| 0));
    }
}
