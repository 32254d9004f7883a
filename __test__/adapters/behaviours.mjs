// The behaviour between two servers that any adapter connects: `behave(t, nodes)` runs it all.
import assert from "node:assert/strict";
import { Polling } from "../support/raw.mjs";
import { once, until } from "../support/wait.mjs";
import { crowd, NAMES, only } from "./cluster.mjs";

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
const ARGS = ["zwölf €😀", 12, null, { deep: [true, { bytes: BYTES }] }, BYTES];

/** The adapters over Redis by name (children/adapters.mjs), with options of {@link behave}. */
export const OVER_REDIS = {
  "socket.io-redis": { old: true },
  "@socket.io/redis-adapter": {},
  "@socket.io/redis-adapter, sharded": {},
  "@socket.io/redis-streams-adapter": {},
  ClusterAdapterWithHeartbeat: {},
};

/** The adapters over PostgreSQL. */
export const OVER_POSTGRES = {
  "@socket.io/postgres-adapter": { unordered: true },
  "@socket.io/postgres-adapter, all by the table": {},
};

let namespaces = 0;

/**
 * Runs the tables as subtests of `t`, each in a namespace of its own. `nodes` are
 * `[near, far]`; `old` is an adapter without answers to broadcasts and events between servers,
 * `unordered` one in which messages overtake each other, `lingers` one that goes on answering when
 * its server has closed, until the process ends.
 */
export async function behave(t, nodes, { old = false, unordered = false, lingers = false } = {}) {
  const tables = [
    unordered ? UNORDERED : DELIVERY,
    MANAGEMENT,
    ...(old ? [OLD] : [ACKS, SERVERS]),
    ...(old || lingers ? [] : [CLOSING]),
  ];
  for (const [title, run] of tables.flatMap(Object.entries)) {
    await t.test(title, (t) => run(t, nodes, `/n${++namespaces}`));
  }
}

const DELIVERY = {
  async "a broadcast reaches every client of both servers"(t, nodes, nsp) {
    const { logs } = await crowd(t, nodes, nsp);
    for (const node of nodes) {
      await node.of(nsp).emit("e", ...ARGS);
      await node.of(nsp).compress(false).emit("f");
      await node.of(nsp).send("plain");
      assert.deepEqual(await logs(node), only(NAMES, ["e", ...ARGS], ["f"], ["message", "plain"]));
    }
  },

  async "the main namespace"(t, nodes) {
    const { logs } = await crowd(t, nodes, "/");
    for (const node of nodes) {
      await node.io.emit("e", ...ARGS);
      assert.deepEqual(await logs(node), only(NAMES, ["e", ...ARGS]));
    }
  },

  async "rooms, several rooms, exceptions"(t, nodes, nsp) {
    const { logs, join } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    await join("b", ["near websocket", "far websocket"]);
    for (const node of nodes) {
      const io = node.of(nsp);
      await io.to("a").emit("to a", BYTES);
      assert.deepEqual(await logs(node), only(["near polling", "far websocket"], ["to a", BYTES]));
      await io.to("a").to("b").emit("to a and b");
      assert.deepEqual(
        await logs(node),
        only(["near polling", "near websocket", "far websocket"], ["to a and b"]),
      );
      await io.in(["a", "b"]).except("b").emit("to a but b");
      assert.deepEqual(await logs(node), only(["near polling"], ["to a but b"]));
      await io.except("b").emit("to all but b");
      assert.deepEqual(await logs(node), only(["near polling", "far polling"], ["to all but b"]));
      await io.to("nobody").emit("to nobody");
      assert.deepEqual(await logs(node), only([]));
    }
  },

  async "a room that is left hears no more"(t, nodes, nsp) {
    const { logs, join, sockets, settle } = await crowd(t, nodes, nsp);
    const [near] = nodes;
    await join("a", ["far polling", "far websocket"]);
    await sockets["far polling"].leave("a");
    await near.of(nsp).to("a").emit("one left");
    assert.deepEqual(await logs(near), only(["far websocket"], ["one left"]));
    await sockets["far websocket"].leave("a");
    await settle();
    await near.of(nsp).to("a").emit("both left");
    assert.deepEqual(await logs(near), only([]));
    await join("a", ["far polling"]);
    await near.of(nsp).to("a").emit("one is back");
    assert.deepEqual(await logs(near), only(["far polling"], ["one is back"]));
  },

  async "a socket: to a room, to everybody else, to one socket elsewhere"(t, nodes, nsp) {
    const { logs, join, clients, sockets } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "near websocket", "far polling"]);
    const socket = sockets["near websocket"];
    await socket.to("a").emit("e", ...ARGS);
    assert.deepEqual(await logs(nodes[0]), only(["near polling", "far polling"], ["e", ...ARGS]));
    await socket.broadcast.emit("to the others");
    const others = NAMES.filter((name) => name !== "near websocket");
    assert.deepEqual(await logs(nodes[0]), only(others, ["to the others"]));
    for (const name of NAMES) {
      await nodes[0].of(nsp).to(clients[name].id).emit("private", name);
      assert.deepEqual(await logs(nodes[0]), only([name], ["private", name]));
    }
    await socket.emit("only me");
    assert.deepEqual(await logs(nodes[0]), only(["near websocket"], ["only me"]));
  },

  async "a client is heard by the members of a room elsewhere"(t, nodes, nsp) {
    const { logs, join, clients } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    await clients["near polling"].emitWithAck("say", "a", BYTES);
    assert.deepEqual(await logs(nodes[0]), only(["far websocket"], ["said", BYTES]));
    await clients["far polling"].emitWithAck("say", "a", "from outside");
    assert.deepEqual(
      await logs(nodes[1]),
      only(["near polling", "far websocket"], ["said", "from outside"]),
    );
  },

  async "local stays at home"(t, nodes, nsp) {
    const { logs } = await crowd(t, nodes, nsp);
    for (const node of nodes) {
      await node.of(nsp).local.emit("at home", BYTES);
      const home = node === nodes[0] ? "near" : "far";
      const names = NAMES.filter((name) => name.startsWith(home));
      assert.deepEqual(await logs(node), only(names, ["at home", BYTES]));
    }
  },

  async "volatile reaches who can be written to, and nobody else"(t, nodes, nsp) {
    const { logs, settle } = await crowd(t, nodes, nsp);
    for (const node of nodes) {
      await settle();
      await node.of(nsp).volatile.emit("now or never", BYTES);
      assert.deepEqual(await logs(node), only(NAMES, ["now or never", BYTES]));
    }
    const idle = await Polling.open(t, nodes[1].port);
    await idle.join(nsp);
    await nodes[0].of(nsp).volatile.emit("missed");
    await nodes[0].of(nsp).emit("kept");
    await logs(nodes[0]);
    assert.equal(await idle.next(), `42${nsp},["kept"]`);
  },

  async "namespaces do not hear each other"(t, nodes, nsp) {
    const { logs, join } = await crowd(t, nodes, nsp);
    const other = await crowd(t, nodes, `${nsp}/below`);
    await join("a", NAMES);
    await other.join("a", NAMES);
    await nodes[0].of(`${nsp}/below`).to("a").emit("below");
    await nodes[0].of(nsp).to("a").emit("above");
    assert.deepEqual(await other.logs(nodes[0]), only(NAMES, ["below"]));
    assert.deepEqual(await logs(nodes[0]), only(NAMES, ["above"]));
  },

  async "messages of one server stay in order"(t, nodes, nsp) {
    const { clients } = await crowd(t, nodes, nsp);
    const count = 100;
    const seen = NAMES.map((name) => {
      const lists = { near: [], far: [] };
      clients[name].on("n", (from, n, extra) => {
        assert.deepEqual(extra, n % 5 ? `text ${n}` : BYTES);
        lists[from].push(n);
      });
      return lists;
    });
    const numbers = Array.from({ length: count }, (_, n) => n);
    const emitAll = (node, from) =>
      Promise.all(numbers.map((n) => node.of(nsp).emit("n", from, n, n % 5 ? `text ${n}` : BYTES)));
    await Promise.all([emitAll(nodes[0], "near"), emitAll(nodes[1], "far")]);
    const arrived = ({ near, far }) => near.length >= count && far.length >= count;
    await until(() => seen.every(arrived), "every message arrives");
    for (const lists of seen) assert.deepEqual(lists, { near: numbers, far: numbers });
  },

  async "large messages"(t, nodes, nsp) {
    const { logs } = await crowd(t, nodes, nsp);
    const large = ["large", "é€😀".repeat(30_000), Buffer.alloc(300_000, "large")];
    await nodes[0].of(nsp).emit(...large);
    assert.deepEqual(await logs(nodes[0]), only(NAMES, large));
  },
};

/** For an adapter that has a slower way for bytes and large messages than for short texts. */
const UNORDERED = {
  async "every message reaches every client it is for, in any order"(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    const large = "é€😀".repeat(30_000);
    const heard = Object.fromEntries(NAMES.map((name) => [name, {}]));
    for (const name of NAMES) {
      clients[name].onAny((event, ...args) => {
        assert.ok(!(event in heard[name]), `${event} comes once`);
        heard[name][event] = args;
      });
    }
    for (const { name, of } of nodes) {
      await of(nsp).emit(`${name}: text`, "text");
      await of(nsp).emit(`${name}: bytes`, ...ARGS);
      await of(nsp).to("a").emit(`${name}: to a`, BYTES);
      await of(nsp).except("a").emit(`${name}: to all but a`);
      await of(nsp).emit(`${name}: large`, large);
    }
    const complete = (name) => Object.keys(heard[name]).length >= 8;
    await until(() => NAMES.every(complete), "every message arrives");
    for (const name of NAMES) {
      const inside = ["near polling", "far websocket"].includes(name);
      const room = inside ? ["to a", [BYTES]] : ["to all but a", []];
      const all = [["text", ["text"]], ["bytes", ARGS], room, ["large", [large]]];
      const from = (side) => all.map(([event, args]) => [`${side}: ${event}`, args]);
      assert.deepEqual(heard[name], Object.fromEntries([...from("near"), ...from("far")]));
    }
  },
};

const names = (sockets) => sockets.map(({ data }) => data.name).sort();

const MANAGEMENT = {
  async fetchSockets(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    for (const node of nodes) {
      const all = await node.of(nsp).fetchSockets();
      assert.deepEqual(names(all), [...NAMES].sort());
      for (const { id, data, auth, rooms } of all) {
        assert.equal(id, clients[data.name].id);
        assert.deepEqual(auth, { name: data.name });
        const inside = ["near polling", "far websocket"].includes(data.name);
        assert.deepEqual(rooms, (inside ? [id, "a"] : [id]).sort());
      }
      const inside = await node.of(nsp).in("a").fetchSockets();
      assert.deepEqual(names(inside), ["far websocket", "near polling"]);
      const outside = await node.of(nsp).except("a").fetchSockets();
      assert.deepEqual(names(outside), ["far polling", "near websocket"]);
      const home = await node.of(nsp).local.fetchSockets();
      const side = node === nodes[0] ? "near" : "far";
      assert.deepEqual(names(home), [`${side} polling`, `${side} websocket`]);
    }
  },

  async "socketsJoin and socketsLeave"(t, nodes, nsp) {
    const { logs, join, settle } = await crowd(t, nodes, nsp);
    const [near, far] = nodes;
    const members = async (room) => names(await far.of(nsp).in(room).fetchSockets());
    await join("a", ["near polling", "far websocket"]);
    await near.of(nsp).in("a").socketsJoin(["b", "c"]);
    await until(async () => (await members("c")).length === 2, "the members have joined");
    await settle();
    await near.of(nsp).to("b").emit("to b");
    assert.deepEqual(await logs(near), only(["near polling", "far websocket"], ["to b"]));
    await near.of(nsp).in("b").except("nobody").socketsLeave("b");
    await until(async () => (await members("b")).length === 0, "the members have left");
    assert.deepEqual(await members("c"), ["far websocket", "near polling"]);
    await near.of(nsp).to("b").emit("to nobody");
    assert.deepEqual(await logs(near), only([]));
    await near.of(nsp).socketsJoin("everybody");
    await until(async () => (await members("everybody")).length === 4, "all have joined");
  },

  async disconnectSockets(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    const [near, far] = nodes;
    const gone = (name) => once(clients[name], "disconnect").then(([reason]) => reason);
    await join("a", ["near polling", "far websocket"]);
    const two = [gone("near polling"), gone("far websocket")];
    await near.of(nsp).in("a").disconnectSockets();
    assert.deepEqual(await Promise.all(two), ["io server disconnect", "io server disconnect"]);
    await until(async () => (await far.of(nsp).fetchSockets()).length === 2, "two are left");
    const rest = ["near websocket", "far polling"];
    assert.deepEqual(names(await near.of(nsp).fetchSockets()), [...rest].sort());
    const closed = rest.map((name) => once(clients[name].io, "close"));
    await near.of(nsp).disconnectSockets(true);
    await Promise.all(closed);
    await until(async () => (await near.of(nsp).fetchSockets()).length === 0, "nobody is left");
  },

  async "a client that goes is nowhere any more"(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    for (const name of ["near polling", "far websocket"]) clients[name].disconnect();
    for (const node of nodes) {
      const left = async () => (await node.of(nsp).fetchSockets()).length === 2;
      await until(left, "two are left");
      assert.deepEqual(await node.of(nsp).in("a").fetchSockets(), []);
    }
  },
};

const ACKS = {
  async "a broadcast gathers the answers of all clients"(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    for (const name of NAMES) clients[name].on("ask", (value, answer) => answer([name, value]));
    await join("a", ["near websocket", "far polling"]);
    const ask = async (operator, value) => {
      const answers = await operator.timeout(10_000).emitWithAck("ask", value);
      for (const [, given] of answers) assert.deepEqual(given, value);
      return answers.map(([name]) => name).sort();
    };
    for (const node of nodes) {
      const io = node.of(nsp);
      assert.equal(await io.adapter.serverCount(), 2);
      assert.deepEqual(await ask(io, "text"), [...NAMES].sort());
      assert.deepEqual(await ask(io, BYTES), [...NAMES].sort());
      assert.deepEqual(await ask(io.to("a"), 1), ["far polling", "near websocket"]);
      assert.deepEqual(await ask(io.except("a"), 2), ["far websocket", "near polling"]);
      assert.deepEqual(await ask(io.to("nobody"), 3), []);
    }
  },

  async "a client that does not answer"(t, nodes, nsp) {
    const { clients } = await crowd(t, nodes, nsp);
    const talkers = NAMES.filter((name) => name !== "far websocket");
    for (const name of talkers) clients[name].on("ask", (answer) => answer(name));
    const error = await nodes[0]
      .of(nsp)
      .timeout(300)
      .emitWithAck("ask")
      .then(
        () => assert.fail("somebody has answered for it"),
        (reason) => reason,
      );
    assert.match(error.message, /operation has timed out/);
  },
};

const SERVERS = {
  async "serverSideEmit reaches the other server, not this one"(t, nodes, nsp) {
    await crowd(t, nodes, nsp);
    const [near, far] = nodes;
    await near.of(nsp).serverSideEmit("told", "text", 12, { deep: [null] });
    await near.of(nsp).serverSideEmit("told", "again");
    const heard = [];
    await until(async () => heard.push(...(await far.heard(nsp))) && heard.length >= 2);
    assert.deepEqual(heard, [["text", 12, { deep: [null] }], ["again"]]);
    assert.deepEqual(await near.of(nsp).serverSideEmitWithAck("asked", "name?"), ["far"]);
    assert.deepEqual(await far.of(nsp).serverSideEmitWithAck("asked"), ["near"]);
    assert.deepEqual(await near.heard(nsp), []);
  },
};

// the last one: it leaves a server behind that is closed
const CLOSING = {
  async "a server that has closed is neither asked nor waited for"(t, nodes, nsp) {
    const { clients } = await crowd(t, nodes, nsp);
    const [near, far] = nodes;
    const gone = ["far polling", "far websocket"].map((name) => once(clients[name], "disconnect"));
    await far.io.close();
    await Promise.all(gone);
    await until(async () => (await near.of(nsp).adapter.serverCount()) === 1, "one is left");
    assert.deepEqual(names(await near.of(nsp).fetchSockets()), ["near polling", "near websocket"]);
    const left = ["near polling", "near websocket"];
    for (const name of left) clients[name].on("ask", (answer) => answer(name));
    const answers = await near.of(nsp).timeout(10_000).emitWithAck("ask");
    assert.deepEqual(answers.sort(), left);
    assert.deepEqual(await near.of(nsp).serverSideEmitWithAck("asked"), []);
  },
};

/** Differences of adapters that are older than the base class 2.3. */
const OLD = {
  async allSockets(t, nodes, nsp) {
    const { clients, join } = await crowd(t, nodes, nsp);
    await join("a", ["near polling", "far websocket"]);
    const ids = (given) => new Set(given.map((name) => clients[name].id));
    for (const node of nodes) {
      assert.deepEqual(await node.of(nsp).allSockets(), ids(NAMES));
      const inside = await node.of(nsp).in("a").allSockets();
      assert.deepEqual(inside, ids(["near polling", "far websocket"]));
    }
  },

  async "serverSideEmit is refused: the adapter is older than it"(_t, [near], nsp) {
    await near.prepare(nsp);
    await assert.rejects(async () => near.of(nsp).serverSideEmit("told"), {
      name: "TypeError",
      message: "this.adapter.serverSideEmit is not a function",
    });
  },
};
