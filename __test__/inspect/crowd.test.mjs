// The page `socket.io-native/inspect` with 10,000 sessions and more rooms: answers stay small.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import net from "node:net";
import { beyond } from "../support/subject.mjs";
import { defer, until } from "../support/wait.mjs";
import { query, served } from "./support.mjs";

const { list } = createRequire(import.meta.url)("../../dist/inspect/connections.js");

const SESSIONS = 10_000;
const OPEN = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n";
const join = (sid) =>
  `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n40`;

/** Opens sessions over polling, all on one connection: they need no other until they are polled. */
async function crowd(t, port, count) {
  const socket = net.connect(port, "127.0.0.1").setEncoding("latin1").setNoDelay();
  defer(t, () => socket.destroy());
  let opened = 0;
  let rest = "";
  const PIPELINED = 50;
  socket.write(OPEN.repeat(PIPELINED));
  let asked = PIPELINED;
  await new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
    socket.on("data", (chunk) => {
      rest += chunk;
      for (const [, sid] of rest.matchAll(/"sid":"([\w-]+)"/g)) {
        opened++;
        socket.write(join(sid));
        if (asked < count) {
          asked++;
          socket.write(OPEN);
        }
      }
      rest = rest.slice(rest.lastIndexOf("}") + 1);
      if (opened === count) resolve();
    });
  });
}

beyond("with 10,000 sessions and rooms, answers are bounded and all is found", async (t) => {
  const server = { pingInterval: 300_000, pingTimeout: 300_000, connectTimeout: 300_000 };
  const { io, port, get } = await served(t, { server });
  let joined = 0;
  io.on("connection", (socket) => {
    socket.join(["all", `table ${joined}`, `hall ${joined % 100}`]);
    joined++;
  });
  await crowd(t, port, SESSIONS);
  await until(() => joined === SESSIONS, "all to join");
  assert.equal(io.engine.metrics().sessions.polling.native, SESSIONS);

  const data = await until(async () => {
    const res = await get("data");
    const { counted } = res.json();
    return counted?.sockets === SESSIONS && res;
  }, "the count of rooms");
  assert.ok(data.text.length < 60_000, `${data.text.length} characters`);
  const { rooms, namespaces } = data.json().counted;
  assert.equal(rooms.total, SESSIONS + 101);
  assert.equal(rooms.top.length, 50);
  assert.deepEqual(rooms.top[0], { nsp: "/", name: "all", sockets: SESSIONS });
  assert.match(rooms.top[1].name, /^hall /);
  assert.deepEqual(namespaces.top, [{ name: "/", sockets: SESSIONS, rooms: SESSIONS + 101 }]);

  const first = await get("connections");
  assert.ok(first.text.length < 10_000, `${first.text.length} characters`);
  const page = first.json();
  assert.deepEqual(
    [page.rows.length, page.matched, page.total, page.every],
    [50, SESSIONS, SESSIONS, 1],
  );
  const ids = [...io.sockets.sockets.keys()];
  const last = (await get(`connections${query({ offset: SESSIONS - 50 })}`)).json();
  assert.deepEqual(
    last.rows.map(({ id }) => id),
    ids.slice(-50),
  );
  const none = (await get(`connections${query({ offset: SESSIONS })}`)).json();
  assert.deepEqual([none.rows, none.matched], [[], SESSIONS]);
  const some = (await get(`connections${query({ transport: "polling", offset: 100 })}`)).json();
  assert.deepEqual([some.rows.length, some.matched], [50, SESSIONS]);
  const hall = (await get(`connections${query({ nsp: "/", room: "hall 7" })}`)).json();
  assert.deepEqual([hall.rows.length, hall.matched], [50, 100]);
  const one = (await get(`connections${query({ find: ids[7000] })}`)).json();
  assert.deepEqual(
    one.rows.map(({ id }) => id),
    [ids[7000]],
  );
});

beyond("of more than 10,000 sockets, the list looks at a sample", async () => {
  const sockets = new Map();
  const nsp = { name: "/", sockets, adapter: { sids: new Map(), rooms: new Map() } };
  for (let i = 0; i < 25_000; i++) {
    const id = `socket ${i}`;
    sockets.set(id, {
      id,
      nsp,
      conn: { remoteAddress: "192.0.2.1", transport: { name: "polling" } },
    });
  }
  const io = { _nsps: new Map([["/", nsp]]) };
  const ask = (values) =>
    list(io, { nsp: "", room: "", transport: "", find: "", offset: 0, ...values });
  const all = await ask({});
  assert.deepEqual([all.matched, all.total, all.every], [8334, 25_000, 3]);
  assert.deepEqual(
    all.rows.slice(0, 2).map(({ id }) => id),
    ["socket 0", "socket 3"],
  );
  assert.equal((await ask({ transport: "polling" })).matched, 8334);
  const exact = await ask({ find: "socket 20000" });
  assert.deepEqual(
    exact.rows.map(({ id }) => id),
    ["socket 20000"],
  );
});
