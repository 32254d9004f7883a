// addTrailingSlash: whether the engine's prefix ends with a slash.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { request, Ws } from "../support/raw.mjs";
import { eachServer } from "./support.mjs";

// option → which prefixes are served
const ONLY_SLASH = { "/socket.io": 404, "/socket.io/": 200, "/socket.iox": 404 };
const ANY = { "/socket.io": 200, "/socket.io/": 200, "/socket.iox": 200, "/socket.i": 404 };
for (const [given, answers] of [
  [undefined, ONLY_SLASH],
  [true, ONLY_SLASH],
  [false, ANY],
  // only a real `false` counts
  [null, ONLY_SLASH],
  [0, ONLY_SLASH],
  ["", ONLY_SLASH],
]) {
  eachServer(`addTrailingSlash: ${JSON.stringify(given)}`, async (_t, start) => {
    const { port } = await start({ addTrailingSlash: given });
    for (const [prefix, expected] of Object.entries(answers)) {
      const { status } = await request(port, `${prefix}?EIO=4&transport=polling`);
      assert.equal(status, expected, prefix);
    }
  });
}

eachServer("addTrailingSlash: false serves WebSockets and client files", async (t, start) => {
  const { port } = await start({ addTrailingSlash: false });
  await (await Ws.open(t, port, { path: "/socket.io" })).join();
  await (await Ws.open(t, port, { path: "/socket.io/" })).join();
  assert.equal((await request(port, "/socket.io/socket.io.js")).status, 200);
  const options = { addTrailingSlash: false, transports: ["polling", "websocket"] };
  await connected(client(t, port, options));
});

eachServer("addTrailingSlash: false with a path of one's own", async (_t, start) => {
  const { port } = await start({ addTrailingSlash: false, path: "/x/" });
  assert.equal((await request(port, "/x?EIO=4&transport=polling")).status, 200);
  assert.equal((await request(port, "/socket.io?EIO=4&transport=polling")).status, 404);
});
