// The exports of the entry, required and imported.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { serve } from "../support/server.mjs";
import { differs, engine, engineName } from "../support/subject.mjs";
import { meet, Polling, serveEngine } from "./support.mjs";

const NAMES = [
  // Beyond upstream.
  ...differs([], ["METRICS_CONTENT_TYPE"]),
  "Server",
  "Socket",
  "Transport",
  "attach",
  "listen",
  "parser",
  "protocol",
  "transports",
  "uServer",
];

test("require() and import give the same", async () => {
  const required = createRequire(import.meta.url)(engineName);
  const imported = await import(engineName);
  assert.deepEqual(Object.keys(required).sort(), NAMES);
  assert.deepEqual(Object.keys(imported).sort(), NAMES);
  for (const name of NAMES) assert.equal(imported[name], required[name], name);
  assert.equal(required.Server, engine.Server);
});

test("the entry exports upstream's values and classes", () => {
  assert.equal(engine.protocol, 4);
  assert.equal(engine.parser.protocol, 4);
  for (const name of ["Server", "Socket", "Transport"]) {
    assert.equal(typeof engine[name], "function");
    assert.equal(engine[name].name, name);
    assert.ok(engine[name].prototype instanceof EventEmitter);
  }
  for (const name of ["polling", "websocket", "webtransport"]) assert.ok(engine.transports[name]);
  assert.deepEqual(engine.transports.polling.upgradesTo, ["websocket", "webtransport"]);
  assert.deepEqual(engine.transports.websocket.upgradesTo, []);
  assert.deepEqual(engine.transports.webtransport.upgradesTo, []);
  assert.equal(engine.Server.errors.UNKNOWN_SID, 1);
  assert.equal(engine.Server.errorMessages[1], "Session ID unknown");
  assert.throws(() => engine.Server(), TypeError);
});

test("connections and their transports are instances of the exported classes", async (t) => {
  const { eio, port } = await serveEngine(t);
  assert.ok(eio instanceof engine.Server);
  const { conn } = await meet(t, eio, port, Polling);
  assert.ok(conn instanceof engine.Socket);
  assert.ok(conn.transport instanceof engine.Transport);
});

test("io.engine is such a server", async (t) => {
  const { io } = await serve(t);
  assert.ok(io.engine instanceof engine.Server);
});
