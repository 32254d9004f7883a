//! The account of one session: the cost of its records that JavaScript has not worked off.

use crate::net::Gate;
use crate::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed, Ordering::SeqCst};

/// A session with less pending is read from, unless too much waits in all.
const ALWAYS: isize = 8 << 10;

/// The cost of what a session has appended and JavaScript has not worked off. The threads that
/// receive for the session add to it, the JavaScript thread takes from it.
#[derive(Debug)]
pub struct Pending {
    /// May be below zero for a moment: JavaScript can be faster than the thread that adds.
    cost: Gate,
    /// If reading has stopped: it goes on when no more than this is left.
    resume_at: AtomicIsize,
    /// Reading has stopped until the rates of the connection allow more.
    paced: AtomicBool,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            cost: Gate::default(),
            resume_at: AtomicIsize::new(0),
            paced: AtomicBool::new(false),
        }
    }
}

impl Pending {
    /// Adds the cost of records that were appended.
    pub fn add(&self, cost: usize) {
        self.cost.add(cost);
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
        // It was stored before the mark of the gate, which has been seen.
        self.cost.take(cost, || self.resume_at.load(Relaxed))
    }

    /// True if reading has stopped, or has to stop because more than the bound is pending. `bound` is
    /// asked for only if that is possible. [`Pending::take`] tells when it goes on.
    pub fn stops(&self, bound: impl FnOnce() -> usize) -> bool {
        if self.is_stopped() {
            return true;
        }
        if self.cost.cost() <= ALWAYS {
            return false;
        }
        let bound = isize::try_from(bound()).unwrap_or(isize::MAX).max(ALWAYS);
        let half = |cost| self.resume_at.store(cost / 2, Relaxed);
        self.cost.stops_above(bound, half)
    }

    /// The cost of what JavaScript has not worked off.
    pub fn cost(&self) -> usize {
        self.cost.cost().max(0).unsigned_abs()
    }

    /// True if reading has stopped.
    pub fn is_stopped(&self) -> bool {
        self.cost.is_stopped() || self.is_paced()
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
