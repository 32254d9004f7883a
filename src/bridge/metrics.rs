//! A snapshot of the counts of an engine, and of what its environment and the process have.

use std::sync::Arc;

use napi_derive::napi;

use crate::bridge::debug_lines::DebugLine;
use crate::bridge::engine::Engine;
use crate::bridge::faults;
use crate::bridge::lag;
use crate::bridge::options::EngineOptions;
use crate::bridge::runtime::runtime;
use crate::config::READ_BUFFER_BYTES;
use crate::counters::{Bound, Counters, Transport};

/// Counts of one engine, of its environment and of the process.
#[napi(object)]
pub struct NativeMetrics {
    /// Sessions that live, by `Carrier`.
    pub sessions: Vec<f64>,
    /// Sessions that were opened, by `Carrier`.
    pub opened: Vec<f64>,
    /// Sessions that have moved to another transport, by the new `Carrier`.
    pub upgraded: Vec<f64>,
    /// Sessions that have ended, by `Reason`.
    pub ended: Vec<f64>,
    /// WebSockets that are served natively.
    pub websockets: f64,
    /// Connections of a port that speak HTTP.
    pub http: f64,
    /// Bytes and messages, by `Transport`.
    pub traffic: Vec<NativeTraffic>,
    /// The number of times that each `Bound` was reached.
    pub bounds: Vec<f64>,
    /// The bytes of records that the environment has not taken.
    pub inbound_bytes: f64,
    /// The cost of records that the environment has not worked off.
    pub inbound_cost: f64,
    /// The same of the session that has most.
    pub deepest_inbound_cost: f64,
    /// The bytes that wait for clients.
    pub outbound_bytes: f64,
    /// The same of the client for which most wait.
    pub deepest_outbound_bytes: f64,
    /// The upper bounds of the buckets of the dispatch lag, in seconds.
    pub lag_bounds: Vec<f64>,
    /// The batches taken, by bucket; the last one has those above all bounds.
    pub lag_counts: Vec<f64>,
    /// The sum of the times for which they waited, in seconds.
    pub lag_sum: f64,
    /// The last one of them, in seconds.
    pub lag_last: f64,
    /// Faults of the engine that were caught in this process.
    pub panics: f64,
    /// The I/O threads of the process.
    pub threads: f64,
    /// The bytes of the buffers that I/O threads read into and keep for writing.
    pub buffers: f64,
}

/// The bytes and messages of a transport.
#[napi(object)]
pub struct NativeTraffic {
    /// Bytes received.
    pub bytes_in: f64,
    /// Bytes sent.
    pub bytes_out: f64,
    /// Messages received.
    pub messages_in: f64,
    /// Messages sent.
    pub messages_out: f64,
}

fn numbers(counts: Vec<u64>) -> Vec<f64> {
    counts.into_iter().map(|count| count as f64).collect()
}

fn traffic(counters: &Counters, via: Transport) -> NativeTraffic {
    let traffic = counters.traffic(via);
    NativeTraffic {
        bytes_in: traffic.bytes_in as f64,
        bytes_out: traffic.bytes_out as f64,
        messages_in: traffic.messages_in as f64,
        messages_out: traffic.messages_out as f64,
    }
}

/// The bytes that wait for the sessions of one engine, and the costs that they have pending.
#[derive(Default)]
struct Depths {
    inbound: usize,
    outbound: usize,
    deepest_outbound: usize,
}

impl Depths {
    fn of(options: &EngineOptions) -> Self {
        let mut depths = Self::default();
        runtime().table().for_each(|session| {
            if Arc::ptr_eq(&session.engine, &options.0) {
                let waiting = session.backlog.waiting();
                depths.inbound = depths.inbound.max(session.pending.cost());
                depths.outbound += waiting;
                depths.deepest_outbound = depths.deepest_outbound.max(waiting);
            }
        });
        depths
    }
}

#[napi]
impl Engine {
    /// Returns the counts of an engine. Looks at each of its sessions, without their locks.
    #[napi(catch_unwind)]
    pub fn metrics(&self, options: &EngineOptions) -> NativeMetrics {
        let counters = &options.0.counters;
        let depths = Depths::of(options);
        let (websockets, http) = counters.connections();
        let mut bounds: Vec<_> = (Bound::ALL.iter())
            .map(|&bound| counters.times(bound) as f64)
            .collect();
        if let Some(all) = bounds.get_mut(Bound::PendingOfAll as usize) {
            *all += self.hub.times_full() as f64;
        }
        let (inbound_bytes, inbound_cost) = self.hub.waiting_bytes();
        let (lag_sum, lag_last) = self.hub.lag().seconds();
        let threads = runtime().threads();
        let buffers = threads * READ_BUFFER_BYTES + runtime().spare_bytes();
        NativeMetrics {
            sessions: numbers(counters.alive()),
            opened: numbers(counters.opened()),
            upgraded: numbers(counters.upgraded()),
            ended: numbers(counters.ended()),
            websockets: websockets as f64,
            http: http as f64,
            traffic: (Transport::ALL.iter())
                .map(|&via| traffic(counters, via))
                .collect(),
            bounds,
            inbound_bytes: inbound_bytes as f64,
            inbound_cost: inbound_cost as f64,
            deepest_inbound_cost: depths.inbound as f64,
            outbound_bytes: depths.outbound as f64,
            deepest_outbound_bytes: depths.deepest_outbound as f64,
            lag_bounds: lag::BOUNDS.to_vec(),
            lag_counts: numbers(self.hub.lag().counts()),
            lag_sum,
            lag_last,
            panics: (runtime().panics() + faults::count()) as f64,
            threads: threads as f64,
            buffers: buffers as f64,
        }
    }

    /// Enables lines of debugging: a bit for each `Topic`.
    #[napi(catch_unwind)]
    pub fn enable_debug(&self, topics: u32) {
        self.hub.debug_lines().enable((topics & 0xff) as u8);
    }

    /// Takes the lines of debugging that there are.
    #[napi(catch_unwind)]
    pub fn take_debug_lines(&self) -> Vec<DebugLine> {
        self.hub.debug_lines().take()
    }
}
