// Listeners that throw: the process hears of it as it would of any emitter, and the server goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { SESSIONS } from "../support/raw.mjs";
import { differs, isOracle } from "../support/subject.mjs";

/** One test per form and transport, with a server in a process of its own and a joined client. */
function eachServer(title, fn) {
  for (const form of FORMS) {
    for (const [transport, kind] of Object.entries(SESSIONS)) {
      test(`${title}, ${transport} [${form}]`, async (t) => {
        const child = spawnChild(t, "throwing.mjs", [form], "features");
        const { port } = await child.message("listening");
        const open = () => kind.open(t, port);
        const session = await open();
        await session.join();
        const report = async () => {
          child.send("report");
          const { seen, thrown } = await child.message("report");
          return { seen, thrown };
        };
        await fn({ session, open, report });
      });
    }
  }
}

/** The session is served: what it sent before has been dispatched. */
async function echoes(session) {
  await session.send('429["echo","x"]');
  assert.equal(await session.next(), '439["x"]');
}

const uncaught = (message) => [["uncaughtException", message]];
const unhandled = (message) => [["unhandledRejection", message]];

// [event, what the process is told, what was called all the same]
const EVENTS = [
  ["listener", uncaught("a listener"), []],
  ["async", unhandled("an async listener"), []],
  ["middleware", uncaught("a middleware"), []],
  ["refused", uncaught("on a refusal"), []],
  ["any", uncaught("a catch-all"), []],
];

eachServer(
  "a listener of an event throws: the process hears it, others are served",
  async ({ session, report }) => {
    for (const [event, thrown, seen] of EVENTS) {
      await session.send(`42["${event}"]`);
      await echoes(session);
      assert.deepEqual(await report(), { thrown, seen }, event);
    }
    // those behind it in the same payload, or right behind, are not lost
    await session.send('42["listener"]', '428["echo",1]', '42["any"]', '427["echo",2]');
    assert.equal(await session.next(), "438[1]");
    assert.equal(await session.next(), "437[2]");
    const { thrown } = await report();
    assert.deepEqual(thrown.map(([, message]) => message).sort(), ["a catch-all", "a listener"]);
  },
);

eachServer(
  "an acknowledgement throws: the process hears it, others are served",
  async ({ session, report }) => {
    await session.send('42["ask"]');
    assert.equal(await session.next(), '420["question"]');
    await session.send("430[]");
    await echoes(session);
    assert.deepEqual((await report()).thrown, uncaught("an acknowledgement"));
    await session.send('425["ask in vain"]');
    assert.equal(await session.next(), '421["question"]');
    assert.equal(await session.next(), "435[]");
    await echoes(session);
    assert.deepEqual((await report()).thrown, uncaught("a time-out"));
  },
);

eachServer("in an outgoing catch-all: at who emits", async ({ session, report }) => {
  await session.send('424["outgoing"]');
  const message = '"an outgoing catch-all"';
  assert.equal(await session.next(), `434[[${message},${message}]]`);
  assert.deepEqual((await report()).thrown, []);
});

eachServer("in a namespace's middleware: no answer", async ({ session, report }) => {
  await session.send("40/sync,");
  await echoes(session);
  assert.deepEqual((await report()).thrown, unhandled("a guard"));
});

eachServer("in an async middleware of a namespace: a refusal", async ({ session, report }) => {
  await session.send("40/async,");
  if (!isOracle) assert.equal(await session.next(), '44/async,{"message":"an async guard"}');
  await echoes(session);
  // Upstream gives no answer.
  assert.deepEqual((await report()).thrown, differs(unhandled("an async guard"), []));
});

eachServer("in a namespace's middleware: the client may ask again", async (server) => {
  const { session, report } = server;
  for (const [name, thrown] of [
    ["sync", unhandled("a guard")],
    ["async", differs(unhandled("an async guard"), [])],
    // neither thrown nor ever finished
    ["silent", []],
  ]) {
    await session.send(`40/${name}-once,`);
    if (name === "async" && !isOracle) assert.match(await session.next(), /^44/);
    await echoes(session);
    assert.deepEqual((await report()).thrown, thrown);
    await session.send(`40/${name}-once,`);
    assert.match(await session.next(), new RegExp(`^40/${name}-once,\\{"sid":`));
    await echoes(session);
  }
});

eachServer("a refusal that cannot be encoded: no answer", async ({ session, report }) => {
  await session.send("40/circular,");
  await echoes(session);
  const [[event, message], ...more] = (await report()).thrown;
  assert.equal(event, "uncaughtException");
  assert.match(message, /^Converting circular structure to JSON/);
  assert.deepEqual(more, []);
});

eachServer("in a connection listener: the client is in", async ({ session, report }) => {
  await session.join("/connection");
  await echoes(session);
  assert.deepEqual((await report()).thrown, uncaught("a connection listener"));
});

eachServer("at a disconnection: it is complete", async ({ session, open, report }) => {
  await session.send("41");
  const second = await open();
  await second.join();
  await echoes(second);
  assert.deepEqual((await report()).thrown, uncaught("disconnect"));
  // the connection may join again
  await session.join();
  await echoes(session);
});
