//! The timers of a session: heartbeat, upgrade and close. Engine.IO protocol, "Heartbeat".

use super::{Output, Session, State, Upgrade};
use crate::config::{EngineConfig, UPGRADE_FLUSH_MS};
use crate::eio::packet::{Packet, Type};
use crate::error::{CloseReason, Reason};

impl Session {
    /// Carries out the timers that are due at `now`. Returns the time of the next call in ms;
    /// `None` once the session has ended.
    pub fn tick(&mut self, config: &EngineConfig, now: u64, out: &mut impl Output) -> Option<u64> {
        if self.pong_by != 0 && self.pong_by <= now {
            self.end(CloseReason::without_detail(Reason::PingTimeout), out);
        }
        if self.close_by != 0 && self.close_by <= now {
            self.end(CloseReason::without_detail(Reason::ForcedClose), out);
        }
        if self.upgrade_by != 0 && self.upgrade_by <= now {
            self.abandon_upgrade(out);
        }
        if self.upgrade == Upgrade::Probed && self.flush_at <= now {
            self.flush_at = now + UPGRADE_FLUSH_MS;
            if std::mem::take(&mut self.poll_pending) {
                out.answer(self.form.payload(&[Packet::Text(Type::Noop, "")]));
            }
        }
        if !self.is_v3() && self.pong_by == 0 && self.ping_at <= now && self.state != State::Closed
        {
            self.pong_by = now.saturating_add(config.ping_timeout());
            self.extended = false;
            if self.state == State::Open {
                out.pinging();
            }
            self.send(Packet::Text(Type::Ping, ""), out);
        }
        self.deadline()
    }

    /// Puts off the ping timeout to `ms` from now: the session's input is not being read.
    pub fn postpone(&mut self, now: u64, ms: u64) {
        if self.pong_by != 0 {
            self.pong_by = self.pong_by.max(now.saturating_add(ms));
        }
    }

    /// The time of the next ping in ms, and the time from which the awaited answer (protocol 3: the
    /// client's next ping) is overdue. A ping and an answer are never due at once: one is `None`.
    pub fn heartbeat(&self) -> (Option<u64>, Option<u64>) {
        match self.pong_by {
            _ if self.state == State::Closed => (None, None),
            0 => (Some(self.ping_at), None),
            by => (None, Some(by)),
        }
    }

    /// The time at which [`Session::tick`] is next needed, in ms; `None` once the session has
    /// ended.
    pub fn deadline(&self) -> Option<u64> {
        if self.state == State::Closed {
            return None;
        }
        let heartbeat = if self.pong_by != 0 {
            self.pong_by
        } else {
            self.ping_at
        };
        let flush = if self.upgrade == Upgrade::Probed {
            self.flush_at
        } else {
            0
        };
        [self.close_by, self.upgrade_by, flush]
            .into_iter()
            .filter(|&at| at != 0)
            .chain([heartbeat])
            .min()
    }
}
