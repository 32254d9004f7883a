//! The loops that keep operations in flight, and the comparison of every answer with its due.

use super::{App, Burst, Load, Mode, NONE, Phase, VARIANTS};
use crate::{net, wire};

impl Load {
    /// Puts `depth` operations in flight on every client.
    pub fn start(&mut self, depth: usize) {
        self.running = true;
        self.now = net::now_ns();
        if self.app == App::Burst {
            self.next_burst();
            return;
        }
        for ci in 0..self.clients.len() {
            if ci == self.control || self.clients[ci].phase != Phase::Ready {
                continue;
            }
            for _ in 0..depth {
                self.send_next(ci);
            }
        }
        self.flush_dirty();
    }

    /// Sends `rate` messages a second, spread over the clients in turn. Each is timed from the
    /// moment it was due, so a server that stalls is charged for the wait.
    pub fn pace_for(&mut self, secs: f64, rate: f64, next: &mut usize) {
        let begin = net::now_ns();
        let gap = 1e9 / rate;
        let mut due = 0u64;
        let n = self.clients.len();
        loop {
            let now = net::now_ns();
            if now >= begin + (secs * 1e9) as u64 {
                return;
            }
            while begin + (due as f64 * gap) as u64 <= now {
                self.now = begin + (due as f64 * gap) as u64;
                due += 1;
                *next = (*next + 1) % n;
                if *next == self.control {
                    *next = (*next + 1) % n;
                }
                let c = &self.clients[*next];
                if c.phase != Phase::Ready || c.tx - c.rx >= VARIANTS {
                    self.skipped += 1;
                } else {
                    self.send_next(*next);
                }
            }
            self.pump(1);
        }
    }

    pub fn start_handshakes(&mut self, n: usize) {
        self.running = true;
        for _ in 0..n {
            self.start_client(Mode::Polling);
        }
    }

    /// Spreads every client but the control one over `rooms` rooms and waits until all are in.
    pub fn join_rooms(&mut self, rooms: u64) -> Result<(), String> {
        self.app = App::Join;
        let before = self.ops;
        let mut joined = 0;
        for ci in 0..self.clients.len() {
            if ci != self.control && self.clients[ci].phase == Phase::Ready {
                let text = format!("421[\"join\",\"room{}\"]", joined % rooms);
                joined += 1;
                self.send_text(ci, text.as_bytes());
            }
        }
        let end = net::now_ns() + 20_000_000_000;
        while self.ops - before < joined {
            self.pump(20);
            self.verdict()?;
            if net::now_ns() > end {
                return Err("not every client got into its room".into());
            }
        }
        Ok(())
    }

    /// Sets what asks for a burst and what every client must get of it.
    pub fn set_burst(&mut self, event: &str, per_client: u64, control: bool, body: Vec<u8>) {
        let receivers = self.ready as u64 - u64::from(!control);
        self.burst = Burst {
            per_client,
            control,
            body,
            frame: wire::frame(wire::TEXT, false, event.as_bytes()),
            need: per_client * receivers,
            ..Burst::default()
        };
    }

    /// Stops sending, waits until every operation in flight is answered, and a little longer for
    /// what nobody asked for.
    pub fn drain(&mut self, limit_s: f64) {
        self.running = false;
        let end = net::now_ns() + (limit_s * 1e9) as u64;
        let busy = |s: &Self| match s.app {
            App::Burst => s.burst.got < s.burst.need,
            App::PollHandshake => s.in_flight > 0,
            _ => s
                .clients
                .iter()
                .any(|c| c.phase == Phase::Ready && (c.tx != c.rx || c.post_busy)),
        };
        while busy(self) && self.errors == 0 {
            self.pump(20);
            if net::now_ns() > end {
                self.fail("operations were still unanswered at the end".into());
            }
        }
        self.pump_for(0.05);
        if self.app == App::Burst && self.errors == 0 {
            self.check_deliveries();
        }
    }

    /// Every client must have got its share of every burst: one served twice for another's loss
    /// leaves the sum as it should be.
    fn check_deliveries(&mut self) {
        let due = (self.burst.per_client * self.burst.started) as usize;
        for ci in 0..self.clients.len() {
            let due = if ci == self.control && !self.burst.control {
                0
            } else {
                due
            };
            let c = &self.clients[ci];
            if c.phase == Phase::Ready && c.rx != due {
                let what = format!("a client got {} deliveries, {due} were due", c.rx);
                self.fail(what);
            }
        }
    }

    fn next_burst(&mut self) {
        self.burst.got = 0;
        self.burst.at = self.now;
        self.burst.started += 1;
        let f = std::mem::take(&mut self.burst.frame);
        self.queue(self.clients[self.control].ws, &f);
        self.burst.frame = f;
    }

    pub(super) fn send_next(&mut self, ci: usize) {
        let c = &mut self.clients[ci];
        if c.mode == Mode::Polling {
            if c.post_busy {
                c.post_waiting = true;
                return;
            }
            let v = c.tx % VARIANTS;
            c.tx += 1;
            c.sent_at[v] = self.now;
            let body = std::mem::take(&mut self.script.send[v]);
            self.send_post(ci, &body);
            self.script.send[v] = body;
            self.sent += 1;
            return;
        }
        let v = c.tx % VARIANTS;
        c.tx += 1;
        c.sent_at[v] = self.now;
        let ws = c.ws;
        if ws == NONE || self.conns[ws].fd < 0 {
            return;
        }
        let conn = &mut self.conns[ws];
        conn.outgoing().extend_from_slice(&self.script.send[v]);
        if !conn.queued {
            conn.queued = true;
            self.dirty.push(ws);
        }
        self.sent += self.script.weight;
    }

    fn wrong(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        self.fail(format!("wrong answer: {text}"));
    }

    #[inline]
    pub(super) fn on_app_message(&mut self, ci: usize, opcode: u8, body: &[u8]) {
        if ci == self.control && body.starts_with(b"437") {
            self.reply = Some(String::from_utf8_lossy(&body[3..]).into_owned());
            return;
        }
        match self.app {
            App::Join if body.starts_with(b"431[") => self.ops += 1,
            App::Join => self.wrong(body),
            App::Burst => {
                if body != self.burst.body {
                    self.wrong(body);
                    return;
                }
                self.clients[ci].rx += 1;
                self.ops += 1;
                self.burst.got += 1;
                if self.burst.got == self.burst.need {
                    if self.recording {
                        self.lat.add(self.now - self.burst.at);
                    }
                    if self.running {
                        self.next_burst();
                    }
                }
            }
            App::Echo | App::Flood => {
                let c = &mut self.clients[ci];
                let v = c.rx % VARIANTS;
                let want = &self.script.expect[v];
                let part = &want[c.part];
                // An empty expectation accepts any answer of that place.
                let good = part.is_empty() || body == &part[..];
                if !good || (opcode == wire::BINARY) != (c.part == 1) {
                    self.wrong(body);
                    return;
                }
                c.part += 1;
                if c.part < want.len() {
                    return;
                }
                c.part = 0;
                c.rx += 1;
                let took = self.now.saturating_sub(c.sent_at[v]);
                self.ops += self.script.weight;
                if self.recording {
                    self.lat.add(took);
                }
                if self.running && !self.paced {
                    self.send_next(ci);
                }
            }
            _ => {}
        }
    }
}
