//! As `src/bridge/batch.rs`: a record is a number, and costs one.

use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::net::handle::Handle;
use crate::sync::oneshot;

/// Records.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records.
    pub records: Vec<u32>,
    costs: Vec<(Handle, usize)>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    /// No records.
    pub fn begin() -> Self {
        Self::default()
    }

    /// Those who wait until the batch has been worked off.
    pub const fn waiting(&mut self) -> &mut Vec<oneshot::Sender<()>> {
        &mut self.waiting
    }

    /// Time stands still.
    pub const fn age(&self) -> Duration {
        Duration::ZERO
    }

    /// The number of bytes: none is looked at.
    pub const fn bytes(&self) -> usize {
        0
    }

    /// True if the next record belongs to another batch.
    pub fn is_full(&self) -> bool {
        self.records.len() == 2
    }

    /// The number of records.
    pub fn cost(&self) -> usize {
        self.records.len()
    }

    /// Counts the cost of a record for its session.
    pub fn charge(&mut self, handle: Handle, cost: usize) {
        self.costs.push((handle, cost));
    }

    /// Takes the cost of the records of each session.
    pub fn take_costs(&mut self) -> Vec<(Handle, usize)> {
        std::mem::take(&mut self.costs)
    }

    /// No record hands a connection over.
    pub const fn take_sockets(&mut self) -> Vec<OwnedFd> {
        Vec::new()
    }

    /// There are no such records.
    pub fn take_opened(&mut self, _: &mut Vec<u8>) {}

    /// Appends a record.
    pub fn place(&mut self, record: u32) {
        self.records.push(record);
    }
}
