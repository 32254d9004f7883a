use super::*;

#[tokio::test]
async fn memory_is_given_back_once_enough_has_been_freed() {
    let tasks = tokio::task::LocalSet::new();
    let _guard = tasks.enter();
    let trim = Rc::new(Trim::default());
    let leave = |count: usize| (0..count).for_each(|_| trim.session_ended(0));
    leave(WORTH / SESSION - 1);
    assert_eq!(Rc::strong_count(&trim), 1);
    // The task that waits for the others has a reference of its own.
    leave(1);
    assert_eq!(Rc::strong_count(&trim), 2);
    // Those that end meanwhile are part of the crowd.
    leave(2 * WORTH / SESSION);
    assert_eq!(Rc::strong_count(&trim), 2);
}

#[tokio::test]
async fn one_session_is_enough_if_it_has_carried_much() {
    let tasks = tokio::task::LocalSet::new();
    let _guard = tasks.enter();
    for carried in [WORTH as u64, u64::MAX] {
        let trim = Rc::new(Trim::default());
        trim.session_ended(carried);
        assert_eq!(Rc::strong_count(&trim), 2);
    }
}
