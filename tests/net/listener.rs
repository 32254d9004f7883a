//! The listener: an HTTP client that is only bytes, and an independent WebSocket client.

use std::io::Read as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use futures_util::StreamExt as _;
use socket_io_native::error::{POLL_ABORTED, POLL_OVERLAP, POST_ABORTED};
use socket_io_native::net::events::{Note, Taking};
use socket_io_native::net::handle::Handle;
use socket_io_native::net::listener::{Listener, Settings, listen};
use socket_io_native::net::session::engine::SharedEngine;
use socket_io_native::net::thread::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::support::inbox::{Environment, Event, Events, environment};
use super::support::{run, runtime, soon, text};

const FOREVER_MS: u64 = 1 << 40;

/// A listener that answers all it can.
async fn serve(change: impl FnOnce(&mut Settings)) -> (Arc<Listener>, SocketAddr, Events) {
    let (env, events) = environment();
    let (listener, address) = serve_for(env, change);
    (listener, address, events)
}

/// The same for an environment that there is.
fn serve_for(
    env: Arc<Environment>,
    change: impl FnOnce(&mut Settings),
) -> (Arc<Listener>, SocketAddr) {
    runtime().start().expect("threads");
    let engine = Arc::new(SharedEngine::default());
    engine.sids().keep();
    let listener = Listener::new(runtime(), 1, env, engine);
    let mut settings = Settings {
        path: "/socket.io/".into(),
        handshakes: true,
        polls: true,
        websockets: true,
        upgrades: true,
        upgrade_list: "[]".into(),
        max_body: 1000,
        max_chunks: u64::MAX,
        body_ms: FOREVER_MS,
        head_ms: FOREVER_MS,
        request_ms: FOREVER_MS,
        ..Settings::default()
    };
    change(&mut settings);
    listener.configure(settings);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("not blocking");
    let address = socket.local_addr().expect("its address");
    let socket = OwnedFd::from(socket);
    listen(&socket, 100).expect("listening");
    listener.start(socket);
    (listener, address)
}

/// A connection and what has been read of it.
struct Http(TcpStream);

impl Http {
    async fn connect(address: SocketAddr) -> Self {
        Self(soon(TcpStream::connect(address)).await.expect("connected"))
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("written");
    }

    async fn get(&mut self, query: &str) {
        let line = format!("GET /socket.io/?EIO=4&transport=polling{query} HTTP/1.1");
        self.write(&format!("{line}\r\nHost: a\r\n\r\n")).await;
    }

    async fn post(&mut self, sid: &str, length: usize, body: &str) {
        let line = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1");
        let head = format!("{line}\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        self.write(&(head + body)).await;
    }

    /// The next answer: its status and its body, of which the length is told.
    async fn answer(&mut self) -> (u16, String) {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(soon(self.0.read_u8()).await.expect("a head"));
        }
        let head = String::from_utf8(text).expect("text");
        let status = head.get(9..12).and_then(|code| code.parse().ok());
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |n| n.parse().expect("a number"))];
        soon(self.0.read_exact(&mut body)).await.expect("a body");
        (
            status.expect("a status"),
            String::from_utf8(body).expect("text"),
        )
    }

    async fn is_ended(&mut self) -> bool {
        soon(self.0.read(&mut [0])).await.is_ok_and(|n| n == 0)
    }
}

/// Opens a session over polling.
async fn open(http: &mut Http, events: &mut Events) -> (Handle, String) {
    http.get("").await;
    let (status, body) = http.answer().await;
    assert_eq!(status, 200);
    let Event::Opened(handle, sid, false) = events.next().await else {
        panic!("no session was opened");
    };
    assert!(body.starts_with(&format!("0{{\"sid\":\"{sid}\"")), "{body}");
    (handle, sid)
}

#[tokio::test]
async fn a_body_is_as_long_as_it_says() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    http.post(&sid, 6, "42[\"a\"").await;
    http.write("]").await;
    // The announced length counts: the bracket is of another request.
    assert_eq!(http.answer().await, (200, "ok".into()));
    events
        .expect(Event::Refused(handle, "invalid payload".into()))
        .await;
}

#[tokio::test]
async fn packets_in_both_directions() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    let mut other = Http::connect(address).await;
    other.post(&sid, 7, "42[\"a\"]").await;
    assert_eq!(other.answer().await, (200, "ok".into()));
    events.expect(Event::message(handle, "[\"a\"]")).await;

    // The packets that wait are the answer; then a poll waits.
    run(|w| {
        text(w, handle, 0, "2[1]");
        text(w, handle, 0, "2[2]");
    });
    http.get(&format!("&sid={sid}")).await;
    let (_, first) = http.answer().await;
    if first == "42[1]" {
        http.get(&format!("&sid={sid}")).await;
        assert_eq!(http.answer().await, (200, "42[2]".into()));
    } else {
        assert_eq!(first, "42[1]\u{1e}42[2]");
    }
    http.get(&format!("&sid={sid}")).await;
    while !runtime().is_poll_pending(handle) {
        tokio::task::yield_now().await;
    }
    run(|w| text(w, handle, 0, "2[3]"));
    assert_eq!(http.answer().await, (200, "42[3]".into()));
}

#[tokio::test]
async fn polls_and_posts_that_break_the_rules() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let wait = async |handle| {
        while !runtime().is_poll_pending(handle) {
            tokio::task::yield_now().await;
        }
    };
    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    http.get(&format!("&sid={sid}")).await;
    wait(handle).await;
    let mut second = Http::connect(address).await;
    second.get(&format!("&sid={sid}")).await;
    assert_eq!(second.answer().await.0, 400);
    assert_eq!(http.answer().await, (200, "1".into()));
    events.expect(Event::Closed(handle, POLL_OVERLAP)).await;

    let (handle, sid) = open(&mut http, &mut events).await;
    http.get(&format!("&sid={sid}")).await;
    wait(handle).await;
    drop(http);
    events.expect(Event::Closed(handle, POLL_ABORTED)).await;

    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    http.post(&sid, 100, "42").await;
    drop(http);
    events.expect(Event::Closed(handle, POST_ABORTED)).await;
}

/// A connection that a server of the application has accepted, and its client, for which `write` has sent
/// something.
async fn accepted(write: impl AsyncFnOnce(&mut Http)) -> (std::net::TcpStream, Http) {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mut http = Http::connect(server.local_addr().expect("its address")).await;
    write(&mut http).await;
    let (connection, _) = server.accept().await.expect("a connection");
    connection.readable().await.expect("what was sent");
    (connection.into_std().expect("not registered"), http)
}

#[tokio::test]
async fn a_connection_whose_bytes_were_read_does_not_overtake_one_that_was_taken_before() {
    if runtime().threads() > 1 {
        return; // Each may be served by another thread.
    }
    let (listener, address, mut events) = serve(|_| {}).await;
    let mut http = Http::connect(address).await;
    let (_, sid) = open(&mut http, &mut events).await;
    let (first, _client) = accepted(async |http| http.post(&sid, 100, "4").await).await;
    let (mut second, mut late) = accepted(async |http| http.post(&sid, 1, "4").await).await;
    let mut bytes = vec![0; 1000];
    let count = second.read(&mut bytes).expect("what was sent");
    bytes.truncate(count);
    // The I/O thread finds both when it comes to them.
    let (let_go, stands_still) = std::sync::mpsc::channel::<()>();
    let standstill = move |_: &_| {
        let _ = stands_still.recv();
    };
    runtime().send(0, Command::Call(Box::new(standstill)));
    assert_eq!(listener.take_unread(first.as_fd()), Taking::Taken);
    assert_eq!(listener.take(second.as_fd(), &bytes), Taking::Taken);
    drop(let_go);
    assert_eq!(late.answer().await.0, 400);
}

#[tokio::test]
async fn a_session_moves_to_a_websocket() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    let stream = soon(TcpStream::connect(address)).await.expect("connected");
    let url = format!("ws://a/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let (mut ws, _) = soon(tokio_tungstenite::client_async(url, stream))
        .await
        .expect("a WebSocket");
    events.expect(Event::Note(handle, Note::Offered)).await;
    use futures_util::SinkExt as _;
    ws.send(Message::text("2probe")).await.expect("sent");
    let probed = soon(ws.next())
        .await
        .expect("an answer")
        .expect("a message");
    assert_eq!(probed, Message::text("3probe"));
    ws.send(Message::text("5")).await.expect("sent");
    events.expect(Event::Note(handle, Note::Upgraded)).await;
    run(|w| text(w, handle, 0, "2[1]"));
    let message = soon(ws.next()).await.expect("one").expect("a message");
    assert_eq!(message, Message::text("42[1]"));
}

#[tokio::test]
async fn a_websocket_that_opens_a_session() {
    let (listener, address, mut events) = serve(|_| {}).await;
    let stream = soon(TcpStream::connect(address)).await.expect("connected");
    let url = "ws://a/socket.io/?EIO=4&transport=websocket";
    let (mut ws, _) = soon(tokio_tungstenite::client_async(url, stream))
        .await
        .expect("a WebSocket");
    let Event::Opened(handle, sid, true) = events.next().await else {
        panic!("no session was opened");
    };
    let open = soon(ws.next()).await.expect("one").expect("a message");
    let open = open.into_text().expect("text");
    assert!(open.starts_with(&format!("0{{\"sid\":\"{sid}\"")), "{open}");
    assert_eq!(listener.open(), 1);
    drop(ws);
    events.closed(handle).await;
}

#[tokio::test]
async fn what_is_asked_of_a_websocket_as_soon_as_it_is_told_reaches_it() {
    use futures_util::SinkExt as _;
    let (env, mut events) = environment();
    *env.on_opened.lock().expect("a lock") = Some(Box::new(|handle| {
        runtime().set_decode_in_js(handle, true);
        run(|w| text(w, handle, 0, "early"));
    }));
    let (_listener, address) = serve_for(env.clone(), |_| {});
    let connect = async || {
        let stream = soon(TcpStream::connect(address)).await.expect("connected");
        let url = "ws://a/socket.io/?EIO=4&transport=websocket";
        let (ws, _) = soon(tokio_tungstenite::client_async(url, stream))
            .await
            .expect("a WebSocket");
        ws
    };
    let mut ws = connect().await;
    let Event::Opened(handle, ..) = events.next().await else {
        panic!("no session was opened");
    };
    soon(ws.next())
        .await
        .expect("the open packet")
        .expect("a message");
    let message = soon(ws.next()).await.expect("one").expect("a message");
    assert_eq!(message, Message::text("4early"));
    ws.send(Message::text("42[1]")).await.expect("sent");
    events.expect(Event::Engine(handle, "42[1]".into())).await;

    *env.on_opened.lock().expect("a lock") =
        Some(Box::new(|handle| run(|w| w.close(handle.raw(), 0))));
    let mut ws = connect().await;
    soon(ws.next())
        .await
        .expect("the open packet")
        .expect("a message");
    let message = soon(ws.next()).await.expect("one").expect("a message");
    assert_eq!(message, Message::Close(None));
}

#[tokio::test]
async fn requests_behind_one_for_node_go_there_until_it_is_taken_over() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let mut http = Http::connect(address).await;
    let (handle, sid) = open(&mut http, &mut events).await;
    let poll = format!("&sid={sid}");
    let mut odd = Http::connect(address).await;
    odd.write(&format!(
        "PUT /socket.io/?EIO=4&transport=polling{poll} HTTP/1.1\r\nHost: a\r\n\r\n"
    ))
    .await;
    let handover = |event: &Event| matches!(event, Event::Handover(_));
    events.find(handover).await;
    let mut second = Http::connect(address).await;
    second.get(&poll).await;
    events.find(handover).await;
    // Those of others do not wait.
    let (_, other) = open(&mut Http::connect(address).await, &mut events).await;
    let mut third = Http::connect(address).await;
    third.post(&other, 2, "40").await;
    assert_eq!(third.answer().await.0, 200);
    runtime().taken_over(handle);
    runtime().taken_over(handle);
    http.get(&poll).await;
    while !runtime().is_poll_pending(handle) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_for_node_leaves_with_every_byte() {
    let (_listener, address, mut events) = serve(|_| {}).await;
    let ours = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
    let foreign = "GET / HTTP/1.1\r\nHost: a\r\n\r\nand more";
    for first in ["", ours] {
        let mut http = Http::connect(address).await;
        http.write(&format!("{first}{foreign}")).await;
        if !first.is_empty() {
            assert_eq!(http.answer().await.0, 200);
            assert!(matches!(events.next().await, Event::Opened(..)));
        }
        events
            .expect(Event::Handover(foreign.as_bytes().to_vec()))
            .await;
    }
}

#[tokio::test]
async fn nothing_is_answered_without_permission() {
    for (query, change) in [
        ("", (|s| s.handshakes = false) as fn(&mut Settings)),
        ("", |s| s.hands_over = true),
    ] {
        let (_listener, address, mut events) = serve(change).await;
        let mut http = Http::connect(address).await;
        http.get(query).await;
        assert!(matches!(events.next().await, Event::Handover(_)));
    }
}

#[tokio::test]
async fn a_listener_that_is_stopped_tells_when_the_last_connection_has_ended() {
    let (listener, address, mut events) = serve(|_| {}).await;
    let mut idle = Http::connect(address).await;
    open(&mut idle, &mut events).await;
    let mut busy = Http::connect(address).await;
    let (handle, sid) = open(&mut busy, &mut events).await;
    busy.get(&format!("&sid={sid}")).await;
    while !runtime().is_poll_pending(handle) {
        tokio::task::yield_now().await;
    }
    assert!(listener.stop());
    assert!(idle.is_ended().await);
    assert!(soon(TcpStream::connect(address)).await.is_err());
    run(|w| text(w, handle, 0, "2[1]"));
    assert_eq!(busy.answer().await, (200, "42[1]".into()));
    events.expect(Event::Drained).await;
    assert!(!listener.stop());
}
