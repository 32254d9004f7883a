use super::*;
use crate::net::test_kit::Kit;
use crate::ws::frame::Opcode;

fn count(local: &IoThread) -> usize {
    local.mailbox.pending_writes.load(Ordering::SeqCst)
}

fn inbox(kit: &Kit) -> Arc<dyn EventSink> {
    kit.heard.clone()
}

#[test]
fn a_connection_counts_from_when_the_kernel_takes_no_more_until_all_is_written() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    tap.room.set(1);
    conn.frame(&kit.local, Opcode::Text, b"4", b"abc");
    kit.local.settle();
    assert_eq!(count(&kit.local), 1);
    let blocked = kit.local.pending_writes.conns();
    assert!(blocked.len() == 1 && Rc::ptr_eq(&blocked[0], &conn));
    kit.local.pending_writes.unblock(&conn);
    assert_eq!(count(&kit.local), 0);
    assert_eq!(kit.local.pending_writes.progress(&conn, |_| ()), None);
}

#[test]
fn an_answer_counts_while_it_is_being_written() {
    let local = IoThread::new(Arc::default(), Arc::default(), 1);
    let answer = AnswerInProgress::new(&local, Handle::from_raw(0), None);
    let other = AnswerInProgress::new(&local, Handle::from_raw(0), None);
    assert_eq!(count(&local), 2);
    answer.moved();
    drop((answer, other));
    assert_eq!(count(&local), 0);
}

#[test]
fn look_writes_what_there_is_room_for() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    tap.room.set(1);
    conn.frame(&kit.local, Opcode::Text, b"4", b"abc");
    kit.local.settle();
    tap.room.set(usize::MAX);
    let _ = kit
        .local
        .pending_writes
        .write_state(&kit.local, &inbox(&kit), false, 0);
    assert_eq!(conn.waiting(), 0);
    assert_eq!(tap.take().len(), 6);
}

#[test]
fn look_leaves_the_connections_of_other_environments_alone() {
    let kit = Kit::new(true);
    let (conn, tap) = kit.connect();
    tap.room.set(1);
    conn.frame(&kit.local, Opcode::Text, b"4", b"abc");
    kit.local.settle();
    tap.room.set(usize::MAX);
    let other = inbox(&Kit::new(true));
    let _ = kit
        .local
        .pending_writes
        .write_state(&kit.local, &other, false, 0);
    assert_eq!(conn.waiting(), 5);
}
