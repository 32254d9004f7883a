// path: the prefix of the requests that are the server's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, connected } from "../support/clients.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { serveHttp } from "../support/server.mjs";
import { Server } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";
import { eachServer } from "./support.mjs";

const QUERY = "?EIO=4&transport=polling";

// option → [io.path(), prefix that is served, prefix that is not]
const PATHS = {
  undefined: ["/socket.io", "/socket.io/", "/engine.io/"],
  "": ["/socket.io", "/socket.io/", "/"],
  "/x": ["/x", "/x/", "/socket.io/"],
  "/x/": ["/x", "/x/", "/y/"],
  "/a/b.c": ["/a/b.c", "/a/b.c/", "/a/bxc/"],
  "/x//": ["/x/", "/x//", "/x/"],
  "/a%20b": ["/a%20b", "/a%20b/", "/a+b/"],
  "/(.*)": ["/(.*)", "/(.*)/", "/any/"],
  "/": ["", "/", null],
  foo: ["foo", null, "/foo/"],
};
for (const [given, [shown, served, other]] of Object.entries(PATHS)) {
  const options = given === "undefined" ? {} : { path: given };
  eachServer(`path ${JSON.stringify(options)}`, async (t, start) => {
    const { io, port } = await start(options);
    assert.equal(io.path(), shown);
    if (served !== null) {
      const { sid } = await Polling.open(t, port, { path: served });
      assert.ok(io.engine.clients[sid]);
      await (await Ws.open(t, port, { path: served })).join();
      assert.equal((await request(port, `${served}socket.io.js`)).status, 200);
    }
    if (other !== null) {
      const { status, text } = await request(port, `${other}${QUERY}`);
      assert.deepEqual([status, text], [404, ""]);
      assert.equal((await request(port, `${other}socket.io.js`)).status, 404);
    }
  });
}

eachServer("a real client finds its server by path", async (t, start) => {
  const { port } = await start({ path: "/chat/" });
  await connected(client(t, port, { path: "/chat", transports: ["polling", "websocket"] }));
});

test("attach takes the path of its options, else the one set before", async (t) => {
  for (const [options, served] of [
    [undefined, "/set/"],
    [{ path: "/given" }, "/given/"],
  ]) {
    const httpServer = await serveHttp(t);
    const io = new Server().path("/set");
    io.attach(httpServer, options);
    defer(t, () => io.engine.close());
    const { port } = httpServer.address();
    assert.equal((await request(port, `${served}${QUERY}`)).status, 200);
    // client files follow io.path() alone
    assert.equal((await request(port, "/set/socket.io.js")).status, 200);
  }
});

eachServer("path() after attaching moves the client files alone", async (_t, start) => {
  const { io, port } = await start();
  io.path("/moved");
  assert.equal((await request(port, "/moved/socket.io.js")).status, 200);
  assert.equal((await request(port, `/moved/${QUERY}`)).status, 404);
  assert.equal((await request(port, `/socket.io/${QUERY}`)).status, 200);
  assert.equal((await request(port, "/socket.io/socket.io.js")).status, 400);
});
