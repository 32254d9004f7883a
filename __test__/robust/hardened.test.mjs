// Weak spots of upstream that can be closed without any well-behaved client noticing.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { arena } from "../support/arena.mjs";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { beyond } from "../support/subject.mjs";
import { frame, opening } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const MEBIBYTE = 2 ** 20;
/** The growth of a server because of one reader that does not read: at most twice the 80 MiB from
 *  which a flood is bounded, and the garbage of the sender. */
const BOUND = 300 * MEBIBYTE;

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

beyond("a cookie that cannot be written never leaves a handshake unanswered", async (t) => {
  const options = { cookie: { name: "bad name;" } };
  // Refusing the option when the server is made is as good as answering.
  const a = await arena(t, { options }).catch((error) => assert.ok(error instanceof TypeError));
  await a?.polling().catch(() => {});
  await a?.stillServes();
});

for (const form of FORMS) {
  const promise = (name, body, settings) =>
    beyond(`${name} (${form})`, async (t) => {
      const a = await arena(t, { form, ...settings });
      await body(a, t);
      await a.stillServes();
    });

  for (const [name, guard] of Object.entries(GATES)) {
    beyond(`a reset while ${name} waits costs nobody anything (${form})`, async (t) => {
      let waiting = 0;
      const slow = async (req) => {
        if (!req.headers["x-slow"]) return;
        waiting++;
        await pause(100);
      };
      const { options, prepare } = guard(slow);
      const a = await arena(t, { form, options });
      prepare?.(a.io);
      for (let i = 0; i < 5; i++) {
        const tcp = a.tcp();
        await tcp.write(opening(undefined, { "X-Slow": "1" }));
        await until(() => waiting === i + 1, "the application has been asked");
        await tcp.reset();
      }
      await pause(200); // the answers come when nobody is there any more
      await a.stillServes();
      await a.alone();
    });
  }

  promise("frames in the segment of a direct handshake are kept", async (a) => {
    const ws = await a.websocket({ extra: [frame(1, "40"), frame(9, "p")] });
    const texts = [await ws.nextText(), await ws.nextText()];
    assert.match(texts[0], /^0\{/);
    assert.match(texts[1], /^40\{"sid":/);
    await ws.sendText('421["echo",1]');
    assert.equal(await ws.nextText(), "431[1]");
  });

  promise("two CONNECTs back to back give one socket at most", async (a) => {
    const ws = await a.websocket();
    await ws.sendText("40", "40");
    const replies = [];
    // The second one may close the connection, or be ignored.
    for (let text = await ws.nextText(); text; text = await ws.nextText()) {
      if (text === "431[1]") break;
      if (!text.startsWith("40")) continue;
      replies.push(text);
      if (replies.length === 1) await ws.sendText('421["echo",1]');
    }
    assert.ok(replies.length <= 1, `${replies}`);
    assert.ok(a.accounts.size <= 2, "the bystander and one socket");
    ws.destroy();
    await a.alone();
  });

  promise("a middleware that says next() twice connects once", async (a) => {
    a.io.use((_socket, next) => {
      next();
      next();
    });
    const ws = await a.websocket();
    await ws.join();
    await ws.sendText('421["echo",1]');
    assert.equal(await ws.nextText(), "431[1]");
    assert.equal(a.accounts.size, 2);
  });

  promise("sockets that wait for a middleware go with their connection", async (a) => {
    let asked = 0;
    a.io.use((socket, next) => (socket.handshake.auth.wait ? asked++ : next()));
    for (let i = 0; i < 5; i++) {
      const ws = await a.websocket();
      await ws.sendText('40{"wait":true}');
      await until(() => asked === i + 1, "the middleware has been asked");
      await ws.reset();
    }
    await a.alone();
    await until(() => a.io.sockets._preConnectSockets.size === 0, "nobody waits any more");
  });

  promise("protocol 3 is refused before the 101", async (a) => {
    const tcp = a.tcp();
    await tcp.write(opening("EIO=3&transport=websocket"));
    const answer = await tcp.rest();
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.ok(answer.endsWith("Unsupported protocol version"), answer);
  });

  promise("a repeated id never takes over a session", async (a) => {
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

  promise("line breaks in a header of the application are not written", async (a) => {
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

  promise(
    "a recovered session can be recovered once",
    async (a) => {
      const ws = await a.websocket();
      await ws.sendText("40");
      await ws.nextText();
      const { sid, pid } = JSON.parse((await ws.nextText()).slice(2));
      a.io.to(sid).emit("offset");
      const [, offset] = JSON.parse((await ws.nextText()).slice(2));
      await ws.reset();
      await a.gone(sid);
      const auth = JSON.stringify({ pid, offset });
      const first = await a.websocket();
      assert.equal(await first.join("/", auth), sid);
      const second = await a.websocket();
      assert.notEqual(await second.join("/", auth), sid);
    },
    { options: { connectionStateRecovery: {} } },
  );

  for (const transport of ["websocket", "polling"]) {
    beyond(`a ${transport} client that does not read costs bounded memory (${form})`, async (t) => {
      const child = spawnChild(t, "slow-reader.mjs", [form, transport]);
      const { grown } = await child.message("grown");
      assert.ok(grown < BOUND, `grown by ${Math.round(grown / MEBIBYTE)} MiB`);
      assert.equal(await child.exit(), 0);
    });
  }
}
