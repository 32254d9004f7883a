// transports: on which a session may begin.
import assert from "node:assert/strict";
import { client, connected } from "../support/clients.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { exchange, opening } from "../support/tcp.mjs";
import { eachServer, POLLING } from "./support.mjs";

const UNKNOWN = '{"code":0,"message":"Transport unknown"}';

// option → does polling begin, does a websocket, upgrades of polling
const CASES = [
  [["polling", "websocket"], true, true, ["websocket"]],
  [["websocket", "polling"], true, true, ["websocket"]],
  [["polling"], true, false, []],
  [["websocket"], false, true],
  [[], false, false],
  [["polling", "websocket", "webtransport"], true, true, ["websocket", "webtransport"]],
  [["polling", "carrier pigeon"], true, false, []],
  // whatever has an indexOf
  ["polling websocket", true, true, ["websocket"]],
];
for (const [transports, polling, websocket, upgrades] of CASES) {
  eachServer(`transports: ${JSON.stringify(transports)}`, async (t, start) => {
    const { port } = await start({ transports });
    if (polling) {
      const session = await Polling.open(t, port);
      assert.deepEqual(session.handshake.upgrades, upgrades);
    } else {
      const { status, text } = await request(port, POLLING);
      assert.deepEqual([status, text], [400, UNKNOWN]);
    }
    if (websocket) {
      await (await Ws.open(t, port)).join();
      return;
    }
    // no listener for upgrades: Node takes it for a request
    const answer = await exchange(t, port, opening(undefined, { Connection: "close, Upgrade" }));
    assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/json\r\n/);
    assert.ok(answer.includes(UNKNOWN));
  });
}

eachServer("webtransport is nothing that a request can begin on", async (t, start) => {
  const { port } = await start({ transports: ["polling", "websocket", "webtransport"] });
  const { status, text } = await request(port, "/socket.io/?EIO=4&transport=webtransport");
  assert.deepEqual([status, text], [400, UNKNOWN]);
  const query = "EIO=4&transport=webtransport";
  assert.match(await exchange(t, port, opening(query)), /\r\n\r\nTransport unknown$/);
});

for (const transport of ["", "constructor", "__proto__", "toString", "length", "Polling"]) {
  eachServer(`transport=${transport} is unknown`, async (t, start) => {
    const { port } = await start();
    const { status, text } = await request(port, `/socket.io/?EIO=4&transport=${transport}`);
    assert.deepEqual([status, text], [400, UNKNOWN]);
    const query = `EIO=4&transport=${transport}`;
    assert.match(await exchange(t, port, opening(query)), /\r\n\r\nTransport unknown$/);
  });
}

eachServer("a polling client of a server without websockets stays on polling", async (t, start) => {
  const { io, port } = await start({ transports: ["polling"] });
  const one = client(t, port, { transports: ["polling", "websocket"] });
  await connected(one);
  const [socket] = io.sockets.sockets.values();
  one.on("ask", (answer) => answer("here"));
  assert.equal(await socket.emitWithAck("ask"), "here");
  assert.equal(socket.conn.transport.name, "polling");
  assert.equal(socket.conn.upgraded, false);
});
