use super::*;
use crate::net::test_kit::{Kit, STREAM, server_frame};
use crate::net::thread::NO_STREAM;
use crate::ws::frame::Opcode;

fn thread() -> Rc<IoThread> {
    IoThread::new(Arc::default(), Arc::default(), 1)
}

#[test]
fn a_recycled_buffer_is_lent_again_without_its_bytes() {
    let local = thread();
    let mut buffer = Vec::with_capacity(100);
    buffer.extend_from_slice(b"old");
    local.recycle(buffer);
    let again = local.spare_buffer();
    assert!(again.is_empty() && again.capacity() >= 100);
    assert_eq!(local.spare_buffer().capacity(), 0);
}

#[test]
fn buffers_that_are_large_empty_or_too_many_are_not_kept() {
    let local = thread();
    local.recycle(Vec::with_capacity(SPARE_BUFFER_BYTES + 1));
    local.recycle(Vec::new());
    assert_eq!(local.spare.borrow().len(), 0);
    for _ in 0..=SPARE_BUFFERS {
        local.recycle(Vec::with_capacity(SPARE_BUFFER_BYTES));
    }
    assert_eq!(local.spare.borrow().len(), SPARE_BUFFERS);
}

#[test]
fn a_task_parks_once_for_each_time_that_javascript_catches_up() {
    let local = thread();
    let since = Cell::new(0);
    local.park(Waker::noop(), &since);
    local.park(Waker::noop(), &since);
    assert_eq!(local.parked.borrow().len(), 1);
    local.resume();
    assert!(local.parked.borrow().is_empty());
    local.park(Waker::noop(), &since);
    assert_eq!(local.parked.borrow().len(), 1);
}

#[test]
fn a_session_is_found_by_its_handle_until_it_is_forgotten() {
    let kit = Kit::new(true);
    let handle = kit.peer.handle;
    let found = kit.local.entry(handle).expect("the session");
    assert!(Rc::ptr_eq(&found, &kit.entry));
    assert!(Rc::ptr_eq(&kit.local.open(kit.peer.clone()), &kit.entry));
    // A handle of the same slot, of another generation.
    let other = Handle::from_raw(handle.raw() ^ 0x8000_0000);
    assert!(kit.local.entry(other).is_none());
    kit.local.forget(other);
    assert!(kit.local.entry(handle).is_some());
    kit.local.forget(handle);
    assert!(kit.local.entry(handle).is_none());
}

#[test]
fn settle_writes_each_connection_once() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    conn.frame(&kit.local, Opcode::Text, b"4", b"a");
    conn.frame(&kit.local, Opcode::Text, b"4", b"b");
    assert!(tap.take().is_empty());
    kit.local.settle();
    let both = [server_frame(1, b"4a"), server_frame(1, b"4b")].concat();
    assert_eq!(tap.take(), both);
    kit.local.settle();
    assert!(tap.take().is_empty());
}

#[test]
fn settle_if_much_writes_once_more_than_the_bound_is_queued() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    conn.frame(&kit.local, Opcode::Text, b"4", b"a");
    kit.local.settle_if_much();
    assert!(tap.take().is_empty());
    kit.local.count_queued(UNSETTLED_BYTES);
    kit.local.settle_if_much();
    assert_eq!(tap.take(), server_frame(1, b"4a"));
}

#[test]
fn a_connection_is_found_by_its_number_until_it_is_forgotten() {
    let kit = Kit::new(true);
    let (conn, _) = kit.connect();
    let inbox: Arc<dyn EventSink> = kit.heard.clone();
    kit.local.watch(kit.peer.handle, STREAM, &inbox);
    let found = kit.local.conn(STREAM).expect("the connection");
    assert!(Rc::ptr_eq(&found, &conn));
    kit.local.forget_stream(NO_STREAM);
    assert!(kit.local.conn(STREAM).is_some());
    kit.local.forget_stream(STREAM);
    assert!(kit.local.conn(STREAM).is_none());
}

#[test]
fn watching_a_connection_that_is_gone_tells_its_end() {
    let kit = Kit::new(true);
    let (conn, _) = kit.connect();
    conn.kill();
    let inbox: Arc<dyn EventSink> = kit.heard.clone();
    kit.local.watch(kit.peer.handle, STREAM, &inbox);
    assert_eq!(kit.heard.take(), ["end of stream, abort: false"]);
    assert!(kit.local.conn(STREAM).is_none());
}

#[test]
fn a_panic_is_counted_and_goes_no_further() {
    let local = thread();
    local.guard(|| {});
    assert_eq!(local.mailbox.panics(), 0);
    local.guard(|| panic!("a panic of a test"));
    assert_eq!(local.mailbox.panics(), 1);
}
