//! Lines of debugging on their way to JavaScript, which shows them by the package `debug`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use napi_derive::napi;

use crate::net::events::Topic;
use crate::net::lock;

/// Lines that may wait for JavaScript; the oldest of more are dropped.
const MAX_LINES: usize = 10_000;

/// The lines of one environment.
#[derive(Debug, Default)]
pub struct DebugLines {
    /// A bit for each [`Topic`] that is enabled.
    enabled: AtomicU8,
    lines: Mutex<VecDeque<(Topic, String)>>,
}

impl DebugLines {
    /// Enables the topics of these bits.
    pub fn enable(&self, topics: u8) {
        self.enabled.store(topics, Relaxed);
    }

    /// True if a topic is enabled.
    pub fn is_enabled(&self, topic: Topic) -> bool {
        self.enabled.load(Relaxed) & (1 << topic as u8) != 0
    }

    /// Appends a line.
    pub fn push(&self, topic: Topic, line: String) {
        let mut lines = lock(&self.lines);
        if lines.len() >= MAX_LINES {
            lines.pop_front();
        }
        lines.push_back((topic, line));
    }

    /// Takes the lines, in order.
    pub fn take(&self) -> Vec<DebugLine> {
        let lines = std::mem::take(&mut *lock(&self.lines));
        let line = |(topic, text)| DebugLine {
            topic: topic as u32,
            text,
        };
        lines.into_iter().map(line).collect()
    }
}

/// A line of debugging.
#[napi(object)]
pub struct DebugLine {
    /// The number of its [`Topic`].
    pub topic: u32,
    /// Its text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_once_and_in_order() {
        let lines = DebugLines::default();
        lines.enable(1 << Topic::Listener as u8);
        assert!(lines.is_enabled(Topic::Listener) && !lines.is_enabled(Topic::Session));
        for text in ["a", "b"] {
            lines.push(Topic::Listener, text.into());
        }
        let taken: Vec<_> = lines.take().into_iter().map(|line| line.text).collect();
        assert_eq!(taken, ["a", "b"]);
        assert!(lines.take().is_empty());
    }

    #[test]
    fn the_oldest_of_too_many_lines_are_dropped() {
        let lines = DebugLines::default();
        for n in 0..MAX_LINES + 3 {
            lines.push(Topic::Session, n.to_string());
        }
        let taken = lines.take();
        assert_eq!((taken.len(), taken[0].text.as_str()), (MAX_LINES, "3"));
    }
}
