//! A WebSocket echo server made of the crate's `ws` module and a socket: what the module leaves to
//! its caller, in one file. `scripts/autobahn.mjs` puts it through Autobahn's test suite.
//!
//!     cargo run --release --no-default-features --example echo -- 9001
//!
//! The port is optional; without one the system chooses. The address is printed when it listens.

use std::error::Error;
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;
use std::{env, io, mem};

use socket_io_native::ws::deflate::{
    self, Compression, Deflater, Inflater, Options, Parameters, Pool,
};
use socket_io_native::ws::handshake::{self, Refusal, Request};
use socket_io_native::ws::{Limits, Message, Opcode, Reader, close, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

/// Generous: the suite sends 16 MiB in one message and 4 MiB in fragments of 64 bytes.
const LIMITS: Limits = Limits {
    max_message: 32 << 20,
    max_fragments: 1 << 17,
};
/// Every message is compressed, the shortest too: the suite is to see it.
const COMPRESSION: Compression = Compression {
    level: 6,
    window_bits: 15,
    threshold: 0.0,
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
    // One thread, so that all connections share one pool of compression contexts.
    let pool = Rc::new(Pool::default());
    let connections = LocalSet::new();
    let accept = async {
        loop {
            let (stream, peer) = listener.accept().await?;
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                if let Err(error) = serve(stream, &pool).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    };
    connections.run_until(accept).await
}

/// One connection from its first byte to its last.
async fn serve(mut stream: TcpStream, pool: &Rc<Pool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(CHUNK);
    let head = timeout(PATIENCE, read_head(&mut stream, &mut input)).await??;
    match upgrade(&head) {
        Ok((response, compression)) => {
            stream.write_all(response.as_bytes()).await?;
            echo(&mut stream, input, compression, pool).await?;
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

/// The answer to a request that becomes a WebSocket, and how its messages are compressed, if the
/// client offers that. Reading HTTP is the caller's matter; here it is the least that does.
fn upgrade(head: &str) -> Result<(String, Option<Parameters>), Refusal> {
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
    let agreement = deflate::negotiate(header("sec-websocket-extensions"), &Options::default())?;
    let extensions = agreement.as_ref().map(|agreement| &agreement.response);
    let lines = extensions.map(|value| format!("Sec-WebSocket-Extensions: {value}"));
    // Neither a chosen subprotocol nor this line has a line end to refuse.
    let response = handshake::response_head(&accepted.accept, accepted.protocol, lines)
        .map_err(|_| Refusal::Extensions)?;
    Ok((response, agreement.map(|agreement| agreement.parameters)))
}

/// Sends messages back until the peer closes, breaks the protocol, or is gone. `input` is what has
/// been read already.
async fn echo(
    stream: &mut TcpStream,
    mut input: Vec<u8>,
    compression: Option<Parameters>,
    pool: &Rc<Pool>,
) -> io::Result<()> {
    let mut inflater = compression.map(|agreed| Inflater::new(agreed, Rc::clone(pool)));
    let mut deflater =
        compression.map(|agreed| Deflater::new(agreed, COMPRESSION, Rc::clone(pool)));
    let mut reader = Reader::default();
    let mut output = Vec::new();
    loop {
        let result = reader.feed_with(&mut input, &LIMITS, inflater.as_mut(), |message| {
            answer(message, deflater.as_mut(), &mut output)
        });
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
fn answer(
    message: Message<'_>,
    deflater: Option<&mut Deflater>,
    output: &mut Vec<u8>,
) -> ControlFlow<()> {
    match message {
        Message::Text(text) => write(output, deflater, Opcode::Text, text.as_bytes()),
        Message::Binary(bytes) => write(output, deflater, Opcode::Binary, bytes),
        Message::Ping(payload) => write(output, None, Opcode::Pong, payload),
        Message::Pong(_) => {}
        Message::Close(_, payload) => close::write_echo(output, payload),
    }
    ControlFlow::Continue(())
}

/// Appends a frame; control frames are never compressed.
fn write(output: &mut Vec<u8>, deflater: Option<&mut Deflater>, opcode: Opcode, payload: &[u8]) {
    match deflater {
        Some(deflater) => deflater.write(output, opcode, &[payload]),
        None => {
            frame::write_header(output, opcode, payload.len());
            output.extend_from_slice(payload);
        }
    }
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
