//! Runs the checks.

macro_rules! checks {
    ($name:ident of $module:path: $($check:ident)+) => {
        mod $name {
            use $module as checks;

            $(
                #[test]
                fn $check() {
                    checks::$check();
                }
            )+
        }
    };
}

checks! { queue of socket_io_native_models::bridge::checks:
    wakes_javascript_for_every_record
    wakes_javascript_that_has_looked_by_itself
    counts_a_turn_after_a_nudge
    resumes_those_who_stopped_at_a_full_queue
    leaves_a_function_alone_that_was_finalized
}

checks! { session of socket_io_native_models::net::session::checks:
    goes_on_when_javascript_has_caught_up
    has_all_readers_of_a_session_go_on
}

checks! { thread of socket_io_native_models::net::thread::checks:
    carries_out_every_command
    ends_the_wait_for_commands
    misses_no_answer_at_exit
    ends_the_flush_at_exit
}
