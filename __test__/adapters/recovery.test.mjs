// Connection state recovery across servers: a client that lost one of them goes on at the other.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { redisBeyond, redisTest } from "../support/redis.mjs";
import { once, until } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";
import { startNode } from "./cluster.mjs";

const kind = "@socket.io/redis-streams-adapter";
const BYTES = Buffer.from([0, 0x1e, 0xff]);

async function start(t, nsp, settings) {
  const nodes = await Promise.all(
    ["near", "far"].map((name) => startNode(t, name, { kind, recovery: true, ...settings[name] })),
  );
  for (const node of nodes) await node.prepare(nsp);
  for (const node of nodes) await node.settle(nsp);
  return nodes;
}

/** Loses the connection of a client, and waits until its server knows. */
async function lose(one, node, nsp) {
  const { id } = one;
  const gone = once(one, "disconnect");
  one.io.engine.close();
  await gone;
  const ids = async () => (await node.of(nsp).local.fetchSockets()).map((socket) => socket.id);
  await until(async () => !(await ids()).includes(id), "the socket is gone");
}

/** Connects a client again, to another server. */
async function moveTo(one, node) {
  one.io.uri = `http://127.0.0.1:${node.port}`;
  one.connect();
  await connected(one);
}

async function recovers(t, [near, far], nsp, way) {
  const one = client(t, near.port, { nsp, auth: { name: "one" }, ...WAYS[way] });
  const witness = client(t, near.port, { nsp, auth: { name: "witness" } });
  const [log, seen] = [[], []];
  one.onAny((...event) => log.push(event));
  witness.onAny((event) => seen.push(event));
  await Promise.all([connected(one), connected(witness)]);
  const { id } = one;
  for (const name of ["a", "b", "c"]) await near.socket(nsp, id).join(name);
  await near.socket(nsp, id).leave("b");
  await near.socket(nsp, witness.id).join(["a", "b"]);
  await near.of(nsp).emit("heard");
  await until(() => log.length === 1, "an event gives the client its offset");
  assert.ok(!one.recovered);

  await lose(one, near, nsp);
  const said = async (operator, ...event) => {
    await operator.emit(...event);
    await until(() => seen.includes(event[0]), `${event[0]} is on its way`);
  };
  await said(near.of(nsp).to("a"), "missed", BYTES);
  await said(far.of(nsp), "missed too", "zwölf €😀", { deep: [BYTES] });
  await said(far.of(nsp).to("b"), "not for it");
  await said(near.of(nsp).except("c"), "not for it either");

  await moveTo(one, far);
  assert.equal(one.recovered, true);
  assert.equal(one.id, id);
  assert.equal(await far.socket(nsp, id).recovered, true);
  const [socket] = await far.of(nsp).in("a").local.fetchSockets();
  assert.deepEqual(
    [socket.id, socket.data, socket.rooms],
    [id, { name: "one" }, [id, "a", "c"].sort()],
  );

  await said(near.of(nsp).to("a"), "live");
  await until(() => log.at(-1)[0] === "live", "the room is still one");
  assert.deepEqual(
    log.map((event) => event.slice(0, -1)), // the last argument is the offset
    [["heard"], ["missed", BYTES], ["missed too", "zwölf €😀", { deep: [BYTES] }], ["live"]],
  );

  // and back, this time with nothing missed
  await lose(one, far, nsp);
  await moveTo(one, near);
  assert.deepEqual([one.recovered, one.id], [true, id]);

  const other = client(t, far.port, { nsp, auth: { pid: "A".repeat(20), offset: "1-1" } });
  await connected(other);
  assert.ok(!other.recovered, "a session that nobody knows is a new one");
}

for (const nsp of ["/", "/chat"]) {
  for (const way of Object.keys(WAYS)) {
    redisTest(`a client recovers at the other server, ${nsp} [${way}]`, async (t, store) => {
      const nodes = await start(t, nsp, { near: { store }, far: { store } });
      await recovers(t, nodes, nsp, way);
    });
  }
}

for (const oracle of ["near", "far"]) {
  redisBeyond(`a client recovers while the ${oracle} server is upstream's`, async (t, store) => {
    const settings = { near: { store }, far: { store } };
    settings[oracle].oracle = true;
    await recovers(t, await start(t, "/", settings), "/", "default");
  });
}
