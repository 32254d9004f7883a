//! The dispatch lag: the time for which batches wait until JavaScript takes them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds.
pub const BOUNDS: [f64; 11] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// A histogram of times. The JavaScript thread of one environment writes and reads it; its cache lines
/// have nothing that I/O threads read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Lag {
    /// Times by bucket; the last one has those above all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
    last_ns: AtomicU64,
}

impl Lag {
    /// Counts a time.
    pub fn count(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound);
        if let Some(count) = self.counts.get(bucket.unwrap_or(BOUNDS.len())) {
            count.fetch_add(1, Relaxed);
        }
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns, Relaxed);
        self.last_ns.store(ns, Relaxed);
    }

    /// The number of times in each bucket.
    pub fn counts(&self) -> Vec<u64> {
        self.counts
            .iter()
            .map(|count| count.load(Relaxed))
            .collect()
    }

    /// The sum of all times, and the last one, in seconds.
    pub fn seconds(&self) -> (f64, f64) {
        let seconds = |ns: &AtomicU64| ns.load(Relaxed) as f64 / 1e9;
        (seconds(&self.sum_ns), seconds(&self.last_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it() {
        let lag = Lag::default();
        for ms in [0, 1, 1, 2, 10_000, 10_001] {
            lag.count(Duration::from_millis(ms));
        }
        assert_eq!(lag.counts(), [1, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        let (sum, last) = lag.seconds();
        assert!((sum - 20.005).abs() < 1e-9 && (last - 10.001).abs() < 1e-9);
    }
}
