use super::*;

#[tokio::test]
async fn memory_is_given_back_after_a_crowd_has_left_not_before() {
    let tasks = tokio::task::LocalSet::new();
    let _guard = tasks.enter();
    let trim = Rc::new(Trim::default());
    let leave = |count: usize| (0..count).for_each(|_| trim.ended());
    leave(CONNECTIONS - 1);
    assert_eq!(Rc::strong_count(&trim), 1);
    // The task that waits for the others has a reference of its own.
    leave(1);
    assert_eq!(Rc::strong_count(&trim), 2);
    // Those who leave meanwhile are part of the crowd.
    leave(CONNECTIONS);
    assert_eq!(Rc::strong_count(&trim), 2);
}
