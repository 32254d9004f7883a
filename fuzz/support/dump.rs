//! The view that a target has of its inputs, for a comparison outside of Rust.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Appends a line of JSON to the file that the environment's `FUZZ_DUMP` names, if it names one.
pub fn dump(line: impl FnOnce() -> serde_json::Value) {
    static OUT: OnceLock<Option<Mutex<File>>> = OnceLock::new();
    let out = OUT.get_or_init(|| {
        let path = std::env::var_os("FUZZ_DUMP")?;
        let file = File::options().create(true).append(true).open(path);
        Some(Mutex::new(file.expect("FUZZ_DUMP names a file")))
    });
    if let Some(out) = out {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{}", line()).expect("the file takes a line");
    }
}

/// Bytes as a string of one character each, for JSON.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
