// Upgrade requests for a path that nobody serves, and clients that leave: the connections end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORMS, startServer } from "../support/forms.mjs";
import { closeServer } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { opening, Tcp } from "../support/tcp.mjs";
import { defer, once, until } from "../support/wait.mjs";

const FOREIGN = opening("EIO=4&transport=websocket", {}, "/elsewhere");

/** A server that gives nobody's upgrade requests up soon, and the number of its connections. */
async function scene(t, form) {
  const io = await startServer(form, { destroyUpgradeTimeout: 50 });
  defer(t, () => closeServer(io));
  const { httpServer } = io;
  const { port } = httpServer.address();
  return {
    httpServer,
    /** A connection whose request the server has received. */
    async asked() {
      const upgrade = once(httpServer, "upgrade");
      const tcp = Tcp.connect(t, port, { allowHalfOpen: true });
      await tcp.write(FOREIGN);
      await upgrade;
      return tcp;
    },
    nobodyIsLeft: () =>
      until(async () => {
        const count = await new Promise((resolve) =>
          httpServer.getConnections((_error, count) => resolve(count)),
        );
        return count === 0;
      }, "all connections have ended"),
  };
}

for (const form of FORMS) {
  test(`ends a connection that is reset after its upgrade request (${form})`, async (t) => {
    const s = await scene(t, form);
    for (let i = 0; i < 20; i++) await (await s.asked()).reset();
    await s.nobodyIsLeft();
  });

  beyond(`ends a connection that is reset behind bytes nobody reads (${form})`, async (t) => {
    const s = await scene(t, form);
    for (let i = 0; i < 20; i++) {
      const tcp = await s.asked();
      await tcp.write("abc");
      await tcp.reset();
    }
    await s.nobodyIsLeft();
  });

  beyond(`ends a connection whose client ends behind bytes nobody reads (${form})`, async (t) => {
    const s = await scene(t, form);
    for (let i = 0; i < 20; i++) (await s.asked()).socket.end("abc");
    await s.nobodyIsLeft();
  });

  test(`leaves the bytes of an upgraded connection to who reads them (${form})`, async (t) => {
    const s = await scene(t, form);
    const heard = [];
    s.httpServer.on("upgrade", (_req, socket) => {
      socket.on("data", (chunk) => heard.push(chunk.toString()));
    });
    const tcp = await s.asked();
    await tcp.rest(); // given up: nobody has answered
    tcp.socket.end("abc");
    await s.nobodyIsLeft();
    assert.equal(heard.join(""), "abc");
  });
}
