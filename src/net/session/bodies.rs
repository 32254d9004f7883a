//! The bodies of requests that are being received: their sum is bounded, and the largest one has to go
//! if it is too large.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::net::lock;

/// The bodies of one engine that did not come at once.
#[derive(Debug, Default)]
pub struct Bodies(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    last: u64,
    sum: usize,
    bodies: HashMap<u64, (usize, Option<oneshot::Sender<()>>)>,
}

/// A body among [`Bodies`], until it is dropped.
#[derive(Debug)]
pub struct Receipt {
    bodies: Arc<Bodies>,
    number: u64,
}

impl Bodies {
    /// Adds a body. The receiver hears when it has to be given up.
    pub fn begin(self: &Arc<Self>) -> (Receipt, oneshot::Receiver<()>) {
        let (give_up, given_up) = oneshot::channel();
        let mut under_way = lock(&self.0);
        under_way.last += 1;
        let number = under_way.last;
        under_way.bodies.insert(number, (0, Some(give_up)));
        let bodies = self.clone();
        (Receipt { bodies, number }, given_up)
    }

    /// The bytes of all bodies.
    pub fn sum(&self) -> usize {
        lock(&self.0).sum
    }
}

impl Receipt {
    /// Notes that so many bytes have come. If the sum of all exceeds `max`, the largest body is told to
    /// be given up; the result is true then.
    pub fn grow(&self, bytes: usize, max: usize) -> bool {
        let mut under_way = lock(&self.bodies.0);
        let under_way = &mut *under_way;
        // One that was told does not count any more.
        let Some((before, Some(_))) = under_way.bodies.get_mut(&self.number) else {
            return false;
        };
        under_way.sum = under_way.sum + bytes - *before;
        *before = bytes;
        if under_way.sum <= max {
            return false;
        }
        let waiting = (under_way.bodies.values_mut()).filter(|(_, give_up)| give_up.is_some());
        let largest = waiting.max_by_key(|(bytes, _)| *bytes);
        let Some((bytes, give_up)) = largest else {
            return false;
        };
        under_way.sum -= std::mem::take(bytes);
        give_up
            .take()
            .is_some_and(|give_up| give_up.send(()).is_ok())
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let mut under_way = lock(&self.bodies.0);
        if let Some((bytes, _)) = under_way.bodies.remove(&self.number) {
            under_way.sum -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_body_is_given_up_if_all_are_too_large() {
        let bodies = Arc::<Bodies>::default();
        let (small, mut small_ends) = bodies.begin();
        let (large, mut large_ends) = bodies.begin();
        assert!(!small.grow(10, 100) && !large.grow(90, 100));
        assert!(small.grow(11, 100));
        assert!(large_ends.try_recv().is_ok() && small_ends.try_recv().is_err());
        assert_eq!(bodies.sum(), 11);
        assert!(!large.grow(95, 100), "it was told");
        drop(large);
        assert_eq!(bodies.sum(), 11);
        assert!(!small.grow(100, 100));
        assert!(small.grow(101, 100) && small_ends.try_recv().is_ok());
        assert!(!small.grow(102, 100), "it was told");
        drop(small);
        assert_eq!(bodies.sum(), 0);
    }
}
