//! Clients of a session, over loopback TCP.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use socket_io_native::config::EngineConfig;
use socket_io_native::eio::encoding::PacketEncoding;
use socket_io_native::eio::packet::Type;
use socket_io_native::eio::session::{Outgoing, SocketRole};
use socket_io_native::net::handle::Handle;
use socket_io_native::net::runtime::Opening;
use socket_io_native::net::session::engine::SharedEngine;
use socket_io_native::net::session::shared::SharedSession;
use socket_io_native::net::thread::{Attach, Source};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::inbox::Environment;
use super::{runtime, soon};

/// Stands for the 101 response.
pub const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
/// The data of the open packet.
pub const OPEN: &str = r#"{"sid":"x"}"#;

/// A number for a connection.
pub fn next_stream() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Both ends of a TCP connection: the engine's and the client's.
pub async fn pair() -> (OwnedFd, TcpStream) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(any).await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let server = server
        .expect("a connection")
        .0
        .into_std()
        .expect("a socket");
    (server.into(), client.expect("a connection"))
}

/// A new session.
pub fn opening(form: PacketEncoding, websocket: bool) -> Opening<'static> {
    Opening {
        form,
        websocket,
        external: false,
        decode_in_js: false,
        sid: "",
        address: None,
        is_checked: false,
        inline: false,
    }
}

/// Opens it.
pub fn open(env: &Arc<Environment>, config: EngineConfig, websocket: bool) -> Arc<SharedSession> {
    runtime().start().expect("threads");
    runtime()
        .open(
            env.clone(),
            Arc::new(SharedEngine::new(config)),
            opening(PacketEncoding::V4, websocket),
        )
        .expect("a free slot")
}

/// Hands a WebSocket to the engine; returns the client's end and the connection's number.
pub async fn attach(
    env: &Arc<Environment>,
    peer: Option<Arc<SharedSession>>,
    role: SocketRole,
) -> (TcpStream, u32) {
    attach_as(env, peer, role, PacketEncoding::V4).await
}

/// The same for a client whose packets have another form.
pub async fn attach_as(
    env: &Arc<Environment>,
    peer: Option<Arc<SharedSession>>,
    role: SocketRole,
    form: PacketEncoding,
) -> (TcpStream, u32) {
    let (fd, client) = pair().await;
    let stream = next_stream();
    let first = match role {
        SocketRole::Main => vec![Outgoing::Text(Type::Open, OPEN.into())],
        SocketRole::Probe => Vec::new(),
    };
    runtime().attach(Attach {
        shared: peer,
        role,
        form,
        source: Source::Socket(fd),
        stream,
        inbox: env.clone(),
        before: (0, 0),
        head: Vec::new(),
        response: RESPONSE.into(),
        deflate: None,
        first,
        #[cfg(unix)]
        open: None,
    });
    (client, stream)
}

/// A WebSocket client, past its handshake.
pub struct Client {
    pub ws: WebSocketStream<TcpStream>,
    pub handle: Handle,
    pub stream: u32,
}

impl Client {
    /// Of a new session with the default options.
    pub async fn connect(env: &Arc<Environment>) -> Self {
        Self::with(env, EngineConfig::default()).await
    }

    /// Of a new session.
    pub async fn with(env: &Arc<Environment>, config: EngineConfig) -> Self {
        let mut client = Self::of(env, &open(env, config, true), SocketRole::Main).await;
        assert_eq!(client.text().await, format!("0{OPEN}"));
        client
    }

    /// Of a session that there is.
    pub async fn of(env: &Arc<Environment>, peer: &Arc<SharedSession>, role: SocketRole) -> Self {
        let (tcp, stream) = attach(env, Some(peer.clone()), role).await;
        let handle = peer.handle;
        let ws = websocket(tcp).await;
        Self { ws, handle, stream }
    }

    /// The next message, which is text.
    pub async fn text(&mut self) -> String {
        match soon(self.ws.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next message, which is binary.
    pub async fn binary(&mut self) -> Vec<u8> {
        match soon(self.ws.next()).await {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("not binary: {other:?}"),
        }
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.message(Message::text(text)).await;
    }

    /// Sends any message, or a frame of it.
    pub async fn message(&mut self, message: Message) {
        soon(self.ws.send(message)).await.expect("sent");
    }

    /// Sends bytes that are no message.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let tcp = self.ws.get_mut();
        soon(tcp.write_all(bytes)).await.expect("sent");
    }

    /// The close frame that comes next. It is answered, and the connection ends.
    pub async fn closed(mut self) -> Option<CloseFrame> {
        let Some(Ok(Message::Close(frame))) = soon(self.ws.next()).await else {
            panic!("no close frame");
        };
        match soon(self.ws.next()).await {
            None | Some(Err(Error::ConnectionClosed)) => frame,
            other => panic!("not the end: {other:?}"),
        }
    }
}

/// Reads the response; what follows are frames.
pub async fn websocket(mut tcp: TcpStream) -> WebSocketStream<TcpStream> {
    let mut response = vec![0; RESPONSE.len()];
    soon(tcp.read_exact(&mut response))
        .await
        .expect("a response");
    assert_eq!(response, RESPONSE.as_bytes());
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    WebSocketStream::from_raw_socket(tcp, Role::Client, Some(config)).await
}

/// A client's frame, under a mask that changes nothing.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short payload");
    let mut frame = vec![first, 0x80 | len, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}
