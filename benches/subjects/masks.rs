//! The masks of a client's frames, by the length of the payload and its place in memory: binary
//! messages, of which nothing else is looked at.

use super::Scenario;
use super::frames::{client_frame, read};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "unmask 16 B",
        prepare: || read(client_frame(0x82, &[7; 16]), usize::MAX),
    },
    Scenario {
        name: "unmask 125 B",
        prepare: || read(client_frame(0x82, &[7; 125]), usize::MAX),
    },
    Scenario {
        name: "unmask 1 KiB",
        prepare: || read(client_frame(0x82, &[7; 1 << 10]), usize::MAX),
    },
    Scenario {
        name: "unmask 256 KiB",
        prepare: || read(client_frame(0x82, &vec![7; 256 << 10]), usize::MAX),
    },
    Scenario {
        name: "unmask 64 KiB from chunks of 1,399 B",
        prepare: || read(client_frame(0x82, &vec![7; 64 << 10]), 1399),
    },
];
