// Processes without a server that speak to the clients of others: the emitters.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { redisTest } from "../support/redis.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { crowd, NAMES, only, startNode } from "./cluster.mjs";

const require = createRequire(import.meta.url);
const BYTES = Buffer.from([0, 0x1e, 0xff]);

const startBoth = (t, kind, store) =>
  Promise.all([
    startNode(t, "near", { kind, store }),
    startNode(t, "far", { kind, store, when: "later" }),
  ]);

/** Calls of an emitter, and their effect on the clients of both servers. */
async function emits(t, nodes, emitter) {
  for (const nsp of ["/", "/chat"]) {
    await t.test(`in ${nsp}`, async (t) => {
      const io = nsp === "/" ? emitter : emitter.of(nsp);
      const { logs: taken, join, clients } = await crowd(t, nodes, nsp);
      // the emitter has the last word
      const logs = () => taken({ of: () => io });
      await join("a", ["near polling", "far websocket"]);

      io.emit("e", "zwölf €😀", 12, null, { deep: [BYTES] }, BYTES);
      const e = ["e", "zwölf €😀", 12, null, { deep: [BYTES] }, BYTES];
      assert.deepEqual(await logs(), only(NAMES, e));
      io.to("a").emit("to a");
      assert.deepEqual(await logs(), only(["near polling", "far websocket"], ["to a"]));
      io.except("a").emit("to all but a");
      assert.deepEqual(await logs(), only(["near websocket", "far polling"], ["to all but a"]));
      io.in(clients["far polling"].id).emit("private");
      assert.deepEqual(await logs(), only(["far polling"], ["private"]));

      io.in("a").socketsJoin(["b", "c"]);
      const members = async (room) => (await nodes[0].of(nsp).in(room).fetchSockets()).length;
      await until(async () => (await members("c")) === 2, "the members have joined");
      io.in("a").socketsLeave("b");
      await until(async () => (await members("b")) === 0, "the members have left");

      io.serverSideEmit("told", "text", { deep: [null] });
      for (const node of nodes) {
        const heard = [];
        await until(async () => heard.push(...(await node.heard(nsp))) || heard.length > 0);
        assert.deepEqual(heard, [["text", { deep: [null] }]]);
      }

      const gone = ["near polling", "far websocket"].map((name) =>
        once(clients[name], "disconnect"),
      );
      io.in("c").disconnectSockets();
      for (const one of gone) assert.deepEqual((await one)[0], "io server disconnect");
      assert.ok(clients["near websocket"].connected && clients["far polling"].connected);
    });
  }
}

redisTest("@socket.io/redis-emitter", async (t, store) => {
  const { Emitter } = require("@socket.io/redis-emitter");
  const client = require("redis").createClient({ url: `redis://127.0.0.1:${store}` });
  await client.connect();
  defer(t, () => client.close());
  await emits(t, await startBoth(t, "@socket.io/redis-adapter", store), new Emitter(client));
});
