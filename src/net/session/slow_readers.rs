//! The progress of slow readers: a client for which more waits than `maxBufferedBytes` is kept as
//! long as it takes something, and closed when it has taken nothing for `keepReadersMs`.

use crate::config::{EngineConfig, FLOOD_PATIENCE_MS, MAX_BUFFERED_BYTES};
use crate::eio::session::Session;
use crate::net::events::EventSink;
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::SharedSession;

/// The progress that a client makes with the bytes that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadProgress {
    /// Time when the client last took something, in ms of the runtime.
    moved: u64,
    /// Time from which `keepReadersMs` counts.
    since: u64,
    /// The turn of JavaScript's event loop in which the client last took something.
    turn: u64,
    /// Bytes that waited at the last look.
    waiting: usize,
}

impl ReadProgress {
    /// The progress of a client that takes something now.
    pub const fn new(now: u64, turn: u64) -> Self {
        Self {
            moved: now,
            since: now,
            turn,
            waiting: 0,
        }
    }

    /// Notes that the client has taken something.
    pub fn took(&mut self, now: u64, turn: u64) {
        (self.moved, self.since, self.turn) = (now, now, turn);
    }

    /// True if the client has taken something in the last `ms`.
    pub const fn has_moved(&self, now: u64, ms: u64) -> bool {
        now < self.moved.saturating_add(ms)
    }

    /// True if the client, for which `waiting` bytes wait, has to be closed.
    pub fn is_over(
        &mut self,
        waiting: usize,
        config: &EngineConfig,
        inbox: &dyn EventSink,
        now: u64,
    ) -> bool {
        let has_grown = waiting > self.waiting;
        self.waiting = waiting;
        let (limit, mut patience) = (config.max_buffered(), config.keep_readers());
        if waiting <= limit {
            return false;
        }
        if has_grown && waiting > flood(limit) {
            patience = patience.min(flood_patience(waiting, flood(limit)));
        }
        self.takes_nothing(inbox, now, patience)
    }

    /// True if the client has taken nothing for `patience` ms, in which JavaScript was there to serve
    /// it.
    pub fn takes_nothing(&mut self, inbox: &dyn EventSink, now: u64, patience: u64) -> bool {
        if inbox.turns() == self.turn {
            // Until JavaScript has gone round its event loop, clients of the same thread cannot
            // read, and polls that have arrived are not handled.
            inbox.nudge();
            self.since = now;
            return false;
        }
        now.saturating_sub(self.since) >= patience
    }
}

/// The progress that a client makes with the packets that wait for its polls.
pub struct PollReader {
    /// Number of polls that have taken packets.
    answered_polls: u32,
    progress: ReadProgress,
    /// The share that the session has in the sum of its engine, in bytes.
    share: usize,
    /// True if the I/O thread looks at the session from time to time.
    is_watched: bool,
}

impl PollReader {
    /// The progress of the client of a new session.
    pub const fn new(now: u64, turn: u64) -> Self {
        Self {
            answered_polls: 0,
            progress: ReadProgress::new(now, turn),
            share: 0,
            is_watched: false,
        }
    }

    /// Notes that the client has taken more of an answer.
    pub fn took(&mut self, now: u64, turn: u64) {
        self.progress.took(now, turn);
    }

    /// Judges the client of a session. To be called after each operation on the session.
    pub fn verdict(
        reader: &mut Option<Box<Self>>,
        session: &Session,
        shared: &SharedSession,
        now: u64,
    ) -> Verdict {
        if let Some(polls) = reader {
            polls.count(&shared.engine, session.buffered());
            if session.is_websocket() {
                *reader = None;
                shared.backlog.store_waiting(0);
            }
        }
        match reader {
            Some(reader) => reader.judge(session, shared, now),
            None => Verdict::Fine,
        }
    }

    /// Counts the bytes that wait, in the sum of the engine.
    fn count(&mut self, engine: &SharedEngine, waiting: usize) {
        if self.share != waiting {
            engine.buffered.replace(self.share, waiting);
            self.share = waiting;
        }
    }

    /// Counts nothing any more: the session has ended.
    pub fn release(reader: &mut Option<Box<Self>>, engine: &SharedEngine) {
        if let Some(reader) = reader {
            reader.count(engine, 0);
        }
    }

    /// True if something waits for the polls of the session, so that the sum may be too large.
    pub fn has_share(reader: &Option<Box<Self>>) -> bool {
        reader.as_ref().is_some_and(|reader| reader.share > 0)
    }

    /// The bytes that wait for the client, if any do, and true if it has taken nothing for `patience`
    /// ms.
    pub fn stalled(
        &mut self,
        inbox: &dyn EventSink,
        now: u64,
        patience: u64,
    ) -> Option<(usize, bool)> {
        let share = Some(self.share).filter(|share| *share > 0)?;
        Some((share, self.progress.takes_nothing(inbox, now, patience)))
    }

    fn judge(&mut self, session: &Session, shared: &SharedSession, now: u64) -> Verdict {
        if self.answered_polls != session.answered_polls() {
            self.answered_polls = session.answered_polls();
            self.progress.took(now, shared.inbox.turns());
        }
        let waiting = session.buffered();
        shared.backlog.store_waiting(waiting);
        if waiting <= shared.engine.config.max_buffered() {
            self.is_watched = false;
            return Verdict::Fine;
        }
        if self
            .progress
            .is_over(waiting, &shared.engine.config, &*shared.inbox, now)
        {
            return Verdict::Over;
        }
        if std::mem::replace(&mut self.is_watched, true) {
            Verdict::Full
        } else {
            Verdict::BecameFull
        }
    }
}

/// The verdict on a client that polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No more bytes wait than may.
    Fine,
    /// More bytes wait than may: the I/O thread has to look at the session from now on.
    BecameFull,
    /// More bytes wait than may, and the I/O thread looks at the session already.
    Full,
    /// The session has to end.
    Over,
}

/// The bytes above which a client to which more and more is sent gets [`FLOOD_PATIENCE_MS`].
fn flood(limit: usize) -> usize {
    let limit = limit.max(MAX_BUFFERED_BYTES);
    limit.saturating_add(limit / 4)
}

/// The time in ms that a client may take nothing while more than `max` bytes, `sum`, wait for all.
pub fn crowd_patience(sum: usize, max: usize) -> u64 {
    flood_patience(sum, max)
}

/// The time in ms that a client may take nothing while more and more is sent to it:
/// [`FLOOD_PATIENCE_MS`] when `flood` bytes wait, and none when twice as many do. A fast sender
/// would otherwise use up, within any fixed time, as much memory as it has time to fill.
fn flood_patience(waiting: usize, flood: usize) -> u64 {
    let left = flood.saturating_mul(2).saturating_sub(waiting).min(flood);
    // Lossless: both are counts of bytes, and the quotient is at most FLOOD_PATIENCE_MS.
    (left as u128 * u128::from(FLOOD_PATIENCE_MS) / flood.max(1) as u128) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::net::test_kit::Heard;

    const LIMIT: usize = MAX_BUFFERED_BYTES;
    const PATIENCE: u64 = 10_000;

    struct Case {
        progress: ReadProgress,
        config: EngineConfig,
        inbox: Heard,
    }

    impl Case {
        fn new() -> Self {
            Self {
                progress: ReadProgress::new(0, 0),
                config: EngineConfig::default(),
                inbox: Heard::default(),
            }
        }

        fn is_over(&mut self, waiting: usize, now: u64) -> bool {
            self.progress
                .is_over(waiting, &self.config, &self.inbox, now)
        }

        fn turn(&self) {
            self.inbox.turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_client_that_takes_something_is_kept() {
        let mut case = Case::new();
        case.turn();
        assert!(!case.is_over(LIMIT + 1, PATIENCE - 1));
        case.progress.took(PATIENCE - 1, case.inbox.turns());
        case.turn();
        assert!(!case.is_over(LIMIT + 1, 2 * PATIENCE - 2));
        assert!(case.is_over(LIMIT + 1, 2 * PATIENCE - 1));
    }

    #[test]
    fn a_client_is_not_closed_for_what_may_wait() {
        let mut case = Case::new();
        case.turn();
        assert!(!case.is_over(LIMIT, u64::MAX));
    }

    #[test]
    fn time_does_not_count_until_javascript_has_gone_round_its_loop() {
        let mut case = Case::new();
        for now in [1, PATIENCE, 3 * PATIENCE] {
            assert!(!case.is_over(2 * LIMIT, now));
        }
        case.turn();
        assert!(!case.is_over(2 * LIMIT, 4 * PATIENCE - 1));
        assert!(case.is_over(2 * LIMIT, 4 * PATIENCE));
    }

    #[test]
    fn a_client_that_takes_nothing_of_a_flood_is_closed_soon() {
        let mut case = Case::new();
        case.turn();
        let flood = LIMIT / 4 * 5;
        assert!(!case.is_over(flood, FLOOD_PATIENCE_MS));
        assert!(case.is_over(flood + 1, FLOOD_PATIENCE_MS));
        // The more waits, the sooner.
        let mut case = Case::new();
        case.turn();
        assert!(!case.is_over(flood / 2 * 3, FLOOD_PATIENCE_MS / 2 - 1));
        assert!(case.is_over(flood / 2 * 3 + 2, FLOOD_PATIENCE_MS / 2));
        assert!(case.is_over(flood * 2, 0));
        // A burst in one turn is no flood.
        let mut case = Case::new();
        assert!(!case.is_over(4 * LIMIT, 1));
        case.turn();
        assert!(!case.is_over(4 * LIMIT, PATIENCE));
        assert!(case.is_over(4 * LIMIT, PATIENCE + 1));
    }
}
