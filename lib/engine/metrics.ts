/** The metrics of an engine: `io.engine.metrics()`. */
import type { NativeMetrics } from "../../binding";
import { engine, type NativeOptions } from "./native/binding";
import { BOUND_NAMES, Carrier, CLOSE_REASONS, Transport } from "./native/contract";
import type { EngineCounts, LinkCounts, RefusalName } from "./session/engine-counts";

/** A number for those that the native engine serves, and for those that JavaScript serves. */
export interface ByServer {
  /** Served by the I/O threads. */
  native: number;
  /** Served by this thread. */
  javascript: number;
}

/** Numbers by transport. */
export interface ByTransport<T> {
  /** HTTP long-polling. */
  polling: T;
  /** WebSocket. */
  websocket: T;
  /** WebTransport. */
  webtransport: T;
}

/** Bytes and messages since the engine was made. */
export interface TrafficMetrics {
  /** Frames with their headers, and bodies of polls and posts before compression; in bytes. */
  bytesIn: number;
  /** The same, as far as the kernel has taken them. */
  bytesOut: number;
  /** Engine.IO messages received: a packet with attachments is several. */
  messagesIn: number;
  /** Engine.IO messages sent; volatile ones that were dropped do not count. */
  messagesOut: number;
}

/** The time for which batches of events wait for the event loop. */
export interface LagMetrics {
  /** Of the batch taken last, in seconds. */
  lastSeconds: number;
  /** Of all batches, in seconds. */
  sumSeconds: number;
  /** Number of batches. */
  count: number;
  /** The number of batches that waited up to so many seconds; the last bound is `Infinity`. */
  buckets: { le: number; count: number }[];
}

/**
 * A snapshot of an engine. Counts go on from 0 since the engine was made; those of queues, the lag, panics
 * and memory are shared as their comments say.
 */
export interface EngineMetrics {
  /** Sessions that live. */
  sessions: ByTransport<ByServer>;
  /**
   * Open connections. Those of polls are the ones that speak HTTP on a port; a server of the application
   * counts its own, as `httpServer.getConnections()` tells.
   */
  connections: ByTransport<ByServer>;
  /** Sessions opened, by their first transport. */
  opened: ByTransport<number>;
  /** Sessions that have moved, by their new transport. */
  upgraded: ByTransport<number>;
  /** Sessions ended, by the reason that `close` listeners of the session are told. */
  ended: Record<string, number>;
  /** Requests refused: by the code of `connection_error`, and those that got no answer of the engine. */
  refused: Record<RefusalName, number>;
  /** Bytes and messages in and out. */
  traffic: ByTransport<TrafficMetrics>;
  /** Bytes and costs that wait. */
  queues: {
    /** For this thread, of all its engines. */
    inbound: {
      /** Of events that were not taken. */
      bytes: number;
      /** Of events that were not worked off: bytes, and 256 for each event and attachment. */
      cost: number;
      /** The cost of the session of this engine that has most. */
      deepestCost: number;
    };
    /** For clients of this engine. */
    outbound: {
      bytes: number;
      /** Of the client for which most wait, unless JavaScript serves it. */
      deepestBytes: number;
    };
  };
  /** The number of times that each bound was reached: docs/limits.md. */
  bounds: Record<string, number>;
  /** Of this thread, for all its engines. */
  dispatchLag: LagMetrics;
  /** Faults of the native engine that were caught in this process. Each cost a connection or a call. */
  panics: number;
  /** Memory of the native engine that it counts, in bytes. */
  memory: {
    /** Buffers of the I/O threads of this process. */
    buffers: number;
    /** Events that this thread has not worked off. */
    inbound: number;
    /** Bytes that wait for clients of this engine. */
    outbound: number;
  };
  /** I/O threads of this process. */
  ioThreads: number;
}

/** Takes a snapshot. It looks at no object of a session or socket of this thread. */
export function readMetrics(options: NativeOptions, counts: EngineCounts): EngineMetrics {
  const native = engine.metrics(options);
  const { websocket, webtransport } = counts.links;
  const waiting = native.outboundBytes + websocket.waiting + webtransport.waiting;
  return {
    sessions: byCarrier(native.sessions),
    connections: {
      polling: { native: native.http, javascript: 0 },
      websocket: { native: native.websockets, javascript: websocket.open },
      webtransport: { native: 0, javascript: webtransport.open },
    },
    opened: sums(byCarrier(native.opened)),
    upgraded: sums(byCarrier(native.upgraded)),
    ended: named(CLOSE_REASONS.map(camelCase), native.ended),
    refused: { ...counts.refused },
    traffic: {
      polling: traffic(native, Transport.Polling),
      websocket: traffic(native, Transport.WebSocket, websocket),
      webtransport: traffic(native, Transport.WebTransport, webtransport),
    },
    queues: {
      inbound: {
        bytes: native.inboundBytes,
        cost: native.inboundCost,
        deepestCost: native.deepestInboundCost,
      },
      outbound: { bytes: waiting, deepestBytes: native.deepestOutboundBytes },
    },
    bounds: named(BOUND_NAMES, native.bounds),
    dispatchLag: lag(native),
    panics: native.panics,
    memory: { buffers: native.buffers, inbound: native.inboundCost, outbound: waiting },
    ioThreads: native.threads,
  };
}

function byCarrier(counts: number[]): ByTransport<ByServer> {
  return {
    polling: {
      native: counts[Carrier.PollingNative],
      javascript: counts[Carrier.PollingInJs],
    },
    websocket: {
      native: counts[Carrier.WebSocketNative],
      javascript: counts[Carrier.WebSocketInJs],
    },
    webtransport: { native: 0, javascript: counts[Carrier.WebTransport] },
  };
}

function sums({ polling, websocket, webtransport }: ByTransport<ByServer>): ByTransport<number> {
  const sum = ({ native, javascript }: ByServer) => native + javascript;
  return { polling: sum(polling), websocket: sum(websocket), webtransport: sum(webtransport) };
}

/** A text of several words as the name of a property. */
const camelCase = (text: string) => text.replace(/ (\w)/g, (_, letter) => letter.toUpperCase());

function named(names: readonly string[], counts: number[]): Record<string, number> {
  return Object.fromEntries(names.map((name, index) => [name, counts[index]]));
}

function traffic(native: NativeMetrics, via: Transport, links?: LinkCounts): TrafficMetrics {
  const { bytesIn, bytesOut, messagesIn, messagesOut } = native.traffic[via];
  return {
    bytesIn: bytesIn + (links?.bytesIn ?? 0),
    bytesOut: bytesOut + (links?.bytesOut ?? 0),
    messagesIn,
    messagesOut: messagesOut + (links?.messagesOut ?? 0),
  };
}

function lag({ lagBounds, lagCounts, lagSum, lagLast }: NativeMetrics): LagMetrics {
  let count = 0;
  const buckets = [...lagBounds, Number.POSITIVE_INFINITY].map((le, index) => {
    count += lagCounts[index];
    return { le, count };
  });
  return { lastSeconds: lagLast, sumSeconds: lagSum, count, buckets };
}
