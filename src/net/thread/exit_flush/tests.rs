use std::time::Duration;

use super::*;
use crate::net::test_kit::Heard;

fn flush(deadline: Instant) -> Arc<ExitFlush> {
    ExitFlush::new(Arc::new(Heard::default()), deadline, false, 1)
}

#[test]
fn a_flush_is_over_at_its_deadline() {
    assert!(flush(Instant::now()).is_over());
    assert!(!flush(Instant::now() + Duration::from_secs(3600)).is_over());
}

#[test]
fn a_flush_is_over_for_the_other_threads_when_javascript_has_to_write() {
    let flush = flush(Instant::now() + Duration::from_secs(3600));
    flush.change(|state| state.threads = 0);
    assert!(!flush.is_over());
    flush.change(|state| state.pumps = true);
    assert!(flush.is_over());
}
