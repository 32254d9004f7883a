//! WebSockets that JavaScript hands over, and the checks of the requests they come from.

use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::bridge::engine::failure;
use crate::bridge::opening::PacketForm;
use crate::bridge::runtime::runtime;
use crate::eio::session::{Outgoing, SocketRole};
use crate::net::events::EventSink;
use crate::net::session::shared::SharedSession;
use crate::net::thread::{Attach, Source};
use crate::ws::deflate::{self, Compression, Parameters, negotiate};

/// A WebSocket to be served.
#[napi(object)]
pub struct Connection {
    /// The number by which its end is told.
    pub stream: u32,
    /// The descriptor of its socket; none: JavaScript pumps its bytes.
    pub fd: Option<i32>,
    /// Bytes that came with the request, if there are any.
    pub head: Option<Buffer>,
    /// Bytes that its socket has read until now, `head` among them.
    pub bytes_read: f64,
    /// Bytes that its socket has written until now.
    pub bytes_written: f64,
    /// The 101 response.
    pub response: String,
    /// The [`PacketForm`] of its packets.
    pub form: u32,
    /// `Sec-WebSocket-Extensions` of the request.
    pub extensions: Option<String>,
    /// [`UpgradeCheck::keeps_contexts`].
    pub keeps_contexts: Option<bool>,
}

impl Connection {
    /// Returns the source of its bytes. It may fail, and is taken before anything depends on it.
    pub(super) fn source(&self) -> Result<Source> {
        match self.fd {
            #[cfg(unix)]
            Some(fd) => {
                // SAFETY: the caller read the descriptor from a socket that it destroys after
                // this call.
                unsafe { crate::net::websocket::stream::adopt(fd) }
                    .map(Source::Socket)
                    .map_err(failure)
            }
            #[cfg(not(unix))]
            Some(_) => Err(failure("sockets cannot be adopted on this system")),
            None => Ok(Source::Stream),
        }
    }

    /// The compression that the response agrees to.
    fn deflate(&self, peer: Option<&Arc<SharedSession>>) -> Option<(Parameters, Compression)> {
        let options = deflate::Options {
            keeps_no_contexts: self.keeps_contexts == Some(false),
            ..*peer?.engine.deflate()?
        };
        let agreement = negotiate(self.extensions.as_deref(), &options).ok()??;
        Some((agreement.parameters, options.compression))
    }

    /// Has the WebSocket served, for a session or only to be closed.
    pub(super) fn attach(
        self,
        source: Source,
        inbox: Arc<dyn EventSink>,
        peer: Option<Arc<SharedSession>>,
        role: SocketRole,
        first: Vec<Outgoing>,
    ) {
        runtime().attach(Attach {
            deflate: self.deflate(peer.as_ref()),
            shared: peer,
            role,
            form: PacketForm::encoding(self.form),
            source,
            stream: self.stream,
            inbox,
            // A float out of range saturates, NaN is 0.
            before: (self.bytes_read as u64, self.bytes_written as u64),
            head: self.head.as_deref().unwrap_or_default().to_vec(),
            response: self.response.into_bytes(),
            first,
            open: None,
        });
    }
}

/// The answer to the checks of a WebSocket upgrade request.
#[napi(object)]
pub struct UpgradeCheck {
    /// The whole response that refuses it; none if it is granted.
    pub refusal: Option<String>,
    /// `Sec-WebSocket-Accept`.
    pub accept: Option<String>,
    /// `Sec-WebSocket-Protocol`.
    pub protocol: Option<String>,
    /// `Sec-WebSocket-Extensions`.
    pub extensions: Option<String>,
    /// False if the connection keeps no contexts of compression, because too many are kept.
    pub keeps_contexts: bool,
}
