// Weak spots of upstream that can be closed without any well-behaved client noticing, and those that
// stay as they are because applications see them.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { row } from "../support/rows.mjs";
import { beyond } from "../support/subject.mjs";
import { eachTalker, isServed } from "../support/talkers.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const MEBIBYTE = 2 ** 20;
/** The growth of a server because of one reader that does not read: at most twice the 80 MiB from
 *  which a flood is bounded, and the garbage of the sender. */
const BOUND = 300 * MEBIBYTE;

row("echo of a nested value", async (a) => {
  for (const depth of [6000, 50_000]) {
    const nested = "[".repeat(depth) + "]".repeat(depth);
    await eachTalker(a, async (client) => {
      const id = await client.join();
      await client.send(`421["echo",${nested}]`);
      const answer = await client.next();
      if (answer === null) await a.gone(id);
      else assert.equal(answer, `431[${nested}]`);
      await client.leave();
    });
  }
});

/** Ways to let the application think about a handshake while its connection is reset. */
const GATES = {
  allowRequest: (gate) => ({
    options: { allowRequest: (req, done) => gate(req).then(() => done(null, true)) },
  }),
  "an engine middleware": (gate) => ({
    prepare: (io) => io.engine.use((req, _res, next) => gate(req).then(() => next())),
  }),
  "id generation": (gate) => ({
    prepare(io) {
      let count = 0;
      io.engine.generateId = async (req) => {
        await gate(req);
        return `id-${++count}`;
      };
    },
  }),
};

row("reset while the application thinks", async (a) => {
  for (const [name, guard] of Object.entries(GATES)) {
    let waiting = 0;
    const { options, prepare } = guard(async (req) => {
      if (!req.headers["x-slow"]) return;
      waiting++;
      await pause(100);
    });
    const b = await a.another(options);
    prepare?.(b.io);
    for (let i = 0; i < 5; i++) {
      const tcp = b.tcp();
      await tcp.write(opening(undefined, { "X-Slow": "1" }));
      await until(() => waiting === i + 1, `${name} has been asked`);
      await tcp.reset();
    }
    await pause(200); // the answers come when nobody is there any more
    await b.stillServes();
    await b.alone();
  }
});

row(
  "recovery twice",
  (a) =>
    eachTalker(a, async (client) => {
      await client.send("40");
      const { sid, pid } = JSON.parse((await client.joined()).slice(2));
      a.io.to(sid).emit("offset");
      const [, offset] = JSON.parse((await client.next()).slice(2));
      if (client.ws) await client.ws.reset();
      else await client.leave();
      await a.gone(sid);
      const auth = JSON.stringify({ pid, offset });
      const first = await a.websocket();
      assert.equal(await first.join("/", auth), sid);
      const second = await a.websocket();
      assert.notEqual(await second.join("/", auth), sid);
    }),
  { options: { connectionStateRecovery: {} } },
);

row("next() twice", async (a) => {
  a.io.use((_socket, next) => {
    next();
    next();
  });
  await eachTalker(a, async (client) => {
    const before = a.accounts.size;
    await client.join();
    await client.send('421["echo",1]');
    assert.equal(await client.next(), "431[1]");
    assert.equal(a.accounts.size, before + 1);
  });
});

row("namespace middleware that throws", async (a, t) => {
  // in a process of its own: it ends, unless the application handles what was thrown
  const handed = a.options.allowRequest === undefined ? "" : "handed";
  const child = spawnChild(t, "throwing-middleware.mjs", [a.form, handed]);
  const { thrown } = await child.message("served", 120_000);
  assert.deepEqual(thrown, ["a middleware", "a middleware"]);
  assert.equal(await child.exit(), 0);
});

row("errors after the 101", async (a) => {
  const tcp = a.tcp();
  await tcp.write(opening("EIO=3&transport=websocket"));
  const answer = await tcp.rest();
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.ok(answer.endsWith("Unsupported protocol version"), answer);
});

row("frames behind a handshake", async (a) => {
  const ws = await a.websocket({ extra: [frame(1, "40"), frame(9, "p")] });
  const texts = [await ws.nextText(), await ws.nextText()];
  assert.match(texts[0], /^0\{/);
  assert.match(texts[1], /^40\{"sid":/);
  await ws.sendText('421["echo",1]');
  assert.equal(await ws.nextText(), "431[1]");
});

row("upgrade of a WebSocket session", async (a) => {
  const first = await a.websocket();
  const sid = JSON.parse((await first.nextText()).slice(1)).sid;
  const id = await first.join();
  const second = a.tcp();
  const upgrade = { query: `EIO=4&transport=websocket&sid=${sid}` };
  const refused = await second.upgrade(upgrade).catch((error) => error);
  let serving = first;
  if (refused === undefined) {
    await second.sendText("2probe", "5");
    // moved, as upstream does it, or closed
    if ((await second.nextText()) === "3probe") serving = second;
  }
  await serving.sendText('421["echo",1]');
  assert.equal(await serving.nextText(), "431[1]");
  assert.equal(a.accounts.get(id).reason, undefined);
  assert.equal(a.io.engine.clientsCount, 2);
  for (const one of [first, second]) one.destroy();
  await a.gone(id);
  await a.alone();
});

row(
  "emit after a disconnect",
  (a) =>
    eachTalker(a, async (client) => {
      const id = await client.join("/other");
      const { socket } = a.accounts.get(id);
      await client.join();
      socket.disconnect();
      socket.emit("late");
      socket.emit("late", (_error) => {});
      assert.equal((await a.gone(id)).reason, "server namespace disconnect");
      const seen = [];
      await client.send('4277["echo","there?"]');
      for (let text = await client.next(); text !== '4377["there?"]'; text = await client.next()) {
        assert.notEqual(text, null, "the session has ended");
        seen.push(text);
      }
      // upstream writes events of a socket that has left; no more than these may be there
      assert.equal(seen[0], "41/other,");
      for (const text of seen.slice(1)) assert.match(text, /^42\/other,\d*\["late"\]$/);
      await isServed(client);
    }),
  { namespaces: ["/", "/other"] },
);

/** A parser that checks nothing, as that of MessagePack: JSON of whole packets. */
class Encoder {
  encode(packet) {
    return [JSON.stringify(packet)];
  }
}
class Decoder extends EventEmitter {
  add(text) {
    this.emit("decoded", JSON.parse(text));
  }
  destroy() {}
}
const parser = { Encoder, Decoder, protocol: 5 };

row(
  "event names of another parser",
  (a) =>
    eachTalker(a, async (client) => {
      for (const name of ["disconnect", "disconnecting", "connect", "newListener"]) {
        const known = new Set(a.accounts.keys());
        const one = client.ws ? await a.websocket() : await a.polling();
        const send = (text) => (client.ws ? one.sendText(text) : one.post(text));
        await send('4{"type":0,"nsp":"/"}');
        const id = await until(
          () => [...a.accounts.keys()].find((key) => !known.has(key)),
          "a socket",
        );
        const { socket, events } = a.accounts.get(id);
        const heard = [];
        socket.on(name, (...args) => heard.push(args));
        heard.length = 0; // of "newListener" itself
        await send(`4{"type":2,"nsp":"/","data":["${name}","spoofed"]}`);
        // the end is for a poll
        while (!client.ws && a.accounts.get(id).reason === undefined) await one.get();
        await a.gone(id);
        assert.deepEqual(
          heard.filter((args) => args.includes("spoofed")),
          [],
        );
        assert.deepEqual(events, []);
      }
    }),
  { options: { parser }, clients: { parser } },
);

row("repeated id", async (a) => {
  a.io.engine.generateId = () => "the-one-and-only";
  const first = await a.websocket();
  await first.join();
  await a.websocket().catch(() => {});
  await a.request("/socket.io/?EIO=4&transport=polling");
  await first.sendText('421["echo",1]');
  assert.equal(await first.nextText(), "431[1]");
  assert.equal(a.io.engine.clientsCount, 2);
  await first.reset();
  await a.alone();
  delete a.io.engine.generateId;
});

row("allowRequest after the handshake", async (a) => {
  let asked = 0;
  let allowed = true;
  const b = await a.another({
    allowRequest(_req, done) {
      asked++;
      done(null, allowed);
    },
  });
  const session = await b.polling();
  const before = asked;
  allowed = false;
  await assert.rejects(b.polling(), /Forbidden|no handshake/);
  await session.join();
  await session.post('421["echo",1]');
  assert.equal(await session.next(), "431[1]");
  assert.equal(asked, before + 1);
  allowed = true;
  await b.stillServes();
});

/** Lets the application write line breaks into the headers of answers to requests with `X-Evil`. */
row("line breaks of the application", async (a) => {
  const evil = (headers, req) => {
    if (req.headers["x-evil"]) headers["X-A"] = "1\r\nX-Injected: 2";
  };
  a.io.engine.on("initial_headers", evil);
  const headers = { "X-Evil": "1" };
  const tcp = a.tcp();
  await tcp.write(opening(undefined, headers));
  const upgraded = await tcp.head();
  assert.doesNotMatch(upgraded ?? "", /^X-Injected/im);
  const polled = await a.request("/socket.io/?EIO=4&transport=polling", { headers });
  assert.equal(polled.headers["x-injected"], undefined);
});

for (const form of FORMS) {
  for (const transport of ["websocket", "polling"]) {
    beyond(`a ${transport} client that does not read costs bounded memory (${form})`, async (t) => {
      const child = spawnChild(t, "slow-reader.mjs", [form, transport]);
      const { grown } = await child.message("grown");
      assert.ok(grown < BOUND, `grown by ${Math.round(grown / MEBIBYTE)} MiB`);
      assert.equal(await child.exit(), 0);
    });
  }
}
