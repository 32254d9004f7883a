//! The rates of one connection: its events and its bytes. What exceeds a rate is not dropped: the
//! session is not read from until the rate allows it.

use crate::config::PaceLimits;
use crate::counters::Bound;
use crate::net::session::bucket::Bucket;

/// The rates of one connection.
#[derive(Debug, Default)]
pub struct Pace {
    events: Bucket,
    bytes: Bucket,
    /// The time, in ms, until which nothing is read; 0: reading goes on.
    until: u64,
}

impl Pace {
    /// Counts what was received at `now`, in ms. Returns the bound that was reached, if reading has to
    /// stop because of that.
    pub fn charge(
        &mut self,
        limits: &PaceLimits,
        events: u64,
        bytes: u64,
        now: u64,
    ) -> Option<Bound> {
        let (max_events, max_bytes) = (limits.events(), limits.bytes());
        if max_events > 0 {
            self.events.take(events, max_events, now);
        }
        if max_bytes > 0 {
            self.bytes.take(bytes, max_bytes, now);
        }
        let was_stopped = self.until > 0;
        let bound = self.judge(limits, now)?;
        (!was_stopped).then_some(bound)
    }

    /// Looks whether reading may go on at `now`, in ms. Returns false if it has yet to wait.
    pub fn goes_on(&mut self, limits: &PaceLimits, now: u64) -> bool {
        self.judge(limits, now).is_none()
    }

    /// The time until which nothing is read, in ms; `None`: reading goes on.
    pub const fn until(&self) -> Option<u64> {
        match self.until {
            0 => None,
            until => Some(until),
        }
    }

    fn judge(&mut self, limits: &PaceLimits, now: u64) -> Option<Bound> {
        let was_stopped = self.until > 0;
        self.until = 0;
        let mut bound = None;
        for (bucket, rate, of) in [
            (&mut self.events, limits.events(), Bound::Events),
            (&mut self.bytes, limits.bytes(), Bound::Bytes),
        ] {
            if rate == 0 {
                // A limit that is set again begins anew.
                *bucket = Bucket::default();
                continue;
            }
            let ready_at = bucket.ready_at(rate, now);
            // One that waits does so until there is enough for some packets.
            if !bucket.has_token(rate, now) || was_stopped && ready_at > now {
                self.until = self.until.max(ready_at).max(1);
                bound = bound.or(Some(of));
            }
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(events: u64, bytes: u64) -> PaceLimits {
        let limits = PaceLimits::default();
        limits.set(events, bytes);
        limits
    }

    #[test]
    fn reading_stops_with_the_last_event_of_the_burst_and_goes_on_at_the_rate() {
        let (mut pace, limits) = (Pace::default(), limits(100, 0));
        for _ in 0..99 {
            assert_eq!(pace.charge(&limits, 1, 1_000_000, 0), None);
        }
        assert_eq!(pace.charge(&limits, 1, 0, 0), Some(Bound::Events));
        assert_eq!(pace.charge(&limits, 1, 0, 0), None, "told once");
        // One event beyond the burst, and the events of 50 ms.
        assert_eq!(pace.until(), Some(60));
        assert!(!pace.goes_on(&limits, 59));
        assert!(pace.goes_on(&limits, 60));
        assert_eq!(pace.until(), None);
    }

    #[test]
    fn a_message_that_is_longer_than_the_rate_is_taken_and_paid_for() {
        let (mut pace, limits) = (Pace::default(), limits(0, 1_000));
        assert_eq!(pace.charge(&limits, 1, 10_000, 0), Some(Bound::Bytes));
        assert_eq!(pace.until(), Some(9_050));
    }

    #[test]
    fn the_slower_rate_counts() {
        let (mut pace, limits) = (Pace::default(), limits(10, 1_000));
        assert_eq!(pace.charge(&limits, 10, 3_000, 0), Some(Bound::Events));
        assert_eq!(pace.until(), Some(2_050));
    }

    #[test]
    fn a_limit_that_is_taken_back_or_raised_counts_at_once() {
        let (mut pace, limits) = (Pace::default(), limits(1, 0));
        assert_eq!(pace.charge(&limits, 1_000, 0, 0), Some(Bound::Events));
        assert_eq!(pace.until(), Some(1_000_000));
        limits.set(100, 0);
        assert!(!pace.goes_on(&limits, 1));
        assert!(pace.until() < Some(10_000));
        limits.set(0, 0);
        assert!(pace.goes_on(&limits, 1));
        limits.set(1, 0);
        assert!(pace.goes_on(&limits, 1));
    }
}
