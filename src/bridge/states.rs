//! The outcomes of polling calls, by the numbers that JavaScript gets.

shared_enum! {
    /// The outcome of a poll.
    pub enum PollState {
        /// It is answered, or waits for packets.
        Taken = 0,
        /// A poll was pending already; the payload answers that one.
        Overlaps = 1,
        /// The session is not on polling any more.
        Moved = 2,
        /// It is answered with a part of the packets that wait.
        Part = 3,
    }
}

shared_enum! {
    /// The outcome of a POST that begins.
    pub enum PostState {
        /// Its body is awaited.
        Begun = 0,
        /// It overlaps another one, which is given up.
        Overlaps = 1,
        /// The session is not on polling any more.
        Moved = 2,
    }
}

shared_enum! {
    /// The outcome of closing a session that polls.
    pub enum CloseState {
        /// It has ended.
        Ended = 0,
        /// It ends with its next poll.
        AwaitsPoll = 1,
    }
}
