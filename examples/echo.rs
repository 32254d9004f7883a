//! A WebSocket echo server made of the crate's `ws` module and a socket: what the module leaves to
//! its caller, in one file. `scripts/autobahn.mjs` puts it through Autobahn's test suite.
//!
//!     cargo run --release --no-default-features --example echo -- 9001
//!
//! The port is optional; without one the system chooses. The address is printed when it listens.

use std::error::Error;
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::time::Duration;
use std::{env, io, mem};

use socket_io_native::ws::handshake::{self, Refusal, Request};
use socket_io_native::ws::{Limits, Message, Opcode, Reader, close, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Generous: the suite sends 16 MiB in one message and 4 MiB in fragments of 64 bytes.
const LIMITS: Limits = Limits {
    max_message: 32 << 20,
    max_fragments: 1 << 17,
};
/// Longest request head, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Size of a read, in bytes.
const CHUNK: usize = 64 << 10;
/// How long a peer has for its request, and for its end of the connection after ours.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// One connection from its first byte to its last.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(CHUNK);
    let head = timeout(PATIENCE, read_head(&mut stream, &mut input)).await??;
    match upgrade(&head) {
        Ok(response) => {
            stream.write_all(response.as_bytes()).await?;
            echo(&mut stream, input).await?;
        }
        Err(refusal) => stream.write_all(refusal.response().as_bytes()).await?,
    }
    hang_up(stream).await
}

/// Reads up to the empty line that ends the request's head, and leaves in `input` what follows it:
/// a client may send frames without waiting for the answer.
async fn read_head(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = input.split_off(end + 4);
            let head = mem::replace(input, rest);
            return String::from_utf8(head).map_err(io::Error::other);
        }
        if input.len() >= MAX_HEAD {
            return Err(io::Error::other("the request's head is too long"));
        }
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The answer to a request that becomes a WebSocket. Reading HTTP is the caller's matter; here it
/// is the least that does.
fn upgrade(head: &str) -> Result<String, Refusal> {
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let accepted = handshake::check(&Request {
        upgrade: header("upgrade"),
        key: header("sec-websocket-key"),
        version: header("sec-websocket-version"),
        protocol: header("sec-websocket-protocol"),
    })?;
    let lines: [&str; 0] = [];
    // A token has no line end to refuse.
    handshake::response_head(&accepted.accept, accepted.protocol, lines)
        .map_err(|_| Refusal::Protocol)
}

/// Sends messages back until the peer closes, breaks the protocol, or is gone. `input` is what has
/// been read already.
async fn echo(stream: &mut TcpStream, mut input: Vec<u8>) -> io::Result<()> {
    let mut reader = Reader::default();
    let mut output = Vec::new();
    loop {
        let result = reader.feed(&mut input, &LIMITS, |message| answer(message, &mut output));
        if let Err(error) = result {
            output.extend(close::with_code(error.code()));
        }
        stream.write_all(&output).await?;
        // Ended: by a close frame, which has been echoed, or by an error.
        if reader.is_ended() {
            return Ok(());
        }
        output.clear();
        input.clear();
        input.reserve(CHUNK);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Appends to `output` what a message is answered with.
fn answer(message: Message<'_>, output: &mut Vec<u8>) -> ControlFlow<()> {
    match message {
        Message::Text(text) => write(output, Opcode::Text, text.as_bytes()),
        Message::Binary(bytes) => write(output, Opcode::Binary, bytes),
        Message::Ping(payload) => write(output, Opcode::Pong, payload),
        Message::Pong(_) => {}
        Message::Close(_, payload) => close::write_echo(output, payload),
    }
    ControlFlow::Continue(())
}

/// Appends a frame.
fn write(output: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    frame::write_header(output, opcode, payload.len());
    output.extend_from_slice(payload);
}

/// Ends the connection, the server first, RFC 6455 §7.1.1. Bytes still unread would turn the end
/// into a reset, and that could take our last frame from the peer: they are read and dropped.
async fn hang_up(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut dropped = [0; 4096];
    let drained = timeout(PATIENCE, async {
        while stream.read(&mut dropped).await? > 0 {}
        Ok(())
    });
    // A peer that goes on after its close frame gets the reset.
    drained.await.unwrap_or(Ok(()))
}
