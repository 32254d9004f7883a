//! Instructions of the pure layers: does the work of one scenario for callgrind, which counts inside
//! `measured_work`. `node scripts/checks.mjs counts` runs it, and compares with `counts.json`.
//!
//! `counts list` prints the names, a line each; `counts features` the features of the processor that
//! the code asks for; `counts NAME` does the work.

mod subjects;

use std::env::args;
use std::hint::black_box;
use std::process::ExitCode;

use subjects::{SUBJECTS, Scenario, Work};

/// Times that the work is done before, so that buffers and contexts exist.
const FIRST: usize = 3;
/// Times that are counted. The script divides by it.
const TIMES: usize = 10;

/// The instructions of this function are counted, with all that it calls.
#[inline(never)]
fn measured_work(work: &mut Work) {
    for _ in 0..black_box(TIMES) {
        work();
    }
}

/// The features of the processor by which libraries choose their code.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let has = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let has = [("other", true)];
    let present = has.iter().filter(|(_, has)| *has);
    present.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

fn main() -> ExitCode {
    let mut scenarios = SUBJECTS.iter().flat_map(|(subject, scenarios)| {
        let named = move |scenario: &'static Scenario| {
            (format!("{subject}: {}", scenario.name), scenario.prepare)
        };
        scenarios.iter().map(named)
    });
    let wanted = args().nth(1).unwrap_or_default();
    match wanted.as_str() {
        "list" => scenarios.for_each(|(name, _)| println!("{name}")),
        "features" => println!("{}", features()),
        // `cargo bench`.
        "" | "--bench" => println!("node scripts/checks.mjs counts: runs this under callgrind"),
        _ => {
            let Some((_, prepare)) = scenarios.find(|(name, _)| *name == wanted) else {
                eprintln!("no such scenario: {wanted}");
                return ExitCode::FAILURE;
            };
            let mut work = prepare();
            for _ in 0..FIRST {
                work();
            }
            measured_work(black_box(&mut work));
            println!("{TIMES}");
        }
    }
    ExitCode::SUCCESS
}
