//! The calls made per session or connection, through napi-rs: handshakes, and WebSockets handed
//! over. Those of polling stand in [`super::polling`].

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use napi::bindgen_prelude::{Buffer, Either, Function, Object};
use napi::{Env, Error, JsValue, Result, Status, sys};
use napi_derive::napi;

use crate::bridge::boundary::Boundary;
use crate::bridge::calls;
use crate::bridge::connection::{Connection, UpgradeCheck};
use crate::bridge::event_queue::EventQueue;
use crate::bridge::faults::{self, FaultPlace};
use crate::bridge::inline::Inline;
#[cfg(unix)]
use crate::bridge::listener::Listeners;
use crate::bridge::opening::{OpenRequest, Opened, OpenedExternal, PacketForm, on_the_wire};
use crate::bridge::options::EngineOptions;
use crate::bridge::runtime::{runtime, start};
use crate::bridge::values::{Body, body};
use crate::counters::{Carrier, Transport};
use crate::eio::id;
use crate::eio::payload::Payload;
use crate::eio::session::{Outgoing, SocketRole};
use crate::error::{CloseReason, Reason};
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::runtime::Opening;
use crate::net::session::admission::AddressKey;
use crate::net::session::shared::SharedSession;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Command, FIRST_STREAM};
use crate::ws;

pub(super) fn failure(what: impl std::fmt::Display) -> Error {
    Error::new(Status::GenericFailure, what.to_string())
}

fn socket(probe: bool) -> SocketRole {
    if probe {
        SocketRole::Probe
    } else {
        SocketRole::Main
    }
}

/// The session, if it takes a WebSocket now; with `external`, one that JavaScript serves.
fn offer(handle: u32, external: bool) -> Option<Arc<SharedSession>> {
    let peer = runtime().table().get(Handle::from_raw(handle))?;
    runtime().upgrade(&peer, external).then_some(peer)
}

/// Calls `work` for a session. If it panics, the session ends, and `failed` gets the answer to its
/// pending poll.
pub(super) fn of_session<T>(
    handle: Handle,
    failed: impl FnOnce(Option<Payload>) -> T,
    work: impl FnOnce() -> T,
) -> T {
    let done = faults::guard(|| {
        faults::strike(FaultPlace::Session);
        work()
    });
    done.unwrap_or_else(|| failed(faults::guard(|| runtime().end_faulty(handle)).flatten()))
}

/// Counters of the process.
#[napi(object)]
pub struct Stats {
    /// Sessions alive.
    pub sessions: u32,
    /// Faults of the engine that were caught. Each cost a connection, a session or a call.
    pub panics: f64,
    /// I/O threads.
    pub threads: u32,
}

/// One environment's engine.
#[napi]
pub struct Engine {
    pub(super) hub: Arc<EventQueue>,
    boundary: *mut Boundary,
    #[cfg(unix)]
    pub(super) listeners: Rc<Listeners>,
    /// Time at which the flush at exit gives up.
    pub(super) exit_flush_by: Instant,
}

#[napi]
impl Engine {
    /// Makes the engine of an environment; it calls `wake` when there is a batch to take.
    /// `resource`, if given, is what hooks of `async_hooks` are told of: its `hasRef()` says whether the engine
    /// keeps the process alive.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, wake: Function<'_, (), ()>, resource: Option<Object<'_>>) -> Result<Self> {
        faults::watch();
        start().map_err(failure)?;
        let hub = Arc::new(EventQueue::default());
        let boundary = Box::into_raw(Box::new(Boundary::new(hub.clone())));
        let mut name = std::ptr::null_mut();
        let mut function = std::ptr::null_mut();
        let finalizer_data = Arc::into_raw(hub.clone());
        // SAFETY: values of this environment on its own thread. The finalizer gets a counted
        // reference to the hub, which it releases.
        let status = unsafe {
            sys::napi_create_string_utf8(env.raw(), c"socket.io".as_ptr(), -1, &mut name);
            sys::napi_create_threadsafe_function(
                env.raw(),
                wake.raw(),
                resource.map_or(std::ptr::null_mut(), |one| one.raw()),
                name,
                0,
                1,
                finalizer_data.cast_mut().cast(),
                Some(waker_finalized),
                std::ptr::null_mut(),
                None,
                &mut function,
            )
        };
        if status != sys::Status::napi_ok {
            return Err(failure("no threadsafe function"));
        }
        hub.waker().install(function);
        // SAFETY: the environment of this call.
        unsafe { hub.waker().hold(env.raw(), false) };
        let leaving = hub.clone();
        #[cfg(unix)]
        let listeners = Rc::<Listeners>::default();
        #[cfg(unix)]
        let closing = listeners.clone();
        env.add_env_cleanup_hook((), move |()| {
            #[cfg(unix)]
            closing.leave();
            let left = faults::guard(|| {
                faults::strike(FaultPlace::Cleanup);
                leaving.leave();
            });
            if left.is_none() {
                faults::guard(|| leaving.leave());
            }
            faults::guard(|| runtime().send_all(|| Command::Leave(leaving.clone())));
            // SAFETY: never freed; nothing of the environment is called while it ends.
            faults::guard(|| unsafe { &mut *boundary }.inline.leave());
            let inbox: Arc<dyn EventSink> = leaving.clone();
            faults::guard(|| runtime().remove_inline(&inbox));
        })?;
        Ok(Self {
            hub,
            boundary,
            #[cfg(unix)]
            listeners,
            exit_flush_by: Instant::now(),
        })
    }

    /// Adds the calls of [`calls`] to `target`.
    #[napi(catch_unwind)]
    pub fn define_calls(&self, env: Env, target: Object<'_>) {
        // SAFETY: an object of this environment; the boundary is never freed, because the
        // functions have no owner that could tell when the last of them is gone.
        unsafe { calls::define(env.raw(), target.raw(), self.boundary) };
    }

    /// Lets open connections keep the process alive, or not.
    #[napi(catch_unwind)]
    pub fn hold(&self, env: Env, held: bool) {
        // SAFETY: the environment of this call.
        unsafe { self.hub.waker().hold(env.raw(), held) };
    }

    /// Returns a number for one connection; no other connection of the process has it.
    #[napi(catch_unwind)]
    pub fn next_stream(&self) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(FIRST_STREAM);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns a new session id.
    #[napi(catch_unwind)]
    pub fn generate_id(&self) -> Result<String> {
        id::generate().map_err(failure)
    }

    /// Opens a session over polling.
    #[napi(catch_unwind)]
    pub fn open_polling(
        &mut self,
        options: &EngineOptions,
        request: OpenRequest,
    ) -> Result<Opened> {
        let peer = self.open(options, &request, Carrier::PollingInJs)?;
        let packets = request.packets();
        let packets: Vec<_> = packets.iter().map(Outgoing::as_packet).collect();
        let payload = PacketForm::encoding(request.form).payload(&packets);
        let lane = peer.counters().lane();
        lane.sent_bytes(Transport::Polling, payload.len());
        Ok(Opened {
            handle: peer.handle.raw(),
            body: body(payload),
        })
    }

    /// Opens a session over a WebSocket; returns its handle.
    #[napi(catch_unwind)]
    pub fn open_web_socket(
        &mut self,
        options: &EngineOptions,
        request: OpenRequest,
        connection: Connection,
    ) -> Result<u32> {
        let source = connection.source()?;
        let peer = self.open(options, &request, Carrier::WebSocketNative)?;
        let handle = peer.handle.raw();
        let inbox = self.hub.clone();
        let packets = request.packets();
        self.inline().quietly(|| {
            connection.attach(source, inbox, Some(peer), SocketRole::Main, packets);
        });
        Ok(handle)
    }

    fn open(
        &mut self,
        options: &EngineOptions,
        request: &OpenRequest,
        carrier: Carrier,
    ) -> Result<Arc<SharedSession>> {
        let opening = Opening {
            form: PacketForm::encoding(request.form),
            websocket: carrier.transport() != Transport::Polling,
            external: request.external,
            decode_in_js: request.raw,
            sid: &request.sid,
            address: request.address.as_deref().map(AddressKey::parse),
            is_checked: false,
            inline: request.pumped && !request.external && self.inline().begin(),
        };
        let inbox = self.hub.clone();
        let session = (self.inline())
            .quietly(|| runtime().open(inbox, options.0.clone(), opening))
            .map_err(|_| failure("too many sessions"))?;
        session.begin(carrier, &request.sid);
        // A timer may have run meanwhile.
        self.inline().wake();
        Ok(session)
    }

    /// Opens a session over a WebSocket that JavaScript serves.
    #[napi(catch_unwind)]
    pub fn open_external(
        &mut self,
        options: &EngineOptions,
        request: OpenRequest,
    ) -> Result<OpenedExternal> {
        let carrier = match request.webtransport {
            Some(true) => Carrier::WebTransport,
            _ => Carrier::WebSocketInJs,
        };
        let peer = self.open(options, &request, carrier)?;
        let packets = request.packets();
        Ok(OpenedExternal {
            handle: peer.handle.raw(),
            messages: packets
                .iter()
                .map(|packet| on_the_wire(packet.as_packet()))
                .collect(),
        })
    }

    /// Offers a session a WebSocket that JavaScript serves, or a stream of WebTransport. If the session does not take it, it
    /// has to be closed.
    #[napi(catch_unwind)]
    pub fn upgrade_external(&self, handle: u32, webtransport: bool) -> bool {
        let session = offer(handle, true);
        if let Some(session) = &session {
            session.carried.offer_webtransport(webtransport);
        }
        session.is_some()
    }

    /// Returns a binary message in the form that its client takes, a [`PacketForm`].
    #[napi(catch_unwind)]
    pub fn binary_message(&self, form: u32, data: Buffer) -> Either<String, Buffer> {
        let (prefix, data, is_text) = PacketForm::encoding(form).binary_message(&data);
        let message = [prefix, &*data].concat();
        if is_text {
            // Base64 and its prefix are ASCII: nothing is lost.
            Either::A(String::from_utf8_lossy(&message).into_owned())
        } else {
            Either::B(message.into())
        }
    }

    /// Takes a message of a WebSocket that JavaScript serves, in a [`PacketForm`].
    /// Returns the answer to the pending poll.
    #[napi(catch_unwind)]
    pub fn receive(
        &self,
        handle: u32,
        probe: bool,
        data: Either<String, Buffer>,
        form: u32,
    ) -> Option<Body> {
        let form = PacketForm::encoding(form);
        let packet = match &data {
            Either::A(text) => form.decode(text).ok(),
            Either::B(bytes) => Some(form.decode_binary(bytes)),
        };
        let handle = Handle::from_raw(handle);
        of_session(
            handle,
            |answer| answer,
            || runtime().receive(handle, socket(probe), packet),
        )
        .map(body)
    }

    /// Notes that all messages have been received that were held back since `Stopped` was noted.
    #[napi(catch_unwind)]
    pub fn caught_up(&self, handle: u32) {
        runtime().caught_up(Handle::from_raw(handle));
    }

    /// Notes that a WebSocket that JavaScript serves has ended; a message makes it an error.
    #[napi(catch_unwind)]
    pub fn lost(&self, handle: u32, probe: bool, message: Option<String>) {
        let mut closure = CloseReason::without_detail(Reason::TransportClose);
        if let Some(message) = message {
            closure.reason = Reason::TransportError;
            closure.detail = Some(message.into());
        }
        runtime().lost(Handle::from_raw(handle), socket(probe), closure);
    }

    /// Offers a WebSocket to a session that polls. One that the session does not take is closed.
    #[napi(catch_unwind)]
    pub fn upgrade(&mut self, handle: u32, connection: Connection) -> Result<bool> {
        self.flush();
        let source = connection.source()?;
        let granted = offer(handle, false);
        let taken = granted.is_some();
        let inbox = self.hub.clone();
        self.inline().quietly(|| {
            connection.attach(source, inbox, granted, SocketRole::Probe, Vec::new());
        });
        Ok(taken)
    }

    /// Accepts a WebSocket only to close it.
    #[napi(catch_unwind)]
    pub fn turn_away(&self, connection: Connection) -> Result<()> {
        let source = connection.source()?;
        connection.attach(
            source,
            self.hub.clone(),
            None,
            SocketRole::Probe,
            Vec::new(),
        );
        Ok(())
    }

    /// Checks the headers of an upgrade request (RFC 6455, 4.2.1).
    #[napi(catch_unwind)]
    pub fn check_upgrade(
        &self,
        options: &EngineOptions,
        upgrade: Option<String>,
        key: Option<String>,
        version: Option<String>,
        protocol: Option<String>,
        extensions: Option<String>,
    ) -> UpgradeCheck {
        let request = ws::handshake::Request {
            upgrade: upgrade.as_deref(),
            key: key.as_deref(),
            version: version.as_deref(),
            protocol: protocol.as_deref(),
        };
        let checked = ws::handshake::check(&request)
            .and_then(|accepted| Ok((accepted, options.0.negotiate(extensions.as_deref())?)));
        match checked {
            Ok((accepted, negotiated)) => UpgradeCheck {
                refusal: None,
                accept: Some(accepted.accept),
                protocol: accepted.protocol.map(Into::into),
                keeps_contexts: negotiated.as_ref().is_none_or(|its| its.keeps_contexts),
                extensions: negotiated.map(|its| its.agreement.response),
            },
            Err(refusal) => UpgradeCheck {
                refusal: Some(refusal.response()),
                accept: None,
                protocol: None,
                extensions: None,
                keeps_contexts: true,
            },
        }
    }

    /// Has a record appended when all input of a pumped stream so far has been taken.
    #[napi(catch_unwind)]
    pub fn await_taken(&mut self, stream: u32) {
        let inline = self.inline();
        inline.stream(stream, || Command::AwaitTaken(stream));
        inline.wake();
    }

    /// Returns counters of the process.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Stats {
        Stats {
            sessions: u32::try_from(runtime().table().len()).unwrap_or(u32::MAX),
            panics: (runtime().panics() + faults::count()) as f64,
            threads: u32::try_from(runtime().threads()).unwrap_or(u32::MAX),
        }
    }

    /// For tests only: has a panic happen at a [`FaultPlace`]; a session, where it concerns one.
    #[napi(catch_unwind)]
    pub fn inject_fault(&self, place: u32, handle: u32) {
        let handle = Handle::from_raw(handle);
        match u8::try_from(place) {
            Ok(n) if n == FaultPlace::Connection as u8 => {
                let fail = move |local: &Rc<IoThread>| local.fail_conn(handle);
                runtime().send_to(handle, Command::Call(Box::new(fail)));
            }
            Ok(n) if n == FaultPlace::Command as u8 => {
                let fail = |_: &Rc<IoThread>| panic!("a panic that a test has asked for");
                runtime().send_to(handle, Command::Call(Box::new(fail)));
            }
            Ok(n) => faults::arm(n),
            Err(_) => {}
        }
        faults::strike(FaultPlace::Here);
    }

    pub(super) fn flush(&mut self) {
        self.boundary().flush();
        self.inline().wake();
    }

    fn boundary(&mut self) -> &mut Boundary {
        // SAFETY: never freed; calls of one environment come one at a time.
        unsafe { &mut *self.boundary }
    }

    /// The sessions that live on this thread.
    pub(super) fn inline(&mut self) -> &mut Inline {
        &mut self.boundary().inline
    }

    /// Carries out the commands for the sessions that live on this thread.
    pub(super) fn catch_up(&mut self) {
        self.inline().catch_up();
    }

    /// Sends a command to all threads on which sessions of this environment live.
    pub(super) fn send_all(&mut self, mut command: impl FnMut() -> Command) {
        self.inline().send(command());
        runtime().send_all(command);
    }
}

/// Node has finalized the waker: nobody may wake by it any more.
unsafe extern "C" fn waker_finalized(
    _: sys::napi_env,
    data: *mut std::ffi::c_void,
    _: *mut std::ffi::c_void,
) {
    // SAFETY: the counted reference that `Engine::new` gave away.
    let hub = unsafe { Arc::from_raw(data.cast::<EventQueue>()) };
    faults::guard(move || hub.waker().remove());
}
