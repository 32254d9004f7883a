// Limits on namespaces and attachments: native.maxNamespaces and native.maxAttachments.
import assert from "node:assert/strict";
import { client, connected, join } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { SESSIONS, Ws } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { Wt } from "../support/webtransport.mjs";

const TOO_MANY = '{"message":"too many namespaces"}';

for (const form of FORMS) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    const name = `${transport}, ${form}`;

    beyond(`refuses a namespace beyond maxNamespaces [${name}]`, async (t) => {
      const { io, port } = await SERVE[form](t, { native: { maxNamespaces: 2 } });
      for (const nsp of ["/", "/a", "/b"]) io.of(nsp);
      const session = await kind.open(t, port);
      await session.join();
      await session.join("/a");
      await session.send("40/b,");
      assert.equal(await session.next(), `44/b,${TOO_MANY}`);
      assert.equal(io.of("/b").sockets.size, 0);
      // The others go on, and a place that is left is free.
      await session.send("41/a,");
      await session.join("/b");
      await session.send("40/a,");
      assert.equal(await session.next(), `44/a,${TOO_MANY}`);
      const other = await kind.open(t, port);
      await other.join("/a");
    });
  }
}

beyond("refuses a namespace before middlewares and before it is made", async (t) => {
  const { io, port } = await serve(t, { native: { maxNamespaces: 1 } });
  let asked = 0;
  const middleware = (_socket, next) => {
    asked++;
    next();
  };
  io.of("/named").use(middleware);
  io.of((_name, _auth, next) => {
    asked++;
    next(null, true);
  });
  io.of(/^\/dynamic-\d+$/).use(middleware);
  const before = io._nsps.size;
  const session = await Ws.open(t, port);
  await session.join();
  for (const nsp of ["/named", "/anything", "/dynamic-1"]) {
    await session.send(`40${nsp},`);
    assert.equal(await session.next(), `44${nsp},${TOO_MANY}`);
  }
  assert.equal(asked, 0);
  assert.equal(io._nsps.size, before);
});

beyond("counts a namespace that is being joined", async (t) => {
  const { io, port } = await serve(t, { native: { maxNamespaces: 1 } });
  const waiting = [];
  io.use((_socket, next) => waiting.push(next));
  io.of("/a");
  const session = await Ws.open(t, port);
  await session.send("40");
  await until(() => waiting.length === 1, "the middleware is asked");
  await session.send("40/a,");
  assert.equal(await session.next(), `44/a,${TOO_MANY}`);
  // To ask again for the same one gives way to the new attempt.
  await session.send("40");
  await until(() => waiting.length === 2, "the middleware is asked again");
  waiting[1](new Error("no"));
  assert.equal(await session.next(), '44{"message":"no"}');
  await session.join("/a");
});

beyond("frees the place of a namespace whose socket the server disconnects", async (t) => {
  const { io, port } = await serve(t, { native: { maxNamespaces: 1 } });
  io.of("/a");
  const accepted = once(io, "connection");
  const session = await Ws.open(t, port);
  await session.join();
  const [socket] = await accepted;
  socket.disconnect();
  assert.equal(await session.next(), "41");
  await session.join("/a");
});

beyond("counts maxNamespaces that is set while the server runs", async (t) => {
  const { io, port } = await serve(t);
  for (const nsp of ["/a", "/b"]) io.of(nsp);
  const session = await Ws.open(t, port);
  await session.join();
  io.engine.opts.native = { maxNamespaces: 1 };
  await session.send("40/a,");
  assert.equal(await session.next(), `44/a,${TOO_MANY}`);
  io.engine.opts.native = undefined;
  await session.join("/b");
});

beyond("tells a client of socket.io-client why it may not join", async (t) => {
  const { io, port } = await serve(t, { native: { maxNamespaces: 1 } });
  io.of("/a");
  const { client: main } = await join(t, io, port);
  const second = main.io.socket("/a");
  const [error] = await once(second.connect(), "connect_error");
  assert.equal(error.message, "too many namespaces");
  assert.equal(main.connected, true);
});

beyond("tells a client of protocol 3 in its form", async (t) => {
  const { io, port } = await serve(t, { allowEIO3: true, native: { maxNamespaces: 1 } });
  io.of("/a");
  const session = await Ws.open(t, port, { eio: 3 });
  assert.equal(await session.next(), "40");
  await session.send("40/a,");
  assert.equal(await session.next(), '44/a,"too many namespaces"');
});

/** The text and the attachments of a packet with `count` attachments. */
function packet(count) {
  const nums = Array.from({ length: count }, (_, num) => num);
  const places = nums.map((num) => `{"_placeholder":true,"num":${num}}`);
  return [`45${count}-["n",${places}]`, ...nums.map((num) => Buffer.of(num))];
}

const OPEN = {
  ...SESSIONS,
  webtransport: { open: (t, _port, { io }) => Wt.open(t, io.engine) },
};

for (const form of FORMS) {
  for (const [transport, kind] of Object.entries(OPEN)) {
    for (const seen of [false, true]) {
      const name = `${transport}, ${form}${seen ? ", seen by listeners" : ""}`;

      beyond(`takes as many attachments as maxAttachments says [${name}]`, async (t) => {
        const { io, port } = await SERVE[form](t, { native: { maxAttachments: 12 } });
        if (seen) io.engine.on("connection", (conn) => conn.on("packet", () => {}));
        const heard = [];
        const errors = [];
        const reasons = [];
        io.on("connection", (socket) => {
          socket.on("n", (...args) => heard.push(args));
          socket.on("error", ({ message }) => errors.push(message));
          socket.on("disconnect", (reason) => reasons.push(reason));
        });
        const session = await kind.open(t, port, { io });
        await session.join();
        await session.send(...packet(12));
        await until(() => heard.length === 1, "it is heard");
        assert.equal(heard[0].length, 12);
        assert.deepEqual(heard[0][11], Buffer.of(11));
        await session.send(packet(13)[0]);
        if (transport === "polling") await session.get();
        await until(() => reasons.length === 1, "the session has ended");
        assert.deepEqual(errors, ["too many attachments"]);
        assert.deepEqual(reasons, ["forced close"]);
      });
    }
  }

  beyond(`lowers maxAttachments while the server runs (${form})`, async (t) => {
    const { io, port } = await SERVE[form](t);
    const { socket, client: one } = await join(t, io, port);
    const heard = once(socket, "n");
    one.emit("n", ...Array.from({ length: 10 }, (_, n) => Buffer.of(n)));
    assert.equal((await heard).length, 10);
    io.engine.opts.native = { maxAttachments: 1 };
    const left = once(socket, "disconnect");
    const again = client(t, port);
    await connected(again);
    again.emit("n", Buffer.of(1));
    one.emit("n", Buffer.of(1), Buffer.of(2));
    await left;
    assert.equal(again.connected, true);
  });
}
