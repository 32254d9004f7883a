// A session that ends for a limit: listeners of `disconnect` are told which, with its figure.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, SESSIONS } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { Tcp } from "../support/tcp.mjs";
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

/** Limits on the body of a POST: option, what is sent behind the head, message, description. */
const BODIES = {
  maxBufferedChunks: [
    3,
    ["Transfer-Encoding: chunked\r\n\r\n", "1\r\n4\r\n".repeat(4)],
    ["too many chunks", "maxBufferedChunks is 3"],
  ],
  httpRequestBodyTimeout: [
    100,
    ["Content-Length: 10\r\n\r\n", "4"],
    ["http request timeout", "httpRequestBodyTimeout is 100 ms"],
  ],
};

for (const form of FORMS) {
  for (const [option, [value, pieces, told]] of Object.entries(BODIES)) {
    beyond(`tells the limit behind a body that breaks ${option} (${form})`, async (t) => {
      const { io, port } = await SERVE[form](t, { [option]: value });
      const connecting = once(io, "connection");
      const session = await Polling.open(t, port);
      await session.join();
      const [socket] = await connecting;
      const left = once(socket, "disconnect");
      const tcp = await Tcp.open(t, port);
      tcp.write(`POST ${session.path} HTTP/1.1\r\nHost: x\r\n${pieces.join("")}`);
      const [reason, error] = await left;
      assert.deepEqual([reason, error.message, error.description], ["transport error", ...told]);
    });
  }
}
