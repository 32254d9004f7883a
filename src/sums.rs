//! Sums over all clients of an engine, and the choice of the client that has to go when one is too
//! large.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// A sum to which each client adds its share. Any thread changes it.
#[derive(Debug, Default)]
pub struct Sum(AtomicUsize);

impl Sum {
    /// Replaces a share of `before` by one of `now`. Returns the sum.
    pub fn replace(&self, before: usize, now: usize) -> usize {
        let change = now.wrapping_sub(before);
        // A share that shrinks wraps around, and so does the sum: back to what it has to be.
        self.0.fetch_add(change, Relaxed).wrapping_add(change)
    }

    /// Adds a share if the sum stays within `max`. Returns false if it does not.
    pub fn try_add(&self, share: usize, max: usize) -> bool {
        let add = |sum: usize| sum.checked_add(share).filter(|sum| *sum <= max);
        self.0.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    /// The sum.
    pub fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A share of a sum, which is taken back when it is dropped.
#[derive(Debug)]
pub struct Share {
    sum: Arc<Sum>,
    share: usize,
}

impl Share {
    /// A share of a sum, whatever that becomes.
    pub fn new(sum: &Arc<Sum>, share: usize) -> Self {
        sum.replace(0, share);
        let sum = sum.clone();
        Self { sum, share }
    }

    /// A share of a sum that stays within `max`.
    pub fn within(sum: &Arc<Sum>, share: usize, max: usize) -> Option<Self> {
        let sum = sum.try_add(share, max).then(|| sum.clone())?;
        Some(Self { sum, share })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.sum.replace(self.share, 0);
    }
}

/// The largest shares of clients that may be closed, of each thread that closes clients: only the
/// thread with the largest of all closes one.
#[derive(Debug, Default)]
pub struct Largest(Mutex<Vec<usize>>);

impl Largest {
    /// Stores the largest share of a thread, and returns true if no other thread has a larger one.
    pub fn is_mine(&self, thread: usize, share: usize) -> bool {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() <= thread {
            shares.resize(thread + 1, 0);
        }
        if let Some(own) = shares.get_mut(thread) {
            *own = share;
        }
        share > 0 && shares.iter().all(|other| *other <= share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_all_shares() {
        let sum = Sum::default();
        assert_eq!(sum.replace(0, 500), 500);
        assert_eq!(sum.replace(0, 70), 570);
        assert_eq!(sum.replace(500, 20), 90);
        assert_eq!(sum.replace(70, 0), 20);
        assert_eq!(sum.get(), 20);
    }

    #[test]
    fn a_share_that_has_no_room_is_not_added() {
        let sum = Sum::default();
        assert!(sum.try_add(2, 4) && sum.try_add(2, 4));
        assert!(!sum.try_add(1, 4));
        assert_eq!(sum.get(), 4);
        assert_eq!(sum.replace(2, 0), 2);
        assert!(sum.try_add(1, 4));
        assert!(!sum.try_add(usize::MAX, usize::MAX));
    }

    #[test]
    fn a_share_is_taken_back_when_it_is_dropped() {
        let sum = Arc::new(Sum::default());
        let shares = [Share::within(&sum, 2, 3), Share::within(&sum, 2, 3)];
        assert!(shares[0].is_some() && shares[1].is_none());
        let more = Share::new(&sum, 2);
        assert_eq!(sum.get(), 4);
        drop((shares, more));
        assert_eq!(sum.get(), 0);
    }

    #[test]
    fn the_thread_with_the_largest_share_is_the_one_to_close_a_client() {
        let largest = Largest::default();
        assert!(!largest.is_mine(0, 0), "there is nothing to close");
        assert!(largest.is_mine(0, 500));
        assert!(!largest.is_mine(2, 300));
        assert!(largest.is_mine(1, 600));
        assert!(!largest.is_mine(0, 500));
        assert!(!largest.is_mine(1, 0));
        assert!(largest.is_mine(0, 500));
    }
}
