//! A session on its I/O thread: its WebSockets, and how what the state machine asks is carried out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::inbox::Note;
use super::link::Link;
use super::local::Local;
use super::lock;
use super::peer::{Messages, Peer, Waiter};
use super::runtime::runtime;
use crate::config::EngineConfig;
use crate::eio::packet::Packet;
use crate::eio::payload::Payload;
use crate::eio::session::{Output, Session, Socket};
use crate::error::Closure;

/// A session as its I/O thread sees it.
pub struct Entry {
    /// The session.
    pub peer: Arc<Peer>,
    pub(super) main: RefCell<Option<Rc<Link>>>,
    pub(super) probe: RefCell<Option<Rc<Link>>>,
    /// When the timer wheel next looks at it.
    pub(super) armed: Cell<u64>,
}

impl Entry {
    /// The place of a WebSocket.
    pub(super) fn link(&self, role: Socket) -> &RefCell<Option<Rc<Link>>> {
        match role {
            Socket::Main => &self.main,
            Socket::Probe => &self.probe,
        }
    }

    /// Forgets a WebSocket; `false` if it was not this session's any more.
    pub fn detach(&self, link: &Rc<Link>) -> bool {
        for place in [&self.main, &self.probe] {
            let mut place = place.borrow_mut();
            if place.as_ref().is_some_and(|own| Rc::ptr_eq(own, link)) {
                *place = None;
                return true;
            }
        }
        false
    }

    /// Whether the session is carried by this WebSocket.
    pub fn is_carried_by(&self, link: &Rc<Link>) -> bool {
        let main = self.main.borrow();
        main.as_ref().is_some_and(|own| Rc::ptr_eq(own, link))
    }

    /// Does something with the session, and what follows from it.
    pub fn with<R>(
        self: &Rc<Self>,
        local: &Rc<Local>,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut Effects<'_>) -> R,
    ) -> R {
        let mut inner = lock(&self.peer.inner);
        let inner = &mut *inner;
        let mut effects = Effects {
            local,
            entry: self,
            messages: &mut inner.messages,
            waiter: &mut inner.waiter,
        };
        let result = f(
            &mut inner.session,
            &self.peer.config,
            runtime().now(),
            &mut effects,
        );
        self.arm(local, inner.session.deadline());
        local.ring_later(&self.peer.inbox);
        result
    }

    /// Has the timers look at the session when its deadline comes.
    pub(super) fn arm(&self, local: &Local, deadline: Option<u64>) {
        if let Some(at) = deadline
            && at < self.armed.get()
        {
            self.armed.set(at);
            local.wheel.borrow_mut().insert(self.peer.handle.raw(), at);
            local.timers.notify_one();
        }
    }
}

/// Carries out what a session asks, on the thread that owns its WebSockets.
pub struct Effects<'a> {
    local: &'a Rc<Local>,
    pub(super) entry: &'a Rc<Entry>,
    messages: &'a mut Messages,
    waiter: &'a mut Option<Waiter>,
}

impl Output for Effects<'_> {
    fn received(&mut self, packet: Packet<'_>) {
        let peer = &self.entry.peer;
        self.messages
            .receive(packet, peer.handle, &peer.config, &*peer.inbox);
    }

    fn frame(&mut self, socket: Socket, packet: Packet<'_>) {
        let peer = &self.entry.peer;
        if peer.is_external(socket) {
            return peer.inbox.frame(peer.handle, socket, packet);
        }
        if let Some(link) = &*self.entry.link(socket).borrow() {
            link.packet(self.local, packet);
        }
    }

    fn close_socket(&mut self, socket: Socket) {
        if let Some(link) = self.entry.link(socket).take() {
            link.close(self.local, &[]);
        }
    }

    fn answer(&mut self, payload: Payload) {
        match self.waiter.take() {
            // If the poll's connection is lost, the session hears of that.
            Some(waiter) => drop(waiter.send((payload, true))),
            None => {
                let peer = &self.entry.peer;
                peer.inbox.answer(peer.handle, payload);
            }
        }
    }

    fn pinging(&mut self) {
        if self.messages.is_raw() {
            let peer = &self.entry.peer;
            peer.inbox.note(peer.handle, Note::Pinged);
        }
    }

    fn upgrading(&mut self) {
        let peer = &self.entry.peer;
        peer.inbox.note(peer.handle, Note::Upgrading);
    }

    fn upgrade_lost(&mut self) {
        let peer = &self.entry.peer;
        peer.inbox.note(peer.handle, Note::UpgradeLost);
    }

    fn upgraded(&mut self) {
        let link = self.entry.probe.take();
        if let Some(link) = &link {
            link.promote();
        }
        *self.entry.main.borrow_mut() = link;
        let peer = &self.entry.peer;
        peer.promote();
        peer.inbox.note(peer.handle, Note::Request);
        peer.inbox.note(peer.handle, Note::Upgraded);
    }

    fn closed(&mut self, closure: Closure) {
        let peer = &self.entry.peer;
        peer.forget();
        self.local.forget(peer.handle);
        peer.inbox.note(peer.handle, Note::Ending);
        peer.inbox.closed(peer.handle, &closure);
    }
}
