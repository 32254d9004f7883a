// A NestJS application over @nestjs/platform-socket.io, which makes its servers itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { application } from "../support/alias.mjs";
import { client, connected } from "../support/clients.mjs";
import { freePort } from "../support/free-port.mjs";
import { once } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";

async function start(t) {
  const apart = await freePort();
  const child = await application(t, "nest.cjs", [`${apart}`]);
  const { port } = await child.message("listening");
  return { child, port, apart };
}

test("gateways are told of their servers, and of who comes and goes", async (t) => {
  const { child, port, apart } = await start(t);
  const inits = [];
  for (let n = 0; n < 3; n++) inits.push(await child.message("init"));
  const told = inits.map(({ gateway, given }) => `${gateway} ${given}`).sort();
  assert.deepEqual(told, ["Apart Server", "Chat Server", "News Namespace"]);
  for (const [gateway, at, nsp, options] of [
    ["Chat", port, "/", {}],
    ["News", port, "/news", {}],
    ["Apart", apart, "/", { path: "/apart", transports: ["polling"] }],
  ]) {
    const one = await connected(client(t, at, { nsp, ...options }));
    const { id } = one;
    const { type: _, ...came } = await child.message("connection");
    assert.deepEqual(came, { gateway, id, nsp });
    one.disconnect();
    const { type: __, ...went } = await child.message("disconnect");
    assert.deepEqual(went, { gateway, id });
  }
});

for (const way of Object.keys(WAYS)) {
  test(`messages: answers, events, streams, rooms [${way}]`, async (t) => {
    const { port, apart } = await start(t);
    const one = await connected(client(t, port, WAYS[way]));
    const other = await connected(client(t, port, WAYS[way]));
    await settled(one, way);
    assert.equal(one.io.engine.pingInterval ?? one.io.engine._pingInterval, 12_000);
    assert.equal(await one.emitWithAck("hello", "ü"), `hello ü, you are ${one.id}`);
    const bytes = Buffer.from([0, 255]);
    assert.deepEqual(await one.emitWithAck("answers", { bytes }), { got: { bytes } });

    const reply = once(one, "reply");
    one.emit("replies", { deep: [bytes] });
    assert.deepEqual(await reply, [{ deep: [bytes] }]);
    const counted = [];
    const all = new Promise((resolve) => {
      one.on("count", (n) => counted.push(n) === 3 && resolve());
    });
    one.emit("counts");
    await all;
    assert.deepEqual(counted, [1, 2, 3]);

    assert.deepEqual(await other.emitWithAck("join", "room"), [other.id, "room"]);
    const joined = once(other, "joined");
    assert.deepEqual(await one.emitWithAck("join", "room"), [one.id, "room"]);
    assert.deepEqual(await joined, [one.id]);
    const heard = [one, other].map((each) => once(each, "everybody"));
    one.emit("everybody", "you");
    for (const each of heard) assert.deepEqual(await each, ["you"]);

    const news = await connected(client(t, port, { nsp: "/news", ...WAYS[way] }));
    assert.equal(await news.emitWithAck("hello", "me"), "news for me in /news");
    const away = client(t, apart, { path: "/apart", transports: ["polling"] });
    assert.equal(await (await connected(away)).emitWithAck("hello", "who"), "who is apart");
  });
}

test("exceptions and guards of Nest answer the client", async (t) => {
  const { port } = await start(t);
  const one = await connected(client(t, port));
  const exception = async (event, data) => {
    const raised = once(one, "exception");
    one.emit(event, data);
    return (await raised)[0];
  };
  assert.deepEqual(await exception("refuses", 1), {
    status: "error",
    message: "not like this",
    cause: { pattern: "refuses", data: 1 },
  });
  const internal = await exception("fails", 2);
  assert.deepEqual([internal.status, internal.message], ["error", "Internal server error"]);
  const forbidden = await exception("guarded", 3);
  assert.deepEqual([forbidden.status, forbidden.message], ["error", "Forbidden resource"]);
  const trusted = await connected(client(t, port, { auth: { token: "let me in" } }));
  assert.equal(await trusted.emitWithAck("guarded"), "never");
  assert.equal(await one.emitWithAck("hello", "still here"), `hello still here, you are ${one.id}`);
});

test("Nest serves its pages beside the sockets, sets CORS headers and closes", async (t) => {
  const { child, port, apart } = await start(t);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "a page");
  const handshake = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
  assert.equal(handshake.headers.get("access-control-allow-origin"), "http://page");
  await handshake.text();
  const clients = [client(t, port), client(t, port, { nsp: "/news", ...WAYS.polling })];
  clients.push(client(t, apart, { path: "/apart", transports: ["polling"] }));
  for (const one of clients) await connected(one);
  const gone = clients.map((one) => once(one, "disconnect"));
  child.send("close");
  await child.message("closed");
  await Promise.all(gone);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
  assert.equal(await child.exit(), 0);
});
