// Hostile packets: names of prototypes, wrong names, wrong order, forged answers, deep values.
import assert from "node:assert/strict";
import { Polling3 } from "../support/eio3.mjs";
import { row } from "../support/rows.mjs";
import { isOracle } from "../support/subject.mjs";
import { eachTalker, isServed, throwsOut } from "../support/talkers.mjs";
import { frame } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const data = Buffer.from("data");
const placeholder = (num) => `{"_placeholder":true,"num":${num}}`;

/** Each text, which is that of an event packet, is delivered as these arguments. */
const delivers = (cases) => (a) =>
  eachTalker(a, async (client) => {
    const { events } = a.accounts.get(await client.join());
    for (const [text, expected] of cases) {
      await client.send(`42${text}`);
      await until(() => events.length > 0, `${text} is delivered`);
      assert.deepEqual(events.splice(0), [expected]);
    }
    assert.equal({}.polluted, undefined);
    await isServed(client);
    await client.leave();
  });

/** Each of these lists of packets ends its session. */
const ends = (cases) => async (a) => {
  for (const [message, ...packets] of cases) await throwsOut(a, packets, message);
  await a.alone();
};

row(
  "event names of prototypes",
  delivers([
    ['["__proto__",{"polluted":1}]', ["__proto__", { polluted: 1 }]],
    ['["constructor"]', ["constructor"]],
    ['["toString"]', ["toString"]],
    ['["hasOwnProperty",{}]', ["hasOwnProperty", {}]],
    ['["",0]', ["", 0]],
  ]),
);

row(
  "event names of numbers",
  delivers([
    ["[1,2]", [1, 2]],
    ["[-1.5e3]", [-1500]],
  ]),
);

row(
  "event names of other types",
  ends([
    ["invalid payload", "42[null]"],
    ["invalid payload", "42[{}]"],
    ["invalid payload", '42[["x"]]'],
    ["invalid payload", "42[true]"],
  ]),
);

row(
  "reserved event names",
  ends(
    [
      "connect",
      "connect_error",
      "disconnect",
      "disconnecting",
      "newListener",
      "removeListener",
    ].map((name) => ["invalid payload", `42["${name}"]`]),
  ),
);

row(
  "event names of the library",
  delivers([
    ['["error",5]', ["error", 5]],
    ['["connection"]', ["connection"]],
    ['["new_namespace"]', ["new_namespace"]],
  ]),
);

row("__proto__ in values", (a) =>
  eachTalker(a, async (client) => {
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    // as text: an object of this process would have lost the key
    await client.send(`40${evil}`);
    const id = JSON.parse((await client.joined()).slice(2)).sid;
    await client.send(`42["x",${evil}]`, `421["echo",${evil}]`);
    assert.equal(await client.next(), `431[${evil}]`);
    const { socket, events } = a.accounts.get(id);
    for (const value of [socket.handshake.auth, events[0][1]]) {
      assert.ok(Object.hasOwn(value, "__proto__"));
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
    }
    assert.equal({}.polluted, undefined);
  }),
);

row(
  "__proto__ in a namespace of EIO=3",
  async (a) => {
    let auth;
    a.io.of("/old").on("connection", (socket) => {
      auth = socket.handshake.auth;
    });
    const check = () => {
      assert.equal(Object.getPrototypeOf(auth), null);
      assert.deepEqual(Object.keys(auth), ["__proto__", "constructor"]);
      assert.equal({}.polluted, undefined);
      auth = undefined;
    };
    const connect = "40/old?__proto__=polluted&constructor=2";
    const session = await Polling3.open(a.port, a.ca ? { ca: a.ca } : {});
    await session.send(connect);
    await until(() => auth !== undefined, "the namespace is joined over polling");
    check();
    const ws = await a.websocket({ query: "EIO=3&transport=websocket" });
    await ws.sendText(connect);
    await until(() => auth !== undefined, "the namespace is joined over WebSocket");
    check();
  },
  { options: { allowEIO3: true } },
);

row("namespaces of prototypes", (a) =>
  eachTalker(a, async (client) => {
    const id = await client.join();
    for (const name of [
      "/__proto__",
      "/constructor",
      "/?a=b",
      "/a/../b",
      "//",
      `/${"x".repeat(9999)}`,
    ]) {
      await client.send(`40${name},`);
      assert.equal(await client.next(), `44${name},{"message":"Invalid namespace"}`);
    }
    assert.equal(a.accounts.get(id).reason, undefined);
    assert.deepEqual([...a.io._nsps.keys()], ["/"]);
  }),
);

row("rooms of prototypes", (a) =>
  eachTalker(a, async (client) => {
    const { socket } = a.accounts.get(await client.join());
    for (const room of ["__proto__", "constructor", "toString"]) {
      a.io.to(room).emit("hello", "too early");
      socket.join(room);
      assert.ok(socket.rooms.has(room));
      a.io.to(room).emit("hello", room);
      assert.equal(await client.next(), `42["hello","${room}"]`);
      socket.leave(room);
    }
  }),
);

row(
  "attachments out of place",
  ends([
    ["got binary data when not reconstructing a packet", data],
    [
      "got plaintext data when reconstructing a packet",
      `451-["x",${placeholder(0)}]`,
      '42["late"]',
    ],
    [
      "got binary data when not reconstructing a packet",
      `451-["first",${placeholder(0)}]`,
      data,
      data,
    ],
  ]),
);

row(
  "attachment counts",
  ends([
    ["Illegal attachments", '450-["x"]'],
    ["Illegal attachments", '45-["x"]'],
    ["Illegal attachments", '45-1-["x"]'],
    ["Illegal attachments", '451.5-["x"]'],
    ["too many attachments", '4511-["x"]'],
  ]),
);

row("forged acknowledgements", async (a) => {
  const victim = await a.client();
  let answers = 0;
  a.accounts.get(victim.id).socket.emit("question", () => answers++);
  await eachTalker(a, async (client) => {
    await client.join();
    const ids = ["0", "1", "2", "007", "99999999999999999999", "1 ", " "];
    await client.send(...ids.map((id) => `43${id}["forged"]`), '421["echo",1]');
    assert.equal(await client.next(), "431[1]");
  });
  assert.equal(answers, 0);
  assert.ok(victim.connected);
});

row("second CONNECT", ends([[null, "40"]]));

row("two CONNECTs at once", (a) =>
  eachTalker(a, async (client) => {
    const before = a.accounts.size;
    await client.send("40", "40");
    const replies = [];
    // The second one may close the connection, or be ignored.
    for (let text = await client.next(); text; text = await client.next()) {
      if (text === "431[1]") break;
      if (!text.startsWith("40")) continue;
      replies.push(text);
      if (replies.length === 1) await client.send('421["echo",1]');
    }
    assert.ok(replies.length <= 1, `${replies}`);
    assert.ok(a.accounts.size <= before + 1, "one socket at most");
    await client.leave();
    await a.alone();
  }),
);

/** Each of these lists of packets ends its session before the application hears of it. */
const neverBegins = (cases) => async (a) => {
  for (const packets of cases) {
    await eachTalker(a, async (client) => {
      await client.send(...packets);
      for (let text = await client.next(); text !== null; text = await client.next()) {
        assert.match(text, /^0\{|^40\{/, `${packets}`);
      }
    });
  }
  await a.alone();
  const events = [...a.accounts.values()].flatMap((account) => account.events);
  assert.deepEqual(
    events.filter(([name]) => name === "x"),
    [],
  );
};

row("CONNECT with an event behind it", async (a) => {
  if (isOracle) return neverBegins([["40", '42["x"]']])(a);
  // It waits until the namespace has accepted the client.
  await eachTalker(a, async (client) => {
    await client.send("40", '421["echo",1]');
    assert.match(await client.joined(), /^40\{/);
    assert.equal(await client.joined(), "431[1]");
    await client.leave();
  });
});

row("packets before CONNECT", neverBegins([['42["x"]'], ["41"], ['431["x"]']]));

/** A value of that depth is delivered, or its session is closed; nothing else happens. */
const survivesDepth = (depths, packetsOf) => async (a) => {
  for (const depth of depths) {
    const packets = packetsOf("[".repeat(depth) + "]".repeat(depth));
    await eachTalker(a, async (client) => {
      const id = await client.join();
      await client.send(...packets);
      if (client.transport === "websocket") await client.send('421["echo",1]');
      else await client.session.post('421["echo",1]');
      const answer = await client.next();
      if (answer === null) assert.equal((await a.gone(id)).events.length, 0);
      else assert.equal(answer, "431[1]");
      await client.leave();
    });
  }
};

row(
  "nesting in an event",
  survivesDepth([400_000], (nested) => [`42["x",${nested}]`]),
);

row(
  "nesting beside an attachment",
  survivesDepth([20_000], (nested) => [`451-["x",${nested}]`, data]),
);

row("limit of nesting", async (a) => {
  await survivesDepth([1000, 20_000], (nested) => [`42["x",{"deep":${nested}}]`])(a);
  // in the auth of a namespace that there is not
  await eachTalker(a, async (client) => {
    await client.join();
    const nested = "[".repeat(20_000) + "]".repeat(20_000);
    await client.send(`40/none,{"deep":${nested}}`);
    const answer = await client.next();
    if (answer !== null) assert.equal(answer, '44/none,{"message":"Invalid namespace"}');
    await client.leave();
  });
});

row("invalid UTF-8", async (a) => {
  const ws = await a.websocket();
  const id = await ws.join();
  await ws.write(Buffer.concat([frame(1, Buffer.from('42["\xff"]', "latin1")), frame(1, "3")]));
  assert.equal(await ws.closure(), 1007);
  assert.deepEqual((await a.gone(id)).events, []);
  const session = await a.polling();
  const { events } = a.accounts.get(await session.join());
  assert.equal((await session.post(Buffer.from('42["\xff\xc0\xaf"]', "latin1"))).text, "ok");
  await until(() => events.length > 0, "the event arrives");
  assert.deepEqual(events, [["\ufffd\ufffd\ufffd"]]);
});
