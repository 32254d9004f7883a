//! A cost that grows and shrinks, and the mark that somebody has stopped because of it.

use crate::sync::atomic::{AtomicIsize, Ordering::AcqRel, Ordering::Acquire};

/// The mark, below the cost in one word: who sets it does so at a cost that is above the bound at
/// that moment, so that somebody who takes from it has yet to come.
const STOPPED: isize = 1;

/// The cost of what waits, and the mark that somebody stopped because of it. All threads may call
/// all methods.
#[derive(Debug)]
pub struct Gate(AtomicIsize);

impl Default for Gate {
    fn default() -> Self {
        Self(AtomicIsize::new(0))
    }
}

impl Gate {
    /// Adds to the cost.
    pub fn add(&self, cost: usize) {
        self.0.fetch_add((cost as isize) << 1, AcqRel);
    }

    /// Takes from the cost. Returns true, and removes the mark, if it is set and no more than
    /// `resume_at` is left: those who have stopped have to be told to go on.
    pub fn take(&self, cost: usize, resume_at: impl FnOnce() -> isize) -> bool {
        let cost = (cost as isize) << 1;
        let left = self.0.fetch_sub(cost, AcqRel) - cost;
        left & STOPPED != 0
            && left >> 1 <= resume_at()
            && self.0.fetch_and(!STOPPED, AcqRel) & STOPPED != 0
    }

    /// True if the caller has to stop, because the cost is above `bound`. Sets the mark then;
    /// `before` is called with the cost before it is set.
    pub fn stops_above(&self, bound: isize, before: impl Fn(isize)) -> bool {
        let mut now = self.0.load(Acquire);
        loop {
            let cost = now >> 1;
            if cost <= bound {
                return false;
            }
            if now & STOPPED != 0 {
                return true;
            }
            before(cost);
            match (self.0).compare_exchange_weak(now, now | STOPPED, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
    }

    /// The cost. Below zero for a moment if somebody takes what is about to be added.
    pub fn cost(&self) -> isize {
        self.0.load(Acquire) >> 1
    }

    /// True if the mark is set.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Acquire) & STOPPED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_above_the_bound_stops_until_enough_was_taken() {
        let gate = Gate::default();
        gate.add(10);
        assert!(!gate.stops_above(10, |_| unreachable!()) && !gate.is_stopped());
        gate.add(1);
        assert!(gate.stops_above(10, |cost| assert_eq!(cost, 11)) && gate.is_stopped());
        assert!(gate.stops_above(10, |_| unreachable!("it is set already")));
        assert!(!gate.take(1, || 5), "more is left");
        assert_eq!(gate.cost(), 10);
        assert!(!gate.stops_above(10, |_| unreachable!()) && gate.is_stopped());
        assert!(gate.take(5, || 5) && !gate.is_stopped());
        assert!(!gate.take(5, || unreachable!("nobody has stopped")));
        assert_eq!(gate.cost(), 0);
    }

    #[test]
    fn a_cost_below_zero_is_kept_until_it_is_added() {
        let gate = Gate::default();
        assert!(!gate.take(7, || 0));
        assert_eq!((gate.cost(), gate.is_stopped()), (-7, false));
        gate.add(7);
        assert_eq!(gate.cost(), 0);
    }
}
