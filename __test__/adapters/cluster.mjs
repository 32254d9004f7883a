// Two servers in processes of their own with an adapter between them, and clients of both.

import { spawnChild } from "../support/child.mjs";
import { client, connected } from "../support/clients.mjs";
import { until } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";

/**
 * Starts a server process. `settings`: `kind` of adapter, `store` (the port of what it goes
 * over), `when` the adapter is set (children/node.mjs), `recovery` of connections, whether it is a `worker` of
 * Node's cluster, `oracle` whether the server is upstream's (by default as the tests run).
 */
export async function startNode(t, name, settings) {
  const { kind, store, when = "option", recovery, worker, oracle } = settings;
  const env = { ...process.env };
  if (oracle !== undefined) env.ORACLE = oracle ? "upstream" : "";
  const options = { serialization: "advanced", env, worker };
  const child = spawnChild(
    t,
    "node.mjs",
    [name, kind, store, when, recovery ? "recovery" : ""],
    "adapters",
    options,
  );
  const { port } = await child.message("listening");
  let turns = 0;
  const act = async (action, rest) => {
    const turn = ++turns;
    child.send("act", { action, turn, ...rest });
    const { value, error } = await child.message(`turn ${turn}`);
    if (error) throw error;
    return value;
  };
  return {
    name,
    port,
    kill: child.kill,
    prepare: (nsp) => act("prepare", { nsp }),
    settle: (nsp) => act("settle", { nsp }),
    heard: (nsp) => act("heard", { nsp }),
    /** The server, a namespace of it or a socket: `await node.of("/").to("room").emit("e")`. */
    io: remote((chain) => act("call", { chain })),
    of: (nsp) => remote((chain) => act("call", { nsp, chain })),
    socket: (nsp, id) => remote((chain) => act("call", { nsp, id, chain })),
  };
}

/** Stands for an object elsewhere: collects members and calls, which `run` follows when awaited. */
function remote(run, chain = []) {
  return new Proxy(() => {}, {
    get(_target, member) {
      if (member !== "then") return remote(run, [...chain, [member]]);
      const result = run(chain);
      return result.then.bind(result);
    },
    apply(_target, _this, args) {
      const [member] = chain.at(-1);
      return remote(run, [...chain.slice(0, -1), [member, args]]);
    },
  });
}

/** The clients that {@link crowd} puts into a namespace: one per server and way. */
export const NAMES = ["near polling", "near websocket", "far polling", "far websocket"];

/**
 * Connects a client to each of the two servers by polling and by WebSocket, in the namespace `nsp`.
 *
 * `clients` and `sockets` (remote ones) are by name; `join(room, names)` waits until the join is
 * known everywhere; `logs(node)` gives what each client was sent, up to a last broadcast of `node`.
 */
export async function crowd(t, [near, far], nsp) {
  const nodes = { near, far };
  for (const node of [near, far]) await node.prepare(nsp);
  const settle = () => Promise.all([near.settle(nsp), far.settle(nsp)]);
  await settle();
  const clients = {};
  const sockets = {};
  const logs = {};
  for (const name of NAMES) {
    const [side, way] = name.split(" ");
    const one = client(t, nodes[side].port, { nsp, auth: { name }, ...WAYS[way] });
    clients[name] = one;
    logs[name] = [];
    one.onAny((...event) => typeof event.at(-1) !== "function" && logs[name].push(event));
  }
  await Promise.all(Object.values(clients).map(connected));
  for (const name of NAMES) sockets[name] = nodes[name.split(" ")[0]].socket(nsp, clients[name].id);
  await settle();
  let ends = 0;
  return {
    clients,
    sockets,
    settle,
    async join(room, names) {
      for (const name of names) await sockets[name].join(room);
      await settle();
    },
    async logs(node) {
      const end = ++ends;
      await node.of(nsp).emit("end", end);
      const over = (name) => !clients[name].connected || logs[name].at(-1)?.[1] === end;
      await until(() => NAMES.every(over), "everybody has heard the end");
      const taken = Object.entries(logs).map(([name, log]) => [name, log.splice(0)]);
      for (const [, log] of taken) if (log.at(-1)?.[0] === "end") log.pop();
      return Object.fromEntries(taken);
    },
  };
}

/** Logs in which `names` have received `events` and the others nothing. */
export function only(names, ...events) {
  return Object.fromEntries(NAMES.map((name) => [name, names.includes(name) ? events : []]));
}
