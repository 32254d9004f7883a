//! What the tests of the network layer share: a JavaScript thread that only listens, and clients
//! that have nothing in common with the code under test.

pub mod client;
pub mod inbox;

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket_io_native::net::handle::Handle;
use socket_io_native::net::runtime::Runtime;
use socket_io_native::net::send_batch::Writer;
use socket_io_native::net::thread::Command;

/// The runtime of all tests, with one I/O thread unless the environment says more.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let threads = std::env::var("SOCKET_IO_NATIVE_THREADS").ok();
        Runtime::new(threads.and_then(|n| n.parse().ok()).unwrap_or(1))
    })
}

/// Waits for what has to happen. Only a hang takes so long.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what)
        .await
        .expect("this never happens")
}

/// Hands a run of operations over, as JavaScript does at the end of a tick. Threads pass over
/// the sessions that are not theirs.
pub fn run(write: impl FnOnce(&mut Writer)) {
    let mut writer = Writer::default();
    write(&mut writer);
    static TICK: AtomicU32 = AtomicU32::new(1);
    let (run, tick) = (writer.take(), TICK.fetch_add(1, Ordering::Relaxed));
    runtime().send_all(|| Command::SendBatch(run.clone(), tick));
}

/// Writes a text message.
pub fn text(writer: &mut Writer, handle: Handle, flags: u8, data: &str) {
    let written = writer.text_with(handle.raw(), flags, data.len(), copy(data));
    assert_eq!(written, Ok(()));
}

/// Writes a text message to many.
pub fn broadcast(writer: &mut Writer, handles: &[Handle], data: &str) {
    let written = writer.broadcast_text_with(&raw(handles), 0, data.len(), copy(data));
    assert_eq!(written, Ok(()));
}

/// Handles as a broadcast names them.
pub fn raw(handles: &[Handle]) -> Vec<u8> {
    let raw = handles.iter().map(|handle| handle.raw().to_le_bytes());
    raw.flatten().collect()
}

fn copy(data: &str) -> impl FnOnce(&mut [u8]) -> usize + '_ {
    |place| {
        place.copy_from_slice(data.as_bytes());
        data.len()
    }
}
