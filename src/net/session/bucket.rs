//! A token bucket: a rate per second, with a burst of one second.

/// The units of one token: at a rate of `n` tokens per second, `n` units come back in each ms.
const TOKEN: u64 = 1000;
/// A bucket that was empty is waited for until it has the tokens of this time, in ms: one wake-up
/// serves several packets.
const REFILL_MS: u64 = 50;

/// A bucket of tokens, as the tokens that were taken and have not come back. A new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// Units that were taken.
    taken: u64,
    /// The time of the last look, in ms.
    at: u64,
}

impl Bucket {
    /// Takes tokens, of which the bucket may owe some afterwards. `rate`: tokens per second; `now`: in ms.
    pub fn take(&mut self, tokens: u64, rate: u64, now: u64) {
        self.refill(rate, now);
        self.taken = self.taken.saturating_add(tokens.saturating_mul(TOKEN));
    }

    /// Takes one token if there is one. Returns false if there is none.
    pub fn try_take(&mut self, rate: u64, now: u64) -> bool {
        let is_there = self.has_token(rate, now);
        if is_there {
            self.take(1, rate, now);
        }
        is_there
    }

    /// True if at least one token is left.
    pub fn has_token(&mut self, rate: u64, now: u64) -> bool {
        self.refill(rate, now);
        self.taken.saturating_add(TOKEN) <= capacity(rate)
    }

    /// The time, in ms, at which the bucket has a token again, and those of some time more.
    pub fn ready_at(&mut self, rate: u64, now: u64) -> u64 {
        self.refill(rate, now);
        let left = TOKEN.max(rate.saturating_mul(REFILL_MS));
        let excess = (self.taken.saturating_add(left)).saturating_sub(capacity(rate));
        self.at.saturating_add(excess.div_ceil(rate.max(1)))
    }

    fn refill(&mut self, rate: u64, now: u64) {
        let back = now.saturating_sub(self.at).saturating_mul(rate);
        self.taken = self.taken.saturating_sub(back);
        self.at = self.at.max(now);
    }
}

/// The units of a full bucket.
const fn capacity(rate: u64) -> u64 {
    rate.saturating_mul(TOKEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_of_one_second_and_then_the_rate() {
        let mut bucket = Bucket::default();
        let taken =
            |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.try_take(10, now)).count();
        assert_eq!(taken(&mut bucket, 5_000), 10);
        assert_eq!(taken(&mut bucket, 5_099), 0);
        assert_eq!(taken(&mut bucket, 5_100), 1);
        assert_eq!(taken(&mut bucket, 5_600), 5);
        assert_eq!(taken(&mut bucket, 100_000), 10, "no more than one second");
    }

    #[test]
    fn a_bucket_that_owes_tokens_is_ready_once_they_have_come_back() {
        let mut bucket = Bucket::default();
        bucket.take(1_500, 1_000, 0);
        assert!(!bucket.has_token(1_000, 500));
        // The debt of 500 takes 500 ms, and what is waited for beyond it 50.
        assert_eq!(bucket.ready_at(1_000, 500), 550);
        assert!(bucket.has_token(1_000, 550));
        let mut slow = Bucket::default();
        slow.take(1, 1, 0);
        assert_eq!(slow.ready_at(1, 0), 1_000);
        assert!(!slow.has_token(1, 999) && slow.has_token(1, 1_000));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let mut bucket = Bucket::default();
        assert!(bucket.try_take(1, 1_000));
        assert!(!bucket.try_take(1, 1_000) && !bucket.try_take(1, 0) && !bucket.try_take(1, 1_999));
        assert!(bucket.try_take(1, 2_000));
    }

    proptest! {
        #[test]
        fn no_number_panics_and_what_is_ready_has_a_token(
            steps in proptest::collection::vec((any::<u64>(), 1..=u64::MAX, any::<u64>()), 1..20),
        ) {
            for (tokens, rate, now) in steps {
                let mut bucket = Bucket::default();
                bucket.take(tokens, rate, now);
                let ready = bucket.ready_at(rate, now);
                prop_assert!(ready >= now);
                // Sums that saturate come back late or never, which is right for such numbers.
                if ready < u64::MAX && rate < 1 << 50 && tokens < 1 << 50 {
                    prop_assert!(bucket.has_token(rate, ready));
                }
            }
        }

        #[test]
        fn no_more_than_the_rate_passes_in_the_long_run(
            rate in 1_u64..5_000, gaps in proptest::collection::vec(0_u64..300, 1..200),
        ) {
            let mut bucket = Bucket::default();
            let (mut now, mut passed) = (0, 0);
            for gap in gaps {
                now += gap;
                while bucket.try_take(rate, now) {
                    passed += 1;
                }
            }
            prop_assert!(passed <= rate + rate * now / 1000);
        }
    }
}
