//! Sockets: opening, writing, waiting, reading, and cutting what was read into frames and responses.

use super::{Conn, Load, NONE, Phase, Role, SOURCES};
use crate::net::{self, Io};
use crate::wire;

impl Conn {
    /// The buffer that plain bytes are appended to.
    pub(super) fn outgoing(&mut self) -> &mut Vec<u8> {
        if self.tls.is_some() {
            &mut self.plain
        } else {
            &mut self.out
        }
    }

    /// Moves what waits to be encrypted to what waits to be written.
    fn encrypt(&mut self) -> Result<(), String> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        if self.plain.is_empty() && !tls.wants_write() {
            return Ok(());
        }
        tls.encrypt(&self.plain, &mut self.out)?;
        self.plain.clear();
        Ok(())
    }
}

impl Load {
    pub(super) fn open_conn(&mut self, client: usize, role: Role) -> usize {
        let octet = (1 + self.opened % SOURCES) as u8;
        self.opened += 1;
        let fd = match net::connect(&self.dst, octet) {
            Ok(fd) => fd,
            Err(e) => {
                self.fail(format!("connect: {e}"));
                return NONE;
            }
        };
        let idx = self.free.pop().unwrap_or(self.conns.len());
        let generation = if idx < self.conns.len() {
            self.conns[idx].generation + 1
        } else {
            0
        };
        let session = self.tls.as_ref().map(|tls| {
            tls.session((*self.dst.ip()).into())
                .map(Box::new)
                .map_err(|e| format!("tls: {e}"))
        });
        let tls = match session.transpose() {
            Ok(tls) => tls,
            Err(e) => {
                self.fail(e);
                net::close(fd);
                return NONE;
            }
        };
        let conn = Conn {
            fd,
            generation,
            client,
            role,
            connected: false,
            upgraded: false,
            wants_out: true,
            queued: false,
            inb: Vec::new(),
            out: Vec::new(),
            out_at: 0,
            tls,
            plain: Vec::new(),
        };
        if idx < self.conns.len() {
            self.conns[idx] = conn;
        } else {
            self.conns.push(conn);
        }
        let token = (generation as u64) << 32 | idx as u64;
        if let Err(e) = self.ep.add(fd, token, libc::EPOLLIN | libc::EPOLLOUT) {
            self.fail(format!("epoll: {e}"));
        }
        idx
    }

    pub(super) fn close_conn(&mut self, idx: usize) {
        if idx == NONE || self.conns[idx].fd < 0 {
            return;
        }
        net::close(self.conns[idx].fd);
        let c = &mut self.conns[idx];
        c.fd = -1;
        c.inb = Vec::new();
        c.out = Vec::new();
        c.out_at = 0;
        c.tls = None;
        c.plain = Vec::new();
        self.free.push(idx);
    }

    pub(super) fn queue(&mut self, idx: usize, bytes: &[u8]) {
        if idx == NONE || self.conns[idx].fd < 0 {
            return;
        }
        let c = &mut self.conns[idx];
        c.outgoing().extend_from_slice(bytes);
        if !c.queued {
            c.queued = true;
            self.dirty.push(idx);
        }
    }

    pub(super) fn flush(&mut self, idx: usize) {
        let c = &mut self.conns[idx];
        c.queued = false;
        if c.fd < 0 || !c.connected {
            return;
        }
        if let Err(e) = c.encrypt() {
            self.lost(idx, &format!("tls: {e}"));
            return;
        }
        let c = &mut self.conns[idx];
        while c.out_at < c.out.len() {
            match net::write(c.fd, &c.out[c.out_at..]) {
                Io::Done(n) => c.out_at += n,
                Io::Again => break,
                Io::Closed => {
                    self.lost(idx, "write failed");
                    return;
                }
            }
        }
        let c = &mut self.conns[idx];
        let pending = c.out_at < c.out.len();
        if !pending {
            c.out.clear();
            c.out_at = 0;
        }
        if pending != c.wants_out {
            c.wants_out = pending;
            let token = (c.generation as u64) << 32 | idx as u64;
            let events = libc::EPOLLIN | if pending { libc::EPOLLOUT } else { 0 };
            let _ = self.ep.modify(c.fd, token, events);
        }
    }

    pub(super) fn flush_dirty(&mut self) {
        let mut list = std::mem::take(&mut self.dirty);
        for &idx in &list {
            self.flush(idx);
        }
        list.clear();
        // Frames that were queued during a failed flush stay queued.
        list.append(&mut self.dirty);
        self.dirty = list;
    }

    /// The server ended a connection that was still wanted.
    pub(super) fn lost(&mut self, idx: usize, why: &str) {
        let ci = self.conns[idx].client;
        let role = self.conns[idx].role;
        self.close_conn(idx);
        let c = &mut self.clients[ci];
        match role {
            Role::Ws => c.ws = NONE,
            Role::Get => c.get = NONE,
            Role::Post => c.post = NONE,
        }
        if c.phase == Phase::Closed {
            return;
        }
        // An idle keep-alive connection may be closed; it is opened again on its next use.
        let idle = match role {
            Role::Ws => false,
            Role::Get => !c.get_busy,
            Role::Post => !c.post_busy,
        };
        if idle {
            return;
        }
        let phase = c.phase;
        if phase == Phase::Ready {
            self.ready -= 1;
        } else {
            self.in_flight -= 1;
        }
        self.clients[ci].phase = Phase::Closed;
        self.fail(format!("connection lost in phase {phase:?}: {why}"));
    }

    /// Waits for readiness and handles what came.
    ///
    /// The wait is made of short naps, not of a blocking `epoll_wait`: a server that writes to a
    /// socket somebody sleeps on pays for waking the sleeper, and on loopback may be preempted by
    /// it. A server's clients are on other machines, so that cost is none of its own.
    pub fn pump(&mut self, timeout_ms: i32) {
        self.flush_dirty();
        let mut evs = std::mem::take(&mut self.evs);
        let end = net::now_ns() + timeout_ms as u64 * 1_000_000;
        let n = if self.nap_us == 0 {
            self.ep.wait(&mut evs, timeout_ms)
        } else {
            loop {
                let n = self.ep.wait(&mut evs, 0);
                if n > 0 || net::now_ns() >= end {
                    break n;
                }
                net::nap(self.nap_us);
            }
        };
        self.now = net::now_ns();
        for ev in &evs[..n] {
            let idx = (ev.u64 & 0xffff_ffff) as usize;
            let c = &mut self.conns[idx];
            if c.fd < 0 || c.generation as u64 != ev.u64 >> 32 {
                continue;
            }
            let flags = ev.events as i32;
            if flags & libc::EPOLLOUT != 0 {
                if !c.connected {
                    let err = net::pending_error(c.fd);
                    if err != 0 {
                        self.lost(idx, &format!("connect error {err}"));
                        continue;
                    }
                    c.connected = true;
                }
                self.flush(idx);
            }
            if self.conns[idx].fd >= 0
                && flags & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) != 0
            {
                self.readable(idx);
            }
        }
        self.evs = evs;
        self.flush_dirty();
    }

    pub fn pump_for(&mut self, secs: f64) {
        let end = net::now_ns() + (secs * 1e9) as u64;
        loop {
            let now = net::now_ns();
            if now >= end {
                return;
            }
            self.pump((((end - now) / 1_000_000) as i32).clamp(1, 100));
        }
    }

    pub(super) fn readable(&mut self, idx: usize) {
        let mut rbuf = std::mem::take(&mut self.rbuf);
        match net::read(self.conns[idx].fd, &mut rbuf) {
            Io::Again => {}
            Io::Closed => self.lost(idx, "closed by the server"),
            Io::Done(n) if self.conns[idx].tls.is_some() => self.decrypted(idx, &rbuf[..n]),
            Io::Done(n) => {
                self.now = net::now_ns();
                self.arrived(idx, &rbuf[..n]);
            }
        }
        self.rbuf = rbuf;
    }

    /// Decrypts what was read, and sends what the handshake wants sent.
    fn decrypted(&mut self, idx: usize, wire: &[u8]) {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        let c = &mut self.conns[idx];
        let result = match &mut c.tls {
            Some(tls) => tls.decrypt(wire, &mut plain),
            None => Ok(()),
        };
        let answers = c.tls.as_ref().is_some_and(|tls| tls.wants_write());
        if answers && !c.queued {
            c.queued = true;
            self.dirty.push(idx);
        }
        self.now = net::now_ns();
        match result {
            Err(e) => self.lost(idx, &format!("tls: {e}")),
            Ok(()) if plain.is_empty() => {}
            Ok(()) => self.arrived(idx, &plain),
        }
        self.plain = plain;
    }

    /// Takes bytes of the connection in; keeps what is not a whole message yet.
    fn arrived(&mut self, idx: usize, bytes: &[u8]) {
        let mut inb = std::mem::take(&mut self.conns[idx].inb);
        if inb.is_empty() {
            let used = self.consume(idx, bytes);
            if used < bytes.len() {
                inb.extend_from_slice(&bytes[used..]);
            }
        } else {
            inb.extend_from_slice(bytes);
            let used = self.consume(idx, &inb);
            inb.drain(..used);
        }
        if self.conns[idx].fd >= 0 {
            self.conns[idx].inb = inb;
        }
    }

    pub(super) fn consume(&mut self, idx: usize, data: &[u8]) -> usize {
        let mut at = 0;
        let generation = self.conns[idx].generation;
        while self.conns[idx].fd >= 0 && self.conns[idx].generation == generation {
            if self.conns[idx].role == Role::Ws && self.conns[idx].upgraded {
                let Some((b0, off, len)) = wire::split_frame(&data[at..]) else {
                    break;
                };
                let body = &data[at + off..at + off + len];
                at += off + len;
                self.on_frame(idx, b0, body);
            } else if self.conns[idx].role == Role::Ws {
                let Some(end) = wire::head_end(&data[at..]) else {
                    break;
                };
                let head = &data[at..at + end];
                at += end;
                if !head.starts_with(b"HTTP/1.1 101") {
                    let line = String::from_utf8_lossy(head)
                        .lines()
                        .next()
                        .unwrap_or("")
                        .to_string();
                    self.lost(idx, &line);
                    break;
                }
                self.conns[idx].upgraded = true;
                self.on_upgraded(self.conns[idx].client);
            } else {
                let Some(r) = wire::split_response(&data[at..]) else {
                    break;
                };
                at += r.consumed;
                self.on_http(idx, r.status, &r.body);
            }
        }
        at
    }
}
