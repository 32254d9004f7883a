//! The work that the benches measure, by subject: criterion has it for a while (`time.rs`), callgrind
//! counts its instructions (`counts.rs`).

mod deflate;
#[cfg(feature = "node")]
mod event_batches;
mod frames;
mod masks;
mod packets;
mod payloads;
mod send_batches;

/// One piece of work that can be done again and again.
pub struct Scenario {
    /// The name, with what the work is done on.
    pub name: &'static str,
    /// Makes all that the work needs.
    pub prepare: fn() -> Work,
}

/// Does the work once. What the first time allocates stays for the others.
pub type Work = Box<dyn FnMut()>;

/// All scenarios, by subject.
pub const SUBJECTS: &[(&str, &[Scenario])] = &[
    ("frames", frames::SCENARIOS),
    ("masks", masks::SCENARIOS),
    ("payloads", payloads::SCENARIOS),
    ("packets", packets::SCENARIOS),
    ("send batches", send_batches::SCENARIOS),
    #[cfg(feature = "node")]
    ("event batches", event_batches::SCENARIOS),
    ("deflate", deflate::SCENARIOS),
];

/// Text of JSON with this many bytes: an event with a string, as chats send it.
pub fn event(bytes: usize) -> String {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45 + 1);
    let (head, tail) = (r#"["message",{"room":7,"text":""#, r#""}]"#);
    let room = bytes.saturating_sub(head.len() + tail.len());
    let text = text.get(..room).unwrap_or_default();
    format!("{head}{text}{tail}")
}
