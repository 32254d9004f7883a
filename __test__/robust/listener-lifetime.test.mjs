// A port of a server's own is served as long as its thread and the server live.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { servePort } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { frame, openFrames, opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until, within } from "../support/wait.mjs";

const HOST = "Host: 127.0.0.1\r\n";

/** The outcome of a new connection: "connect", or the code of its error. */
function dial(port) {
  const socket = net.connect(port, "127.0.0.1");
  const done = new Promise((resolve) => {
    socket.once("connect", () => resolve("connect"));
    socket.once("error", ({ code }) => resolve(code));
  });
  return within(done, "a connection").finally(() => socket.destroy());
}

const ENDS = {
  terminated: (worker) => worker.terminate(),
  "that exits": (worker) => {
    const gone = once(worker, "exit");
    worker.postMessage("exit");
    return gone;
  },
};
for (const [title, end] of Object.entries(ENDS)) {
  test(`the port of a worker thread ${title} is closed with all its connections`, async (t) => {
    const worker = new Worker(new URL("./children/port-worker.mjs", import.meta.url));
    defer(t, () => worker.terminate());
    const [port] = await once(worker, "message");
    const session = await Polling.open(t, port);
    const { path } = session;
    const heads = {
      idle: "",
      "half a head": "GET /socket.io/?EI",
      "a poll": `GET ${path} HTTP/1.1\r\n${HOST}\r\n`,
      "half a post": `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\n4`,
      foreign: `GET /nowhere HTTP/1.1\r\n${HOST}\r\n`,
    };
    const connections = [];
    for (const bytes of Object.values(heads)) {
      const tcp = await Tcp.open(t, port);
      tcp.write(bytes);
      connections.push(tcp);
    }
    const websocket = await Tcp.open(t, port);
    websocket.write(opening());
    await websocket.head();
    await connections.at(-1).head();
    await end(worker);
    for (const tcp of [...connections, websocket]) await tcp.rest();
    assert.equal(await dial(port), "ECONNREFUSED");
  });
}

test("a connection that a worker thread has not looked at when it exits is closed", async (t) => {
  const worker = new Worker(new URL("./children/port-worker.mjs", import.meta.url));
  defer(t, () => worker.terminate());
  const [port] = await once(worker, "message");
  const gone = once(worker, "exit");
  const gate = new SharedArrayBuffer(4);
  const standing = once(worker, "message");
  worker.postMessage(gate);
  await standing;
  const tcp = await Tcp.open(t, port);
  await tcp.write(`GET /nowhere HTTP/1.1\r\n${HOST}\r\n`);
  await pause(200); // Its request is read meanwhile, where that is another thread's work.
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  await gone;
  assert.equal(await tcp.rest(), "");
});

test("a loop over the sessions sees all of them while some leave", async (t) => {
  const { io, port } = await servePort(t);
  const { engine } = io;
  const tcp = await openFrames(t, port);
  await until(() => engine.clientsCount === 1);
  await new Promise((resolve) => setImmediate(resolve));
  const [id] = Object.keys(engine.clients);
  tcp.write(frame(1, "x"));
  const end = Date.now() + 100;
  while (Date.now() < end);
  assert.equal(engine.clients[id]?.id, id);
  await until(() => engine.clientsCount === 0);
});
