// Applications that do what few do, and may: subclasses, odd data, listeners that come and go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eachServer } from "../options/support.mjs";
import { SESSIONS } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond, Namespace, Server, Socket } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { eachPair, settle, take, takeAll } from "./support.mjs";

// --- data and properties of the application --------------------------------------------------

eachPair("socket.data may be replaced by anything", async (_t, connect) => {
  const { io, socket } = await connect();
  const written = [];
  const proxy = new Proxy(
    {},
    {
      set(target, key, value) {
        written.push(key);
        target[key] = value;
        return true;
      },
    },
  );
  for (const data of [proxy, Object.freeze({ z: 1 }), new Map(), null, undefined, 0, "", false]) {
    socket.data = data;
    assert.equal(socket.data, data);
    assert.equal((await io.fetchSockets())[0].data, data);
  }
  socket.data = proxy;
  socket.data.name = "x";
  assert.deepEqual(written, ["name"]);
});

eachPair("extra properties and methods stay", async (_t, connect) => {
  const { io, session, socket } = await connect();
  socket.user = { name: "x" };
  socket.kick = function () {
    return this.disconnect();
  };
  const holders = [socket.handshake, socket.request, socket.client, socket.conn, socket.nsp, io];
  for (const holder of holders) holder.mine = holder;
  const [fetched] = await io.fetchSockets();
  assert.equal(fetched.user, socket.user);
  const again = [
    ...[fetched.handshake, fetched.request, fetched.client, fetched.conn, fetched.nsp],
    fetched.server,
  ];
  assert.deepEqual(
    again.map((holder, i) => holder === holders[i] && holder.mine === holder),
    holders.map(() => true),
  );
  const names = [];
  const { emit } = socket;
  socket.emit = function (...args) {
    names.push(args[0]);
    return emit.apply(this, args);
  };
  socket.send("x");
  socket.emitWithAck("y");
  assert.deepEqual(names, ["message", "y"]);
  assert.deepEqual(await take(session, 2), ['42["message","x"]', '420["y"]']);
  assert.equal(socket.kick(), socket);
  assert.equal(socket.connected, false);
});

// --- options ---------------------------------------------------------------------------------

class Options {
  pingInterval = 4321;
  get path() {
    return "/from-a-getter";
  }
  get pingTimeout() {
    return 1234;
  }
}

// [the options, path, pingInterval, pingTimeout]: the engine takes own properties only
const GIVEN = {
  "an instance of a class with getters": [() => new Options(), "/from-a-getter", 4321, 20000],
  "own getters": [
    () => ({
      get path() {
        return "/own";
      },
      get pingInterval() {
        return 7000;
      },
    }),
    "/own",
    7000,
    20000,
  ],
  "an object without prototype": [
    () => Object.assign(Object.create(null), { path: "/bare", pingTimeout: 8000 }),
    "/bare",
    25000,
    8000,
  ],
  "inherited options": [
    () => Object.create({ path: "/inherited", pingInterval: 9000 }),
    "/inherited",
    25000,
    20000,
  ],
  "a proxy": [() => new Proxy({ pingInterval: 9000 }, {}), "/socket.io", 9000, 20000],
  "frozen values": [
    () => ({
      cors: Object.freeze({ origin: "*" }),
      cookie: Object.freeze({ name: "a" }),
      transports: Object.freeze(["polling", "websocket"]),
      httpCompression: Object.freeze({ threshold: 5 }),
      perMessageDeflate: Object.freeze({}),
    }),
    "/socket.io",
    25000,
    20000,
  ],
};
for (const [title, [make, path, pingInterval, pingTimeout]] of Object.entries(GIVEN)) {
  eachServer(`options: ${title}`, async (t, start) => {
    const { io, port } = await start(make());
    assert.equal(io.path(), path);
    for (const kind of Object.values(SESSIONS)) {
      const session = await kind.open(t, port, { path: `${path}/` });
      assert.equal(session.handshake.pingInterval, pingInterval);
      assert.equal(session.handshake.pingTimeout, pingTimeout);
      await session.join();
    }
  });
}

test("options that cannot be completed are refused", () => {
  for (const seal of [Object.freeze, Object.seal, Object.preventExtensions]) {
    assert.throws(() => new Server(seal({ pingInterval: 5 })), TypeError);
  }
  // everything that is filled in is there
  const sealed = Object.seal({ cleanupEmptyChildNamespaces: 1 });
  assert.equal(new Server(sealed)._opts, sealed);
  assert.equal(sealed.cleanupEmptyChildNamespaces, true);
});

// --- listeners that come and go --------------------------------------------------------------

/** Has the client send the event `e` and gives what was seen meanwhile. */
const during = (session, socket, seen) => async () => {
  await session.send('42["e"]');
  await settle(session, socket);
  return seen.splice(0);
};

eachPair("listeners added and removed while they are called", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  const send = during(session, socket, seen);
  const b = () => seen.push("b");
  const c = () => seen.push("c");
  socket.on("e", () => {
    seen.push("a");
    socket.off("e", b);
    socket.on("e", c);
  });
  socket.on("e", b);
  assert.deepEqual(await send(), ["a", "b"]);
  socket.off("e", c);
  assert.deepEqual(await send(), ["a"]);
  assert.deepEqual(await send(), ["a", "c"]);
  socket.removeAllListeners("e");
  assert.deepEqual(await send(), []);
});

eachPair("catch-alls added and removed while they are called", async (_t, connect) => {
  const { io, session, socket } = await connect();
  const seen = [];
  const note = (name) => (event) => event === "e" && seen.push(name);
  const send = during(session, socket, seen);
  const y = note("y");
  const z = note("z");
  socket.onAny(function x(event) {
    if (event !== "e") return;
    seen.push("x");
    socket.offAny(x);
    socket.offAny(y);
    socket.onAny(z);
  });
  socket.onAny(y);
  assert.deepEqual(await send(), ["x", "y"]);
  assert.deepEqual(await send(), ["z"]);
  socket.offAny();

  const out = [];
  const later = (event) => out.push(`later ${event}`);
  socket.onAnyOutgoing(function first(event) {
    out.push(`first ${event}`);
    socket.offAnyOutgoing(first);
    socket.onAnyOutgoing(later);
  });
  io.emit("1");
  socket.emit("2");
  socket.offAnyOutgoing(later);
  io.emit("3");
  assert.deepEqual(out, ["first 1", "later 2"]);
  assert.deepEqual(await take(session, 3), ['42["1"]', '42["2"]', '42["3"]']);
});

eachPair("middlewares added while they run count from the next event", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  socket.use(([event], next) => {
    seen.push(`first ${event}`);
    if (event === "e") {
      socket.use(([event], next) => {
        seen.push(`added ${event}`);
        next();
      });
    }
    next();
  });
  await session.send('42["e"]');
  await settle(session, socket);
  assert.deepEqual(seen, ["first e", "first are you done?", "added are you done?"]);
});

eachPair("once, eventNames and listener limits work as on any emitter", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  socket.once("e", () => seen.push("once"));
  socket.prependListener("e", () => seen.push("before"));
  const name = Symbol("mine");
  socket.on(name, () => {});
  assert.deepEqual(socket.eventNames(), ["error", "e", name]);
  assert.equal(socket.setMaxListeners(3), socket);
  assert.equal(socket.getMaxListeners(), 3);
  await session.send('42["e"]', '42["e"]');
  await settle(session, socket);
  assert.deepEqual(seen, ["before", "once", "before"]);
  // the emitter would announce these with events of reserved names
  const fn = () => {};
  socket.on("x", fn);
  socket.on("removeListener", fn);
  assert.throws(() => socket.off("x", fn), {
    message: '"removeListener" is a reserved event name',
  });
  socket.on("newListener", fn);
  assert.throws(() => socket.on("y", fn), { message: '"newListener" is a reserved event name' });
});

// [whose listeners are removed, what of the client's session still works, and for newcomers]
const CLEARED = [
  ["the socket", ({ socket }) => socket, { heard: false, newcomers: true }],
  ["the namespace", ({ io }) => io.sockets, { heard: true, newcomers: true }],
  ["the adapter", ({ io }) => io.sockets.adapter, { heard: true, newcomers: true }],
  ["the engine", ({ io }) => io.engine, { heard: true, newcomers: false }],
  ["the HTTP server's upgrades", ({ io }) => io.httpServer, { event: "upgrade", heard: true }],
];
for (const [title, of, { event, heard, newcomers }] of CLEARED) {
  eachPair(`removeAllListeners on ${title}`, async (_t, connect, transport) => {
    const { io, open, session, socket } = await connect();
    let count = 0;
    socket.on("e", () => count++);
    const target = of({ io, socket });
    assert.equal(event ? target.removeAllListeners(event) : target.removeAllListeners(), target);
    await session.send('42["e"]');
    const asked = new Promise((resolve) => socket.onAny((name) => name === "last" && resolve()));
    await session.send('42["last"]');
    await asked;
    await new Promise(setImmediate);
    assert.equal(count, heard ? 1 : 0);
    if (transport === "polling" && title.startsWith("the HTTP")) return;
    socket.emit("still there");
    assert.equal(await session.next(), '42["still there"]');
    if (newcomers) {
      const newcomer = await open();
      await newcomer.join();
      assert.equal(io.sockets.sockets.size, 2);
    }
    await session.send("41");
    await until(() => !socket.connected, "the socket to leave");
    assert.equal(io.sockets.sockets.has(socket.id), false);
  });
}

beyond("an error of the client that nobody listens for any more", async (t) => {
  const { io, port } = await serve(t);
  const accepted = once(io, "connection");
  const session = await SESSIONS.websocket.open(t, port);
  await session.join();
  const [socket] = await accepted;
  socket.removeAllListeners();
  await session.send('42["error","unheard"]');
  await settle(session, socket);
  assert.equal(socket.connected, true);
});

eachPair("conn.removeAllListeners() takes the messages from Socket.IO", async (_t, connect) => {
  const { session, socket } = await connect();
  const seen = [];
  socket.on("e", () => seen.push("socket"));
  assert.equal(socket.conn.removeAllListeners(), socket.conn);
  const heard = new Promise((resolve) => socket.conn.on("message", resolve));
  await session.send('42["e"]');
  assert.equal(await heard, '2["e"]');
  await new Promise(setImmediate);
  assert.deepEqual(seen, []);
  socket.emit("still out");
  assert.equal(await session.next(), '42["still out"]');
});

// --- many, and while they leave --------------------------------------------------------------

eachPair("the map of sockets iterated while they leave", async (_t, connect) => {
  const { io, join, ...first } = await connect();
  const all = [first, await join(), await join(), await join()].map(({ socket }) => socket);
  const seen = [];
  for (const [id, socket] of io.sockets.sockets) {
    seen.push(all.findIndex((one) => one.id === id));
    socket.disconnect();
    if (seen.length === 1) all[2].disconnect(true);
  }
  assert.deepEqual(seen, [0, 1, 3]);
  assert.equal(io.sockets.sockets.size, 0);
  assert.equal(io.emit("nobody"), true);
  assert.deepEqual(await io.fetchSockets(), []);
});

eachPair("thousands of namespaces and rooms", async (_t, connect) => {
  const { io, session, socket } = await connect();
  const names = Array.from({ length: 3000 }, (_, n) => `r${n}`);
  for (const name of names) {
    io.of(name);
    socket.join(name);
  }
  assert.equal(io._nsps.size, 3001);
  assert.equal(socket.rooms.size, 3001);
  await session.join("/r2999");
  io.of("/r2999").emit("namespace");
  io.to("r2999").emit("room");
  io.to(names).emit("all rooms");
  socket.leave("r5");
  io.to("r5").emit("left");
  assert.deepEqual(await takeAll(session, socket), [
    '42/r2999,["namespace"]',
    '42["room"]',
    '42["all rooms"]',
  ]);
  socket.disconnect();
  assert.equal(io.sockets.adapter.rooms.size, 0);
});

// --- subclasses ------------------------------------------------------------------------------

class Room extends Namespace {
  constructor(server, name) {
    super(server, name);
    this.topic = `topic of ${name}`;
  }
  emit(event, ...args) {
    return super.emit(event, this.topic, ...args);
  }
}

class Member extends Socket {
  greeting = "hello";
  emit(event, ...args) {
    return super.emit(event, this.greeting, ...args);
  }
}

class Chat extends Server {
  rooms = 0;
  of(name, handler) {
    const nsp = super.of(name, handler);
    nsp.tagged = true;
    return nsp;
  }
  room(name) {
    this.rooms++;
    const room = new Room(this, name);
    this._nsps.set(name, room);
    return room;
  }
}

for (const [transport, kind] of Object.entries(SESSIONS)) {
  test(`subclasses of Server, Namespace and Socket [${transport}]`, async (t) => {
    const io = new Chat(0);
    t.after(() => io.close());
    if (!io.httpServer.listening) await once(io.httpServer, "listening");
    assert.ok(io instanceof Server);
    assert.equal(io.sockets.tagged, true);
    const session = await kind.open(t, io.httpServer.address().port);

    const room = io.room("/room");
    assert.equal(io.rooms, 1);
    await session.join("/room");
    assert.equal(room.sockets.size, 1);
    room.emit("e");
    assert.equal(await session.next(), '42/room,["e","topic of /room"]');

    const members = io.of("/members");
    members._createSocket = async function (client, auth) {
      return new Member(this, client, auth);
    };
    const accepted = once(members, "connection");
    await session.join("/members");
    const [member] = await accepted;
    assert.ok(member instanceof Member);
    member.emit("e", 1);
    members.emit("all");
    assert.deepEqual(await take(session, 2), ['42/members,["e","hello",1]', '42/members,["all"]']);
    member.disconnect();
    assert.equal(await session.next(), "41/members,");
  });
}
