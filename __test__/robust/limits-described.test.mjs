// A session that ends for a limit: listeners of `disconnect` are told which, with its figure.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, SESSIONS } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const nested = (depth) => `42["echo",${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}]`;

/** Limits by what goes beyond: options, what is sent, message, description; WebSocket's, if it differs. */
const LIMITS = {
  "too many attachments": [
    { native: { maxAttachments: 2 } },
    ['453-["a"]'],
    ["too many attachments", "native.maxAttachments is 2"],
  ],
  "data that is nested too deeply": [
    { native: { maxDepth: 20 } },
    [nested(21)],
    ["data is nested too deeply", "native.maxDepth is 20"],
  ],
  "data that is nested too deeply by default": [
    {},
    [nested(1001)],
    ["data is nested too deeply", "native.maxDepth is 1000"],
  ],
  "too much for a namespace that is being joined": [
    { native: { maxPendingBytes: 2000 } },
    ["40/slow,", `42/slow,["${"x".repeat(3000)}"]`],
    ["too many bytes for a namespace that is being joined", "native.maxPendingBytes is 2000"],
  ],
  "a message that is too large": [
    { maxHttpBufferSize: 100 },
    [`42["${"x".repeat(100)}"]`],
    ["payload too large", "maxHttpBufferSize is 100 bytes"],
    ["RangeError: Max payload size exceeded", "maxHttpBufferSize is 100 bytes"],
  ],
};

for (const form of FORMS) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    for (const [what, [options, packets, told, overWebSocket]] of Object.entries(LIMITS)) {
      beyond(`tells the limit behind ${what} (${form}, ${transport})`, async (t) => {
        const { io, port } = await SERVE[form](t, options);
        io.of("/slow").use(() => {});
        const connecting = once(io, "connection");
        const session = await kind.open(t, port);
        await session.join();
        const [socket] = await connecting;
        const left = once(socket, "disconnect");
        // without a poll, the end of a polling session waits for one
        if (session instanceof Polling) session.get().catch(() => {});
        await session.send(...packets).catch(() => {});
        const [, error] = await left;
        const expected = transport === "websocket" && overWebSocket ? overWebSocket : told;
        assert.deepEqual([error.message, error.description], expected);
      });
    }

    beyond(`an echo of data as deep as allowed does no harm (${form}, ${transport})`, async (t) => {
      const { io, port } = await SERVE[form](t);
      io.on("connection", (socket) => {
        socket.on("echo", (data) => socket.emit("echo", JSON.parse(JSON.stringify(data))));
      });
      const session = await kind.open(t, port);
      await session.join();
      // brackets in texts are no depth
      await session.send(`42["echo",["${"[".repeat(5000)}"]]`, nested(1000));
      await session.next();
      assert.equal(await session.next(), nested(1000));
    });

    beyond(
      `data that is too deep is refused where packets are watched (${form}, ${transport})`,
      async (t) => {
        const { io, port } = await SERVE[form](t, { native: { maxDepth: 20 } });
        io.engine.on("connection", (conn) => conn.on("packet", () => {}));
        const heard = [];
        io.on("connection", (socket) => socket.on("echo", (data) => heard.push(data)));
        const connecting = once(io, "connection");
        const session = await kind.open(t, port);
        await session.join();
        const [socket] = await connecting;
        const failed = once(socket, "error");
        await session.send(nested(20), nested(21)).catch(() => {});
        const [error] = await failed;
        assert.equal(error.message, "data is nested too deeply");
        assert.equal(io.engine.metrics().bounds.depth, 1);
      },
    );
  }
}
