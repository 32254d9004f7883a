// Packets of many clients wait for attachments: the one that takes most is refused.
import assert from "node:assert/strict";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";

const ATTACHMENT = Buffer.alloc(900_000, 7);
const HEADER =
  '53-["parts",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]';
const REFUSED = "too many bytes of attachments are waiting";

for (const form of FORMS) {
  const tests = (title, fn) =>
    beyond(`${title} (${form})`, async (t) => {
      const native = { maxAttachmentBytesOfAll: 2_500_000 };
      const { io, port } = await SERVE[form](t, { native });
      const errors = new Map();
      const heard = [];
      io.on("connection", (socket) => {
        socket.on("error", (error) => errors.set(socket.id, error.message));
        socket.on("parts", (...parts) => heard.push(parts));
      });
      // Holds one attachment: less than the others are going to.
      const modest = await Ws.open(t, port);
      await modest.join();
      await modest.send(`4${HEADER}`, ATTACHMENT);
      await fn(t, { io, port, errors });
      await modest.send(ATTACHMENT, ATTACHMENT);
      await until(() => heard.length === 1, "the packet of another client is complete");
      assert.deepEqual(
        heard[0].map((part) => part.length),
        [900_000, 900_000, 900_000],
      );
      assert.equal(io.engine.clientsCount, 1);
    });

  tests("refuses the packet of which most attachments wait", async (t, { io, port, errors }) => {
    const greedy = await Ws.open(t, port);
    const accepted = once(io, "connection");
    await greedy.join();
    const [socket] = await accepted;
    const ended = once(socket, "disconnect");
    await greedy.send(`4${HEADER}`, ATTACHMENT, ATTACHMENT);
    assert.equal((await ended)[0], "forced close");
    assert.deepEqual([...errors], [[socket.id, REFUSED]]);
    await greedy.closed;
  });

  tests(
    "closes a client that sends attachments before it has joined",
    async (t, { port, errors }) => {
      const greedy = await Ws.open(t, port);
      await greedy.send(`4${HEADER}`, ATTACHMENT, ATTACHMENT);
      await greedy.closed;
      assert.equal(errors.size, 0);
    },
  );

  tests("refuses attachments that were posted", async (t, { io, port, errors }) => {
    const greedy = await Polling.open(t, port);
    const accepted = once(io, "connection");
    await greedy.join();
    const [socket] = await accepted;
    const ended = once(socket, "disconnect");
    const bytes = `b${ATTACHMENT.subarray(0, 700_000).toString("base64")}`;
    await greedy.send(`4${HEADER.replace("53-", "59-")}`);
    // The last of them finds the session closed, or closes it.
    for (let i = 0; i < 3; i++) await greedy.post(bytes);
    // It would wait half a minute for a poll that could tell the client.
    await greedy.get();
    assert.equal((await ended)[0], "forced close");
    assert.deepEqual([...errors], [[socket.id, REFUSED]]);
  });
}
