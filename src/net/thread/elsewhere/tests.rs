use std::sync::mpsc::{Sender, channel};

use flate2::{Decompress, FlushDecompress};
use tokio::runtime::Runtime;

use super::*;
use crate::net::test_kit::{Kit, Tap};
use crate::net::thread::broadcast::Broadcast;
use crate::net::thread::conn::End;
use crate::ws::deflate::{Compression, Deflater, Parameters, Pool};
use crate::ws::frame::Opcode;

/// One thread for blocking work, which works once the sender is dropped.
fn busy_runtime() -> (Runtime, Sender<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .expect("a runtime");
    let (free, work) = channel();
    runtime.spawn_blocking(move || work.recv());
    (runtime, free)
}

/// A client that takes part in compression.
struct Client {
    kit: Kit,
    conn: Rc<WebSocketConn>,
    tap: Rc<Tap>,
    inflater: Decompress,
}

impl Client {
    fn new(kit: Kit, takeover: bool) -> Self {
        let parameters = Parameters {
            server_takeover: takeover,
            ..Parameters::default()
        };
        let deflater = Deflater::new(parameters, Compression::default(), Rc::new(Pool::default()));
        let (conn, tap) = kit.connect_compressed(deflater);
        let inflater = Decompress::new(false);
        Self {
            kit,
            conn,
            tap,
            inflater,
        }
    }

    fn send(&self, data: &str) {
        let local = &self.kit.local;
        self.conn
            .message(local, Opcode::Text, b"4", data.as_bytes());
        local.settle();
    }

    /// The messages that were written since the last call.
    fn messages(&mut self) -> Vec<String> {
        let written = self.tap.take();
        let mut rest = &written[..];
        let mut messages = Vec::new();
        while let &[first, second, ..] = rest {
            let (header, len) = match second {
                126 => (4, u64::from(u16::from_be_bytes([rest[2], rest[3]]))),
                127 => (
                    10,
                    u64::from_be_bytes(rest[2..10].try_into().expect("8 bytes")),
                ),
                len => (2, u64::from(len)),
            };
            let (frame, behind) = rest.split_at(header + len as usize);
            rest = behind;
            let payload = &frame[header..];
            let text = match first {
                0xc1 => self.inflated(payload),
                _ => payload.to_vec(),
            };
            messages.push(String::from_utf8(text).expect("text"));
        }
        messages
    }

    fn inflated(&mut self, payload: &[u8]) -> Vec<u8> {
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut out = Vec::with_capacity(4 << 20);
        self.inflater
            .decompress_vec(&input, &mut out, FlushDecompress::Sync)
            .expect("valid");
        out
    }
}

/// Carries out commands until as many frames were brought.
fn receive(local: &Rc<IoThread>, mut frames: usize) {
    while frames > 0 {
        for command in local.mailbox.take_commands() {
            frames -= 1;
            local.command(command);
        }
        std::thread::yield_now();
    }
    local.settle();
}

fn long(name: &str) -> String {
    format!("2[\"{name}\"{}]", ",\"long\",12345".repeat(100_000))
}

#[test]
fn others_are_served_while_a_long_message_is_compressed() {
    for takeover in [true, false] {
        let (runtime, free) = busy_runtime();
        let _entered = runtime.enter();
        let kit = Kit::new(true);
        let mut other = Client::new(kit.another(true), takeover);
        let mut client = Client::new(kit, takeover);
        client.send("before");
        client.send(&long("first"));
        client.send("between");
        client.send(&long("second"));
        client.send("behind");
        other.send("other");
        assert_eq!(other.messages(), ["4other"]);
        assert_eq!(client.messages(), ["4before"]);
        // It is told that the client is not ready for more, and once that it is.
        assert!(client.kit.heard.take().contains(&"note Blocked".into()));
        let (conn, tap) = (client.conn.clone(), client.tap.clone());
        let mut served = client.kit.serve(&conn, &tap);
        assert!(!served.poll());
        assert!(client.kit.heard.take().is_empty());
        assert!(client.kit.engine.buffered.get() > 2 << 20);
        drop(free);
        receive(&client.kit.local.clone(), 2);
        let expected = ["first", "between", "second", "behind"].map(|name| match name {
            "first" | "second" => format!("4{}", long(name)),
            _ => format!("4{name}"),
        });
        assert_eq!(client.messages(), expected);
        assert!(!served.poll());
        assert_eq!(client.kit.heard.take(), ["note Drained"]);
        assert_eq!(client.kit.engine.buffered.get(), 0);
    }
}

#[test]
fn the_task_of_a_slow_client_waits_for_it_once_the_frame_is_there() {
    let (runtime, free) = busy_runtime();
    let _entered = runtime.enter();
    let mut client = Client::new(Kit::new(true), true);
    let local = client.kit.local.clone();
    let mut served = client.kit.serve(&client.conn, &client.tap);
    client.send(&long("long"));
    assert!(!served.poll());
    served.was_woken();
    client.tap.room.set(10);
    drop(free);
    receive(&local, 1);
    assert!(served.was_woken());
    client.tap.room.set(usize::MAX);
    assert!(!served.poll());
    assert_eq!(client.messages(), [format!("4{}", long("long"))]);
}

#[test]
fn a_broadcast_is_compressed_once_for_connections_of_a_kind() {
    for takeover in [true, false] {
        let (runtime, free) = busy_runtime();
        let _entered = runtime.enter();
        let kit = Kit::new(true);
        let local = kit.local.clone();
        let mut clients: Vec<_> = (0..5)
            .map(|_| Client::new(kit.another(true), takeover))
            .collect();
        let data = long("broadcast");
        let mut broadcast = Broadcast::new(false, data.as_bytes());
        for client in &clients {
            broadcast.queue(&local, &client.conn);
        }
        broadcast.end(&local);
        local.settle();
        // One of them is gone before the frame is there.
        let gone = clients.pop().expect("the last one");
        gone.conn.end(&local, End::Reset);
        drop(free);
        receive(&local, 1);
        for client in &mut clients {
            assert_eq!(client.messages(), [format!("4{data}")]);
            // The task that serves the connection finds it written.
            let mut served = client.kit.serve(&client.conn, &client.tap);
            assert!(!served.poll());
            client.send("behind");
            assert_eq!(client.messages(), ["4behind"]);
        }
        assert!(gone.tap.take().is_empty());
    }
}

#[test]
fn a_close_comes_behind_the_message() {
    let (runtime, free) = busy_runtime();
    let _entered = runtime.enter();
    let mut client = Client::new(Kit::new(true), true);
    let local = client.kit.local.clone();
    client.send(&long("last"));
    client.conn.close(&local, b"\x03\xe8");
    local.settle();
    assert!(client.tap.take().is_empty());
    drop(free);
    receive(&local, 1);
    let mut written = client.tap.take();
    assert_eq!(written.split_off(written.len() - 4), b"\x88\x02\x03\xe8");
    client.tap.written.replace(written);
    assert_eq!(client.messages(), [format!("4{}", long("last"))]);
}
