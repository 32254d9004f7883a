// io.engine: members, ids, header events, errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, eachWay, pair } from "../support/clients.mjs";
import { eachTransport, Polling, request, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

eachTransport("clients and clientsCount follow the sessions", async (t, open) => {
  const { io, port } = await serve(t);
  assert.equal(io.engine.clientsCount, 0);
  assert.deepEqual(Object.keys(io.engine.clients), []);
  const connecting = once(io.engine, "connection");
  const first = await open(port);
  const [conn] = await connecting;
  const second = await open(port);
  assert.equal(io.engine.clientsCount, 2);
  assert.deepEqual(Object.keys(io.engine.clients), [first.sid, second.sid]);
  assert.equal(io.engine.clients[first.sid], conn);
  assert.equal(conn.id, first.sid);
  const closed = once(conn, "close");
  conn.close(true);
  await closed;
  assert.equal(io.engine.clientsCount, 1);
  assert.deepEqual(Object.keys(io.engine.clients), [second.sid]);
});

test("opts holds defaults, options and whatever else was given", async (t) => {
  const { io } = await serve(t, { pingInterval: 1234, unknown: "key" });
  const { opts } = io.engine;
  const expected = {
    pingInterval: 1234,
    pingTimeout: 20_000,
    upgradeTimeout: 10_000,
    maxHttpBufferSize: 1e6,
    transports: ["polling", "websocket"],
    allowUpgrades: true,
    httpCompression: { threshold: 1024 },
    cors: false,
    allowEIO3: false,
    path: "/socket.io",
    unknown: "key",
  };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(opts[key], value, key);
});

eachTransport("opts are live: a changed pingInterval is used", async (t, open) => {
  const { io, port } = await serve(t);
  io.engine.opts.pingInterval = 50;
  const session = await open(port);
  assert.equal(session.handshake.pingInterval, 50);
  assert.equal(await session.next(), "2");
});

beyond("opts: a changed maxHttpBufferSize counts for a WebSocket that is open", async (t) => {
  const { io, port } = await serve(t);
  const session = await Ws.open(t, port);
  await session.join();
  io.engine.opts.maxHttpBufferSize = 100;
  await session.send(`42["${"x".repeat(200)}"]`);
  const [code] = await once(session.ws, "close");
  assert.equal(code, 1009);
});

test("upgrades(transport) lists the transports to upgrade to", async (t) => {
  const { io } = await serve(t);
  assert.ok(io.engine.upgrades("polling").includes("websocket"));
  assert.deepEqual(io.engine.upgrades("websocket"), []);
});

for (const [kind, answer] of [
  ["a string", (id) => id],
  ["a promise", (id) => Promise.resolve(id)],
]) {
  eachTransport(`generateId may return ${kind}`, async (t, open) => {
    const { io, port } = await serve(t);
    let seen;
    io.engine.generateId = (req) => {
      seen = req.url;
      return answer("my-own-id");
    };
    const session = await open(port, { query: "&x=1" });
    assert.equal(session.sid, "my-own-id");
    assert.match(seen, /&x=1/);
    await session.join();
  });
}

for (const [kind, fail] of [
  [
    "throws",
    () => {
      throw new Error("no id");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no id"))],
]) {
  test(`generateId ${kind}: bad request`, async (t) => {
    const { io, port } = await serve(t);
    io.engine.generateId = fail;
    const failing = once(io.engine, "connection_error");
    const { status, text } = await request(port, "/socket.io/?EIO=4&transport=polling");
    assert.equal(status, 400);
    assert.equal(text, '{"code":3,"message":"Bad request"}');
    const [{ code, message, context }] = await failing;
    assert.equal(code, 3);
    assert.equal(message, "Bad request");
    assert.equal(context.name, "ID_GENERATION_ERROR");
    assert.equal(context.error.message, "no id");
    assert.equal(io.engine.clientsCount, 0);
  });
}

test("ids are unique and shaped for load balancers", async (t) => {
  const { port } = await serve(t);
  const ids = new Set();
  for (let n = 0; n < 20; n++) {
    const { sid } = await Polling.open(t, port);
    assert.match(sid, /^[\w-]{20}$/);
    ids.add(sid);
  }
  assert.equal(ids.size, 20);
});

eachTransport("initial_headers and headers change the first answer", async (t, open) => {
  const { io, port } = await serve(t);
  const seen = [];
  for (const event of ["initial_headers", "headers"]) {
    io.engine.on(event, (headers, req) => {
      seen.push([event, req.headers["x-ask"]]);
      headers[`x-${event.replace("_", "-")}`] = "yes";
      headers["set-cookie"] = "a=1";
    });
  }
  const session = await open(port, { headers: { "x-ask": "me" } });
  const { headers } = session.opening ?? session.response;
  assert.equal(headers["x-initial-headers"], "yes");
  assert.equal(headers["x-headers"], "yes");
  assert.deepEqual(headers["set-cookie"], ["a=1"]);
  assert.deepEqual(seen, [
    ["initial_headers", "me"],
    ["headers", "me"],
  ]);
});

test("headers: every polling answer with data, but no error answer", async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.engine.on("initial_headers", () => seen.push("initial_headers"));
  io.engine.on("headers", (headers, req) => {
    seen.push(`headers ${req.method}`);
    headers["x-count"] = String(seen.length);
  });
  const session = await Polling.open(t, port);
  const pushed = await session.post("40");
  const polled = await session.get();
  assert.equal(pushed.headers["x-count"], "3");
  assert.equal(polled.headers["x-count"], "4");
  await request(port, "/socket.io/?EIO=4&transport=polling&sid=unknown");
  await request(port, session.path, { method: "PUT" });
  assert.deepEqual(seen, ["initial_headers", "headers GET", "headers POST", "headers GET"]);
});

test("the 101 of an upgrade: headers only", async (t) => {
  const { io, port } = await serve(t);
  const { sid } = await Polling.open(t, port);
  const seen = [];
  for (const event of ["initial_headers", "headers"]) io.engine.on(event, () => seen.push(event));
  await Ws.open(t, port, { query: `&sid=${sid}` });
  assert.deepEqual(seen, ["headers"]);
});

eachTransport("flush and drain name the socket", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io.engine, "connection");
  const session = await open(port);
  const [conn] = await connecting;
  const seen = [];
  io.engine.on("flush", (socket, packets) => {
    seen.push(["flush", socket, packets.map(({ type, data }) => `${type} ${data}`)]);
  });
  io.engine.on("drain", (socket) => seen.push(["drain", socket]));
  await until(() => conn.transport.writable || session instanceof Polling);
  conn.send("hi");
  assert.equal(await session.next(), "4hi");
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [
    ["flush", conn, ["message hi"]],
    ["drain", conn],
  ]);
});

eachWay("connection is emitted once per connection", async (t, way) => {
  const { io, port } = await serve(t);
  let count = 0;
  io.engine.on("connection", (conn) => {
    count++;
    assert.equal(io.engine.clients[conn.id], conn);
  });
  const one = client(t, port, way);
  await once(one, "connect");
  assert.equal(count, 1);
});

test("allowRequest: asked for handshakes only", async (t) => {
  const asked = [];
  const allowRequest = (req, done) => {
    asked.push(req.url.split("?")[1]);
    setImmediate(done, null, true);
  };
  const { port } = await serve(t, { allowRequest });
  const session = await Polling.open(t, port);
  await session.join();
  await Ws.open(t, port, { query: `&sid=${session.sid}` });
  await Ws.open(t, port);
  assert.deepEqual(asked, ["EIO=4&transport=polling", "EIO=4&transport=websocket"]);
});

// allowRequest's callback arguments → body of the polling answer (undefined: accepted)
for (const [args, body] of [
  [[null, false], '{"code":4,"message":"Forbidden"}'],
  [[undefined, undefined], '{"code":4,"message":"Forbidden"}'],
  [["go away", false], '{"code":4,"message":"go away"}'],
  [[{ reason: 1 }, false], '{"code":4,"message":{"reason":1}}'],
  [["ignored", true], undefined],
]) {
  test(`allowRequest: callback(${JSON.stringify(args)})`, async (t) => {
    const allowRequest = (_req, done) => done(...args);
    const { io, port } = await serve(t, { allowRequest });
    const errors = [];
    io.engine.on("connection_error", (error) => errors.push(error));
    const { status, text } = await request(port, "/socket.io/?EIO=4&transport=polling");
    if (body === undefined) {
      assert.equal(status, 200);
      return;
    }
    assert.equal(status, 403);
    assert.equal(text, body);
    const [{ code, message, context }] = errors;
    assert.equal(code, 4);
    assert.equal(message, "Forbidden");
    assert.deepEqual(context, { message: args[0] });
  });
}

test("two engines count separately", async (t) => {
  const { io, port } = await pair(t);
  const other = await serve(t);
  assert.ok(other.io instanceof Server);
  assert.equal(other.io.engine.clientsCount, 0);
  await Polling.open(t, port);
  assert.equal(io.engine.clientsCount, 2);
  assert.equal(other.io.engine.clientsCount, 0);
});
