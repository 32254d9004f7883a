// The live panel: once a second, how the server is doing, sent to every page.
//
//   server → client
//     panel { at, clients: { polling, websocket, … }, in, out, delay: { mean, max } }   milliseconds
//     panel:past [panel, …]    the last minute, for a page that has just come

import { monitorEventLoopDelay } from "node:perf_hooks";

const EVERY = 1000;
const KEPT = 60;
const RESOLUTION = 10;

/** Starts sending; returns a function that stops it. */
export function startPanel(io) {
  const past = [];
  let received = 0;
  let sent = 0;

  io.on("connection", (socket) => {
    socket.onAny(() => received++);
    socket.onAnyOutgoing(() => sent++);
    socket.emit("panel:past", past);
  });

  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();

  const timer = setInterval(() => {
    const panel = {
      at: Date.now(),
      clients: clients(io),
      in: received,
      out: sent,
      delay: read(delay),
    };
    received = 0;
    sent = 0;
    delay.reset();
    past.push(panel);
    if (past.length > KEPT) past.shift();
    // the next one comes in a second: not worth queueing for a slow client
    io.volatile.emit("panel", panel);
  }, EVERY);

  return () => {
    clearInterval(timer);
    delay.disable();
  };
}

/** How many clients use each transport. */
function clients(io) {
  const counts = { polling: 0, websocket: 0 };
  for (const { conn } of io.of("/").sockets.values()) {
    const { name } = conn.transport;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The histogram is of the times between ticks, in nanoseconds: what exceeds the tick is the delay. */
function read(histogram) {
  const late = (ns) => Math.max(0, Math.round((ns / 1e6 - RESOLUTION) * 100) / 100);
  // without a tick in this second there is no mean
  return { mean: late(histogram.mean || 0), max: late(histogram.max) };
}
