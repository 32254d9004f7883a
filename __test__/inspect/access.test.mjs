// The access to the page `socket.io-native/inspect` and to its button.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "../support/clients.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";
import { ACTION, query, served } from "./support.mjs";

const { isLocalRequest, isOwnAction } = createRequire(import.meta.url)(
  "../../dist/inspect/access.js",
);

const PATHS = ["", "page.mjs", "data", "connections", "connection", "nothing"];

beyond("authorize() decides about each request, with a value or a promise", async (t) => {
  const seen = [];
  const answers = [true, Promise.resolve(true), false, Promise.resolve(false)];
  const { get } = await served(t, {
    authorize: (req) => {
      seen.push(req.url);
      return answers.shift();
    },
  });
  for (const status of [200, 200, 403, 403]) assert.equal((await get("data")).status, status);
  assert.deepEqual(seen, Array(4).fill("/inspect/data"));
});

beyond("authorize() lets in with true alone: neither other values nor exceptions do", async (t) => {
  let outcome;
  const { get } = await served(t, { authorize: () => outcome() });
  const refusing = [
    () => undefined,
    () => 1,
    () => ({ name: "ada" }),
    () => Promise.resolve("yes"),
    () => Promise.reject(new Error("no database")),
    () => {
      throw new Error("no database");
    },
  ];
  for (outcome of refusing) {
    for (const path of PATHS) {
      const { status, text } = await get(path);
      assert.equal(status, 403, path);
      assert.equal(text, "Forbidden");
    }
    assert.equal((await get("/inspect")).status, 403);
  }
});

beyond(
  "without authorize(), this machine is let in, and nobody whom a proxy speaks for",
  async (t) => {
    const { get } = await served(t);
    assert.equal((await get("data")).status, 200);
    for (const headers of [
      { "x-forwarded-for": "127.0.0.1" },
      { forwarded: "for=127.0.0.1" },
      { "x-real-ip": "127.0.0.1" },
      { via: "1.1 proxy" },
      { host: "rebound.example" },
      { host: "127.0.0.1.rebound.example" },
    ]) {
      assert.equal((await get("data", { headers })).status, 403, JSON.stringify(headers));
    }
  },
);

beyond("local requests are those of loopback addresses for loopback hosts", () => {
  const is = (remoteAddress, host) =>
    isLocalRequest({ socket: { remoteAddress }, headers: { host } });
  for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    for (const host of [
      "localhost",
      "localhost:3000",
      "LOCALHOST:1",
      "127.0.0.1:80",
      "[::1]:80",
      "[::1]",
    ]) {
      assert.equal(is(address, host), true, `${address} ${host}`);
    }
  }
  for (const address of [
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "10.0.0.1",
    "::2",
    "fe80::1",
    undefined,
    "",
  ]) {
    assert.equal(is(address, "localhost"), false, address);
  }
  for (const host of [undefined, "", "shop.example", "localhost.example", "192.0.2.1", "[::2]"]) {
    assert.equal(is("127.0.0.1", host), false, host);
  }
});

beyond("an action needs the page's header, and a browser or an origin that vouches for it", () => {
  const is = (headers) => isOwnAction({ headers: { host: "shop.example:8080", ...headers } });
  const same = { "sec-fetch-site": "same-origin" };
  const origin = (value) => ({ ...ACTION, origin: value });
  assert.equal(is({ ...ACTION, ...same }), true);
  // The proxy names another host.
  assert.equal(is({ ...ACTION, ...same, origin: "https://shop.example" }), true);
  assert.equal(is(origin("http://shop.example:8080")), true);
  assert.equal(is(origin("http://SHOP.example:8080")), true);
  for (const headers of [
    {},
    same,
    ACTION,
    { origin: "http://shop.example:8080" },
    { ...ACTION, "sec-fetch-site": "same-site", origin: "http://shop.example:8080" },
    { ...ACTION, "sec-fetch-site": "cross-site" },
    { ...ACTION, "sec-fetch-site": "none" },
    { ...ACTION, "sec-fetch-site": "" },
    origin("http://evil.example"),
    origin("http://shop.example:8081"),
    origin("http://shop.example"),
    origin("http://shop.example:8080@evil.example"),
    origin("http://evil.example/shop.example:8080"),
    origin("null"),
    origin(""),
    { ...ACTION, host: undefined, origin: "undefined" },
  ]) {
    assert.equal(is(headers), false, JSON.stringify(headers));
  }
});

beyond("the button disconnects a client; a request of another site does not", async (t) => {
  const { io, port, get } = await served(t);
  const { socket, client } = await join(t, io, port);
  const path = `disconnect${query({ nsp: "/", id: socket.id })}`;
  const own = { ...ACTION, origin: `http://127.0.0.1:${port}` };
  for (const headers of [{}, { ...own, origin: "http://evil.example" }, ACTION]) {
    const withHost = { ...headers, host: `127.0.0.1:${port}` };
    assert.equal((await get(path, { method: "POST", headers: withHost })).status, 403);
  }
  for (const method of ["GET", "PUT", "DELETE"]) {
    const { status, headers } = await get(path, { method, headers: own });
    assert.equal(status, 405);
    assert.equal(headers.allow, "POST");
  }
  assert.equal(socket.connected, true);
  const left = once(client, "disconnect");
  const res = await get(path, {
    method: "POST",
    headers: { ...own, host: `127.0.0.1:${port}` },
  });
  assert.deepEqual([res.status, res.json()], [200, { disconnected: true }]);
  assert.deepEqual((await left)[0], "io server disconnect");
  assert.equal(io.engine.clientsCount, 0);
  const gone = await get(path, { method: "POST", headers: { ...own, host: `127.0.0.1:${port}` } });
  assert.equal(gone.status, 404);
});

beyond(
  "an exception of a listener of disconnect is the application's, and the answer comes",
  async (t) => {
    const { io, port, get } = await served(t);
    const { socket } = await join(t, io, port);
    socket.on("disconnect", () => {
      throw new Error("of the application");
    });
    const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    t.after(() => process.setUncaughtExceptionCaptureCallback(null));
    const headers = { ...ACTION, "sec-fetch-site": "same-origin" };
    const path = `disconnect${query({ nsp: "/", id: socket.id })}`;
    const { status } = await get(path, { method: "POST", headers });
    assert.equal(status, 200);
    assert.equal((await thrown).message, "of the application");
  },
);

beyond("each answer has the headers that keep other sites and markup out", async (t) => {
  const { get } = await served(t);
  for (const path of [...PATHS, "/inspect"]) {
    const { headers } = await get(path);
    assert.match(headers["content-security-policy"], /^default-src 'none'; script-src 'self';/);
    assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
    assert.doesNotMatch(headers["content-security-policy"], /unsafe|http/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
});
