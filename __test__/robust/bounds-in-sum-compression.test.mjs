// The contexts of compression that all connections keep have a bound: further ones share some.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { until } from "../support/wait.mjs";

const OWN = "permessage-deflate";
const SHARED = `${OWN}; server_no_context_takeover; client_no_context_takeover`;
const LARGE = "the same again and again ".repeat(4000);

/** A session with compression: its answer, and `echo()`. */
async function compressed(t, port) {
  const session = await Ws.open(t, port, { perMessageDeflate: true });
  await session.join();
  const { headers } = session.response;
  const echo = async (id) => {
    await session.send(`42${id}${JSON.stringify(["echo", LARGE])}`);
    assert.equal(await session.next(), `43${id}${JSON.stringify([LARGE])}`);
  };
  return { ws: session.ws, answer: headers["sec-websocket-extensions"], echo };
}

for (const form of FORMS) {
  const tests = (title, maxCompressionContexts, fn) =>
    beyond(`${title} (${form})`, async (t) => {
      const options = { perMessageDeflate: true, native: { maxCompressionContexts } };
      const { io, port } = await SERVE[form](t, options);
      io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
      await fn(t, port, io);
    });

  tests("connections beyond the bound keep no context, and are served", 4, async (t, port, io) => {
    const sessions = [];
    for (let i = 0; i < 4; i++) sessions.push(await compressed(t, port));
    assert.deepEqual(
      sessions.map(({ answer }) => answer),
      [OWN, OWN, SHARED, SHARED],
    );
    for (let id = 1; id <= 3; id++) {
      await Promise.all(sessions.map(({ echo }) => echo(id)));
    }
    sessions[0].ws.terminate();
    await until(() => io.engine.clientsCount === 3, "the first one has left");
    // Its contexts are free as soon as its connection is gone.
    let next;
    await until(async () => {
      next = await compressed(t, port);
      return next.answer === OWN;
    }, "another one may keep contexts");
    await next.echo(1);
  });

  tests("without any context all connections share those of the thread", 0, async (t, port) => {
    const sessions = [await compressed(t, port), await compressed(t, port)];
    assert.deepEqual(
      sessions.map(({ answer }) => answer),
      [SHARED, SHARED],
    );
    for (let id = 1; id <= 3; id++) await Promise.all(sessions.map(({ echo }) => echo(id)));
  });
}
