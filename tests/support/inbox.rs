//! An environment whose JavaScript thread writes down what it is told. As in Node it only looks
//! when it is woken: what is appended without a bell is never seen.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

use socket_io_native::eio::packet::Packet as EnginePacket;
use socket_io_native::eio::payload::{self, Payload};
use socket_io_native::eio::session::SocketRole;
use socket_io_native::error::CloseReason;
use socket_io_native::net::events::{EventSink, Note, Opened, StreamEnd};
use socket_io_native::net::handle::Handle;
use socket_io_native::sio::Packet;
use socket_io_native::ws::Opcode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::soon;

/// An event that an environment is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A Socket.IO packet: namespace, data, attachments.
    Packet(Handle, String, Option<String>, Vec<Vec<u8>>),
    /// An Engine.IO packet in its text form.
    Engine(Handle, String),
    /// A message for a WebSocket that JavaScript serves, in its text form.
    Frame(Handle, SocketRole, String),
    Refused(Handle, String),
    Answer(Handle, Payload),
    Note(Handle, Note),
    Closed(Handle, CloseReason),
    Written(u32, Vec<u8>),
    Ended(u32),
    /// A listener has opened a session with that id, over a WebSocket or not.
    Opened(Handle, String, bool),
    /// A listener has left a connection to Node, with what was read of it.
    Handover(Vec<u8>),
    Drained,
}

impl Event {
    /// An event of the main namespace.
    pub fn message(handle: Handle, json: &str) -> Self {
        Self::Packet(handle, "/".into(), Some(json.into()), Vec::new())
    }
}

struct State {
    appended: Vec<Event>,
    rung: bool,
    turns: u64,
    events: UnboundedSender<Event>,
}

/// See [`Environment::on_opened`].
pub type OnOpened = Box<dyn Fn(Handle) + Send>;

/// An environment of which a test sees every event.
pub struct Environment {
    state: Mutex<State>,
    /// The answer of [`EventSink::is_full`].
    pub full: AtomicBool,
    /// Called with a new session as soon as JavaScript can hear of it.
    pub on_opened: Mutex<Option<OnOpened>>,
}

/// Events in their order.
pub struct Events {
    receiver: UnboundedReceiver<Event>,
    /// Passed over, and asked for later.
    kept: VecDeque<Event>,
}

/// A new environment and what it is told.
pub fn environment() -> (Arc<Environment>, Events) {
    let (events, receiver) = unbounded_channel();
    let state = State {
        appended: Vec::new(),
        rung: false,
        turns: 0,
        events,
    };
    let environment = Environment {
        state: Mutex::new(state),
        full: AtomicBool::new(false),
        on_opened: Mutex::default(),
    };
    let kept = VecDeque::new();
    (Arc::new(environment), Events { receiver, kept })
}

impl Events {
    /// The next event.
    pub async fn next(&mut self) -> Event {
        if let Some(event) = self.kept.pop_front() {
            return event;
        }
        soon(self.receiver.recv()).await.expect("events")
    }

    /// The next event that fits. Those before it stay to be asked for.
    pub async fn find(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).expect("just found");
        }
        loop {
            let event = soon(self.receiver.recv()).await.expect("events");
            if fits(&event) {
                return event;
            }
            self.kept.push_back(event);
        }
    }

    /// The end of a session.
    pub async fn closed(&mut self, handle: Handle) -> CloseReason {
        let closed = |event: &Event| matches!(event, Event::Closed(of, _) if *of == handle);
        let Event::Closed(_, closure) = self.find(closed).await else {
            unreachable!("as it was looked for");
        };
        closure
    }

    /// Waits for an event.
    pub async fn expect(&mut self, expected: Event) {
        self.find(|event| *event == expected).await;
    }

    /// The events that are there and were not asked for.
    pub fn rest(&mut self) -> Vec<Event> {
        let mut rest = Vec::from(std::mem::take(&mut self.kept));
        rest.extend(std::iter::from_fn(|| self.receiver.try_recv().ok()));
        rest
    }
}

impl Environment {
    fn append(&self, event: Event) {
        self.state.lock().expect("a lock").appended.push(event);
    }

    /// Takes what waits; the JavaScript thread may do so without having been woken.
    pub fn take(&self) {
        let mut state = self.state.lock().expect("a lock");
        state.rung = false;
        state.turns += 1;
        for event in std::mem::take(&mut state.appended) {
            // The test may have ended.
            let _ = state.events.send(event);
        }
    }
}

impl EventSink for Environment {
    fn await_work(&self) -> Option<oneshot::Receiver<()>> {
        None
    }

    fn packet(&self, handle: Handle, packet: &Packet<'_>, attachments: Vec<Vec<u8>>) -> usize {
        let json = packet.json.map(Into::into);
        if json.as_deref() == Some(PANIC) {
            // Without a message on the terminal.
            std::panic::resume_unwind(Box::new(PANIC));
        }
        self.append(Event::Packet(handle, packet.nsp.into(), json, attachments));
        0
    }

    fn frame(&self, handle: Handle, socket: SocketRole, packet: EnginePacket<'_>) {
        self.append(Event::Frame(handle, socket, payload::encode([&packet])));
    }

    fn engine_packet(&self, handle: Handle, packet: EnginePacket<'_>) -> usize {
        self.append(Event::Engine(handle, payload::encode([&packet])));
        0
    }

    fn control_frame(&self, _: Handle, _: Opcode, _: &[u8]) -> usize {
        0
    }

    fn refused(&self, handle: Handle, message: &str) {
        self.append(Event::Refused(handle, message.into()));
    }

    fn answer(&self, handle: Handle, payload: Payload) {
        self.append(Event::Answer(handle, payload));
    }

    fn note(&self, handle: Handle, note: Note) {
        // It only says where a request begins; the tests of JavaScript cover the order that follows.
        if note == Note::Request {
            return;
        }
        self.append(Event::Note(handle, note));
    }

    fn closed(&self, handle: Handle, closure: &CloseReason, _: bool) {
        self.append(Event::Closed(handle, closure.clone()));
    }

    fn stream_write(&self, stream: u32, bytes: &[u8]) {
        self.append(Event::Written(stream, bytes.into()));
    }

    fn stream_taken(&self, _: u32) {}

    fn opened(&self, _: u32, handle: Handle, opened: &Opened<'_>, start: &mut dyn FnMut()) {
        self.append(Event::Opened(handle, opened.sid.into(), opened.websocket));
        start();
        if let Some(act) = &*self.on_opened.lock().expect("a lock") {
            act(handle);
        }
    }

    fn handover(&self, _: u32, _: std::os::fd::OwnedFd, bytes: Vec<u8>, _: Option<Handle>) {
        self.append(Event::Handover(bytes));
    }

    fn listener_drained(&self, _: u32) {
        self.append(Event::Drained);
    }

    fn stream_end(&self, stream: u32, _: StreamEnd) {
        self.append(Event::Ended(stream));
    }

    fn room(&self) -> usize {
        usize::MAX
    }
    fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    fn is_stopped(&self) -> bool {
        self.is_full()
    }
    fn turns(&self) -> u64 {
        self.state.lock().expect("a lock").turns
    }

    fn nudge(&self) {
        self.take();
    }

    fn needs_wake(&self) -> bool {
        let mut state = self.state.lock().expect("a lock");
        let needed = !state.appended.is_empty() && !state.rung;
        state.rung |= needed;
        needed
    }

    fn wake(&self) {
        self.take();
    }
}

/// An event with this data is one that the environment cannot take: a fault in our own code.
pub const PANIC: &str = r#"["panic"]"#;
