//! The handshakes of both transports: open packet, CONNECT, probe and upgrade, polls and posts.

use super::{App, Client, Load, Mode, NONE, Phase, Role, VARIANTS};
use crate::{net, wire};

impl Load {
    pub(super) fn url(&mut self, transport: &str, sid: &str) -> String {
        self.stamp += 1;
        let mut u = format!("{}?EIO=4&transport={transport}", self.path);
        if transport == "polling" {
            u.push_str(&format!("&t=s{:x}", self.stamp));
        }
        if !sid.is_empty() {
            u.push_str("&sid=");
            u.push_str(sid);
        }
        u
    }

    pub(super) fn start_client(&mut self, mode: Mode) -> usize {
        let ci = self.clients.len();
        self.clients.push(Client {
            mode,
            phase: Phase::WsOpen,
            ws: NONE,
            get: NONE,
            post: NONE,
            sid: String::new(),
            started: net::now_ns(),
            got_connect: false,
            get_busy: false,
            post_busy: false,
            probed: false,
            post_waiting: false,
            tx: 0,
            rx: 0,
            part: 0,
            sent_at: [0; VARIANTS],
            inflate: None,
        });
        self.in_flight += 1;
        match mode {
            Mode::Raw | Mode::WebSocket => {
                let url = if mode == Mode::Raw {
                    "/".to_string()
                } else {
                    self.url("websocket", "")
                };
                let req = wire::ws_request(&self.host, &url, self.deflate);
                let idx = self.open_conn(ci, Role::Ws);
                self.clients[ci].ws = idx;
                self.queue(idx, &req);
            }
            Mode::Upgrade | Mode::Polling => {
                self.clients[ci].phase = Phase::PollOpen;
                self.send_get(ci);
            }
        }
        ci
    }

    pub(super) fn send_get(&mut self, ci: usize) {
        if self.clients[ci].get == NONE {
            self.clients[ci].get = self.open_conn(ci, Role::Get);
        }
        let sid = self.clients[ci].sid.clone();
        let url = self.url("polling", &sid);
        let req = wire::get_request(&self.host, &url);
        self.clients[ci].get_busy = true;
        self.queue(self.clients[ci].get, &req);
    }

    pub(super) fn send_post(&mut self, ci: usize, body: &[u8]) {
        if self.clients[ci].post == NONE {
            self.clients[ci].post = self.open_conn(ci, Role::Post);
        }
        let sid = self.clients[ci].sid.clone();
        let url = self.url("polling", &sid);
        let req = wire::post_request(&self.host, &url, body);
        self.clients[ci].post_busy = true;
        self.queue(self.clients[ci].post, &req);
    }

    pub(super) fn send_text(&mut self, ci: usize, text: &[u8]) {
        let f = wire::frame(wire::TEXT, false, text);
        self.queue(self.clients[ci].ws, &f);
    }

    pub(super) fn on_upgraded(&mut self, ci: usize) {
        match self.clients[ci].mode {
            Mode::Raw => self.on_ready(ci),
            Mode::WebSocket => self.clients[ci].phase = Phase::WsOpen,
            _ => self.send_text(ci, b"2probe"),
        }
    }

    pub(super) fn on_ready(&mut self, ci: usize) {
        self.clients[ci].phase = Phase::Ready;
        self.in_flight -= 1;
        self.ready += 1;
        let took = net::now_ns() - self.clients[ci].started;
        self.connect_lat.add(took);
        if self.app == App::PollHandshake && self.running {
            // Polite goodbye; the answer to it starts the next handshake.
            self.send_post(ci, b"1");
        }
    }

    /// The upgrade is due once the probe is answered and no poll or post is in flight.
    pub(super) fn try_finish_upgrade(&mut self, ci: usize) {
        let c = &self.clients[ci];
        if c.phase != Phase::Upgrading || !c.probed || c.get_busy || c.post_busy {
            return;
        }
        self.send_text(ci, b"5");
        let (get, post) = (self.clients[ci].get, self.clients[ci].post);
        self.close_conn(get);
        self.close_conn(post);
        self.clients[ci].get = NONE;
        self.clients[ci].post = NONE;
        if self.clients[ci].got_connect {
            self.on_ready(ci);
        } else {
            self.clients[ci].phase = Phase::WsConnect;
        }
    }

    pub(super) fn on_http(&mut self, idx: usize, status: u16, body: &[u8]) {
        let ci = self.conns[idx].client;
        if self.clients[ci].phase == Phase::Closed {
            return;
        }
        if status != 200 {
            self.fail(format!("http {status}: {}", String::from_utf8_lossy(body)));
            return;
        }
        if self.conns[idx].role == Role::Post {
            self.clients[ci].post_busy = false;
            if self.app == App::PollHandshake && self.clients[ci].phase == Phase::Ready {
                self.ready -= 1;
                self.rehandshake(ci);
                return;
            }
            if self.clients[ci].post_waiting {
                self.clients[ci].post_waiting = false;
                self.send_next(ci);
            }
            self.polling_ready(ci);
            self.try_finish_upgrade(ci);
            return;
        }
        self.clients[ci].get_busy = false;
        match self.clients[ci].phase {
            Phase::PollOpen => {
                let text = String::from_utf8_lossy(body).into_owned();
                let Some(sid) = wire::json_str(&text, "sid").filter(|_| text.starts_with('0'))
                else {
                    self.fail(format!("no open packet: {text}"));
                    return;
                };
                self.clients[ci].sid = sid.to_string();
                self.send_post(ci, b"40");
                self.send_get(ci);
                if self.clients[ci].mode == Mode::Upgrade {
                    self.clients[ci].phase = Phase::Upgrading;
                    let sid = self.clients[ci].sid.clone();
                    let url = self.url("websocket", &sid);
                    let req = wire::ws_request(&self.host, &url, self.deflate);
                    let ws = self.open_conn(ci, Role::Ws);
                    self.clients[ci].ws = ws;
                    self.queue(ws, &req);
                } else {
                    self.clients[ci].phase = Phase::PollConnect;
                }
            }
            Phase::PollConnect | Phase::Upgrading | Phase::Ready => {
                for packet in body.split(|b| *b == 0x1e) {
                    self.on_poll_packet(ci, packet);
                }
                let c = &self.clients[ci];
                if c.phase == Phase::Upgrading && c.probed {
                    self.try_finish_upgrade(ci);
                } else if c.phase != Phase::Closed
                    && !(self.app == App::PollHandshake && c.got_connect)
                {
                    self.send_get(ci);
                }
                self.polling_ready(ci);
            }
            _ => {}
        }
    }

    pub(super) fn polling_ready(&mut self, ci: usize) {
        let c = &self.clients[ci];
        if c.phase == Phase::PollConnect && c.got_connect && !c.post_busy {
            self.on_ready(ci);
        }
    }

    pub(super) fn on_poll_packet(&mut self, ci: usize, packet: &[u8]) {
        if packet.starts_with(b"40") {
            self.clients[ci].got_connect = true;
        } else if packet == b"6" || packet == b"2" || packet == b"1" {
            // Noop, ping (runs end before its deadline), close.
        } else if self.clients[ci].phase == Phase::Ready {
            self.on_app_message(ci, wire::TEXT, packet);
        }
    }

    pub(super) fn rehandshake(&mut self, ci: usize) {
        self.ops += 1;
        if self.recording {
            let took = self.now - self.clients[ci].started;
            self.lat.add(took);
        }
        if !self.running {
            self.clients[ci].phase = Phase::Closed;
            return;
        }
        let c = &mut self.clients[ci];
        c.phase = Phase::PollOpen;
        c.sid.clear();
        c.got_connect = false;
        c.started = self.now;
        self.in_flight += 1;
        self.send_get(ci);
    }

    pub(super) fn on_frame(&mut self, idx: usize, b0: u8, body: &[u8]) {
        let ci = self.conns[idx].client;
        let opcode = b0 & 0x0f;
        match opcode {
            wire::TEXT | wire::BINARY => {
                if b0 & 0x80 == 0 {
                    self.fail("fragmented frame".into());
                }
            }
            wire::PING => {
                let f = wire::frame(wire::PONG, false, body);
                self.queue(idx, &f);
                return;
            }
            wire::CLOSE => {
                self.lost(idx, "close frame");
                return;
            }
            _ => return,
        }
        let mut plain = Vec::new();
        let body = if b0 & 0x40 != 0 {
            self.compressed += 1;
            let d = self.clients[ci]
                .inflate
                .get_or_insert_with(|| Box::new(flate2::Decompress::new(false)));
            if !wire::inflate_message(d, body, &mut plain) {
                self.fail("a compressed message does not inflate".into());
                return;
            }
            &plain[..]
        } else {
            body
        };
        match self.clients[ci].phase {
            Phase::Ready => {
                if body == b"2" {
                    self.send_text(ci, b"3");
                } else {
                    self.on_app_message(ci, opcode, body);
                }
            }
            Phase::WsOpen if body.starts_with(b"0{") => {
                self.clients[ci].phase = Phase::WsConnect;
                self.send_text(ci, b"40");
            }
            Phase::WsConnect if body.starts_with(b"40") => self.on_ready(ci),
            Phase::Upgrading if body == b"3probe" => {
                self.clients[ci].probed = true;
                self.try_finish_upgrade(ci);
            }
            Phase::Closed => {}
            // Some servers send their first ping before the CONNECT is answered.
            Phase::WsConnect if body == b"2" => self.send_text(ci, b"3"),
            phase => {
                let text = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                self.fail(format!("unexpected frame in {phase:?}: {text}"));
            }
        }
    }
}
