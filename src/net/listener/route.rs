//! Decides which requests are answered natively: by the settings that JavaScript has given, and by
//! the sessions that there are.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::eio::encoding::Protocol;
use crate::net::handle::Handle;
use crate::net::listener::Listener;
use crate::net::listener::encoding::Accepted;
use crate::net::listener::head::{Request, RequestKind};
use crate::net::listener::settings::Settings;
use crate::net::listener::snapshot::{RequestSnapshot, pack};
use crate::net::lock;
use crate::net::session::admission::{AddressKey, Refusal};
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::SharedSession;
use crate::ws::deflate::{Compression, Parameters};
use crate::ws::handshake;

/// A request that is answered natively.
pub struct Admitted {
    pub route: Route,
    /// Lengths of its head and its body, in bytes.
    pub head: usize,
    pub body: usize,
    /// The client closes the connection after the answer.
    pub closes: bool,
    pub accepts: Accepted,
    pub origin: Option<String>,
}

/// The answer to an admitted request.
pub enum Route {
    Handshake(RequestSnapshot),
    Poll(Handle),
    Push(Handle),
    /// A handshake over polling that a bound refuses.
    Refused(&'static Refusal),
    /// An upgrade request for a new session that a bound refuses.
    RefusedUpgrade(&'static Refusal),
    /// The content of the 101, and the session that it is for, or the request that opens one.
    WebSocket(UpgradeAccept, Result<Arc<SharedSession>, RequestSnapshot>),
}

/// The content of the 101.
pub struct UpgradeAccept {
    pub accept: String,
    pub protocol: Option<String>,
    /// The header `Sec-WebSocket-Extensions`.
    pub extensions: Option<String>,
    pub deflate: Option<(Parameters, Compression)>,
}

/// The addresses of a connection.
#[derive(Clone, Copy)]
pub struct Ends {
    pub remote: SocketAddr,
    pub local: Option<SocketAddr>,
}

/// Returns the request if it is answered natively; `None` if it is for Node.
pub fn admit(
    request: &Request<'_>,
    settings: &Settings,
    listener: &Listener,
    ends: Ends,
) -> Option<Admitted> {
    if !settings.answer(request.kind) {
        return None;
    }
    let origin = header(request, "origin");
    if !settings.cors.is_known(origin.as_deref()) {
        return None;
    }
    let packed = || pack(request, ends.remote, ends.local);
    let route = match request.kind {
        RequestKind::Handshake => match refusal(listener, ends) {
            None => Route::Handshake(packed()),
            Some(_) if settings.tells_refusals => return None,
            Some(refusal) => Route::Refused(refusal),
        },
        RequestKind::Poll(sid) => Route::Poll(polling(sid, listener)?.handle),
        RequestKind::Push(sid) => {
            let small = request.body as u64 <= settings.max_body;
            small.then_some(Route::Push(polling(sid, listener)?.handle))?
        }
        RequestKind::WebSocket(None) => {
            let greeting = greeting(request, &listener.engine)?;
            match refusal(listener, ends) {
                None => Route::WebSocket(greeting, Err(packed())),
                Some(_) if settings.tells_refusals => return None,
                Some(refusal) => Route::RefusedUpgrade(refusal),
            }
        }
        RequestKind::WebSocket(Some(sid)) => Route::WebSocket(
            greeting(request, &listener.engine)?,
            Ok(session(sid, listener)?),
        ),
    };
    Some(Admitted {
        route,
        head: request.head,
        body: request.body,
        closes: request.closes,
        accepts: request.accepts,
        origin,
    })
}

/// Counts a handshake; the refusal, if a bound of the engine says so.
fn refusal(listener: &Listener, ends: Ends) -> Option<&'static Refusal> {
    let limits = &listener.engine.config.admission;
    if !limits.is_any() {
        return None;
    }
    let address = Some(AddressKey::from(ends.remote.ip()));
    let admission = &listener.engine.admission;
    let refused = admission.handshake(limits, address, listener.runtime.now());
    Some(Refusal::of(refused.err()?))
}

/// The session of an id, unless an earlier request for it is on its way to JavaScript.
fn session(sid: &str, listener: &Listener) -> Option<Arc<SharedSession>> {
    let handle = listener.engine.sids().get(sid)?;
    let peer = listener.runtime.table().get(handle)?;
    let ours = lock(&peer.inner).handed_over == 0;
    ours.then_some(peer)
}

/// The polling session of an id, unless JavaScript sees its requests, or the session speaks another
/// protocol than they.
fn polling(sid: &str, listener: &Listener) -> Option<Arc<SharedSession>> {
    let peer = session(sid, listener)?;
    let inner = lock(&peer.inner);
    let is_v4 = inner.session.encoding().protocol == Protocol::V4;
    let ours = is_v4 && !inner.session.is_websocket() && !inner.watched;
    drop(inner);
    ours.then_some(peer)
}

fn greeting(request: &Request<'_>, engine: &SharedEngine) -> Option<UpgradeAccept> {
    let [upgrade, key, version, protocol] = [
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
    ]
    .map(|name| header(request, name));
    let check = handshake::Request {
        upgrade: upgrade.as_deref(),
        key: key.as_deref(),
        version: version.as_deref(),
        protocol: protocol.as_deref(),
    };
    let accepted = handshake::check(&check).ok()?;
    let mut greeting = UpgradeAccept {
        accept: accepted.accept,
        protocol: accepted.protocol.map(Into::into),
        extensions: None,
        deflate: None,
    };
    let offers = header(request, "sec-websocket-extensions");
    if let Some(negotiated) = engine.negotiate(offers.as_deref()).ok()? {
        let agreement = negotiated.agreement;
        greeting.deflate = Some((agreement.parameters, negotiated.compression));
        greeting.extensions = Some(agreement.response);
    }
    Some(greeting)
}

/// The values of a header, joined as Node does.
fn header(request: &Request<'_>, name: &str) -> Option<String> {
    let mut values = request
        .headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value);
    let first = values.next()?.to_owned();
    Some(values.fold(first, |all, value| all + ", " + value))
}
