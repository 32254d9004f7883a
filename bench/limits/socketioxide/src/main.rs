//! The benchmark's events on socketioxide, on one thread: what the protocol costs without
//! JavaScript. A limit to compare against, not a peer.

use bytes::Bytes;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::AsyncReadExt;

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(serve());
}

async fn serve() {
    let (layer, io) = SocketIo::builder().max_buffer_size(4096).build_layer();
    let counted = Arc::new(AtomicU64::new(0));
    io.ns("/", move |s: SocketRef, io: SocketIo| {
        let counted = counted.clone();
        async move { on_connect(s, io, counted) }
    });
    let app = axum::Router::new().layer(layer);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let port = listener.local_addr().unwrap().port();
    println!("{}", json!({ "port": port, "pid": std::process::id() }));
    tokio::spawn(async {
        let mut b = [0u8; 64];
        while tokio::io::stdin().read(&mut b).await.is_ok_and(|n| n > 0) {}
        std::process::exit(0);
    });
    axum::serve(listener, app).await.unwrap();
}

fn on_connect(s: SocketRef, io: SocketIo, counted: Arc<AtomicU64>) {
    s.on("echo", |s: SocketRef, Data(v): Data<Value>| async move {
        let _ = s.emit("echo", &v);
    });
    s.on("bin", |s: SocketRef, Data(v): Data<Bytes>| async move {
        let _ = s.emit("bin", &v);
    });
    s.on("ack", |Data(v): Data<Value>, ack: AckSender| async move {
        let _ = ack.send(&v);
    });
    let n = counted.clone();
    s.on("in", move |Data(_): Data<(String, u64)>| {
        n.fetch_add(1, Relaxed);
        async {}
    });
    let n = counted.clone();
    s.on("inflush", move |ack: AckSender| {
        let _ = ack.send(&n.load(Relaxed));
        async {}
    });
    s.on(
        "join",
        |s: SocketRef, Data(room): Data<String>, ack: AckSender| async move {
            s.join(room);
            let _ = ack.send(&());
        },
    );
    let all = io.clone();
    s.on("burst", move |Data((count, bytes)): Data<(u64, usize)>| {
        let io = all.clone();
        async move {
            let text = "x".repeat(bytes);
            for _ in 0..count {
                let _ = io.emit("b", &text).await;
            }
        }
    });
    let all = io.clone();
    let next = Arc::new(AtomicU64::new(0));
    s.on(
        "roomburst",
        move |Data((count, bytes, rooms)): Data<(u64, usize, u64)>| {
            let io = all.clone();
            let next = next.clone();
            async move {
                let text = "x".repeat(bytes);
                for _ in 0..count {
                    let room = format!("room{}", next.fetch_add(1, Relaxed) % rooms);
                    let _ = io.to(room).emit("b", &text).await;
                }
            }
        },
    );
    for event in ["watch", "gc"] {
        s.on(event, |ack: AckSender| async move {
            let _ = ack.send(&());
        });
    }
    s.on("stats", move |ack: AckSender| {
        let io = io.clone();
        let n = counted.load(Relaxed);
        async move {
            let _ = ack.send(&json!({ "sockets": io.sockets().len(), "in": n }));
        }
    });
}
