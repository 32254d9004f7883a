//! Model checks: loom runs the protocols between the crate's threads in every order of their steps,
//! and with every value that the memory order allows. The files with the protocols are those of the
//! crate. [`sync`] stands for its module of that name, and the modules beside the protocols are as
//! small as they permit. The checks stand in [`net::thread::checks`], [`net::session::checks`] and
//! [`bridge::checks`]; `tests/models.rs` runs them.

// Much of what the files of the crate offer is of no use here.
#![allow(dead_code)]

// `napi::sys` is a module of this crate.
extern crate self as napi;

pub mod config;
pub mod sync;
pub mod sys;

/// Runs `check` in all orders with at most `preemptions` switches of threads that were not forced.
pub fn explore(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 20_000;
    model.check(check);
}

/// As `src/net/`.
pub mod net {
    pub(crate) use self::gate::Gate;

    #[path = "../../../src/net/gate.rs"]
    mod gate;
    #[path = "../../../src/net/handle.rs"]
    pub mod handle;

    /// As `src/net/events.rs`.
    pub mod events {
        /// Nothing of it is needed.
        pub trait EventSink: Send + Sync {}
    }

    /// As `src/net/session/`.
    pub mod session {
        pub mod checks;
        #[path = "../../../../src/net/session/pending.rs"]
        pub mod pending;
        #[path = "../../../../src/net/session/pending_answer.rs"]
        pub mod pending_answer;
    }

    /// As `src/net/thread/`.
    pub mod thread {
        pub use self::mailbox::IoThreadHandle;

        pub mod checks;
        #[path = "../../../../src/net/thread/command_counter.rs"]
        mod command_counter;
        #[path = "../../../../src/net/thread/exit_flush.rs"]
        pub mod exit_flush;
        #[path = "../../../../src/net/thread/mailbox.rs"]
        mod mailbox;

        /// A command.
        #[derive(Debug, PartialEq, Eq)]
        pub enum Command {
            /// One of several.
            Number(usize),
            /// JavaScript has caught up.
            Resume,
        }
    }
}

/// As `src/bridge/`.
pub mod bridge {
    pub mod batch;
    pub mod checks;
    pub mod debug_lines;
    #[path = "../../../src/bridge/event_queue.rs"]
    pub mod event_queue;
    #[path = "../../../src/bridge/js_waker.rs"]
    pub mod js_waker;
    #[path = "../../../src/bridge/lag.rs"]
    pub mod lag;
    pub mod runtime;
}
