// One port for the workers of a cluster: @socket.io/sticky gives each connection to the worker of
// its session, by raw sockets, or chunk by chunk where a request has a body.
import assert from "node:assert/strict";
import cluster from "node:cluster";
import http from "node:http";
import { test } from "node:test";
import * as adapter from "@socket.io/cluster-adapter";
import { setupMaster } from "@socket.io/sticky";
import { client } from "../support/clients.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { defer, once, until } from "../support/wait.mjs";
import { settled, WAYS } from "../support/ways.mjs";
import { startNode } from "./cluster.mjs";

adapter.setupPrimary();

/** Two workers behind one port; the next client goes where `loadBalancingMethod` says. */
async function start(t, loadBalancingMethod) {
  const httpServer = http.createServer();
  setupMaster(httpServer, { loadBalancingMethod });
  defer(t, () => closeHttp(httpServer));
  const port = await listen(httpServer);
  const settings = { kind: "@socket.io/cluster-adapter", when: "sticky", worker: true };
  const nodes = await Promise.all(["near", "far"].map((name) => startNode(t, name, settings)));
  for (const node of nodes) await node.prepare("/");
  await Promise.all(nodes.map((node) => node.settle("/")));
  return { port, nodes };
}

/** The sessions that the primary knows. */
const known = new Set();
cluster.on("message", (_worker, { type, data }) => {
  // @socket.io/sticky takes the message first
  if (type === "sticky:connection") setImmediate(() => known.add(data));
});

/**
 * Sends a request of a session once the primary knows the session. A worker answers a handshake
 * before it tells the primary: a request that is faster goes to any worker, which refuses it, and a
 * client whose upgrade is refused never tries again.
 */
class PatientAgent extends http.Agent {
  addRequest(req, options) {
    const sid = /[?&]sid=([\w-]+)/.exec(req.path)?.[1];
    if (sid === undefined || known.has(sid)) return super.addRequest(req, options);
    until(() => known.has(sid), "the primary knows the session").then(
      () => super.addRequest(req, options),
      (error) => req.destroy(error),
    );
  }
}

/** Two clients for each way to connect, one after the other, with what each hears. */
async function connectAll(t, port) {
  const agent = new PatientAgent();
  const reconnection = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 };
  const clients = [];
  for (const way of [...Object.keys(WAYS), ...Object.keys(WAYS)]) {
    const one = client(t, port, { ...WAYS[way], auth: { name: way }, agent, ...reconnection });
    one.heard = [];
    one.onAny((...event) => one.heard.push(event));
    await once(one, "connect");
    await settled(one, way);
    clients.push(one);
  }
  return clients;
}

const local = async (node) => (await node.io.local.fetchSockets()).map(({ id }) => id);

/** The node of a client. */
async function homeOf(one, nodes) {
  for (const node of nodes) if ((await local(node)).includes(one.id)) return node;
  throw new Error(`${one.id} is nowhere`);
}

for (const method of ["least-connection", "round-robin", "random"]) {
  test(`sessions stay with their worker [${method}]`, async (t) => {
    const { port, nodes } = await start(t, method);
    const clients = await connectAll(t, port);
    if (method === "round-robin") {
      for (const node of nodes) assert.ok((await local(node)).length > 0, `${node.name} has some`);
    }
    const large = ["é€😀".repeat(30_000), Buffer.alloc(300_000, "large")];
    for (const one of clients) {
      const home = await homeOf(one, nodes);
      await home.socket("/", one.id).join("room");
      for (const said of ["short", Buffer.from([0, 255]), ...large]) {
        for (const other of clients) other.heard.length = 0;
        await one.emitWithAck("say", "room", said);
        const inside = clients.slice(0, clients.indexOf(one));
        const all = () => inside.every((other) => other.heard.length === 1);
        await until(all, "the others of the room hear it");
        for (const other of inside) assert.deepEqual(other.heard, [["said", said]]);
      }
    }
    for (const one of clients) one.on("ask", (answer) => answer(one.id));
    const ids = clients.map(({ id }) => id).sort();
    for (const node of nodes) {
      for (const one of clients) one.heard.length = 0;
      await node.io.emit("all", ...large);
      await until(() => clients.every(({ heard }) => heard.length === 1), "everybody hears it");
      for (const { heard } of clients) assert.deepEqual(heard, [["all", ...large]]);
      assert.deepEqual((await node.io.timeout(10_000).emitWithAck("ask")).sort(), ids);
      assert.deepEqual((await node.io.fetchSockets()).map(({ id }) => id).sort(), ids);
      const other = nodes.find((one) => one !== node);
      assert.deepEqual(await node.io.serverSideEmitWithAck("asked"), [other.name]);
    }
    for (const one of clients) one.disconnect();
    await until(async () => (await nodes[0].io.fetchSockets()).length === 0, "all have gone");
  });
}

test("a worker that dies: its clients find the other one", async (t) => {
  const { port, nodes } = await start(t, "round-robin");
  const clients = await connectAll(t, port);
  const [near, far] = nodes;
  const homeless = await local(near);
  const lost = clients.filter(({ id }) => homeless.includes(id));
  assert.ok(lost.length > 0);
  const left = lost.map((one) => once(one, "disconnect"));
  near.kill();
  await Promise.all(left);
  await until(() => lost.every(({ connected }) => connected), "all are connected again");
  const ids = clients.map(({ id }) => id).sort();
  assert.deepEqual((await local(far)).sort(), ids);
  for (const one of clients) await one.emitWithAck("say", "room", "hello");
});
