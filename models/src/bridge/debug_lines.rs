//! As `src/bridge/debug_lines.rs`: no topic is enabled.

/// The lines of one environment.
#[derive(Debug, Default)]
pub struct DebugLines;
