//! As `src/config.rs`, with limits that a few records reach.

/// Batches cost as many records as they have. Above this, nothing more is read.
pub const MAX_INBOX_COST: usize = 1;
/// A session may take this part of the room that is left.
pub const PENDING_SHARE: usize = 1;
/// Cost of one batch after which the next one begins although a read is being decoded.
pub const BATCH_COST_IN_READ: usize = usize::MAX;
