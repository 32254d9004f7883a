// destroyUpgrade, destroyUpgradeTimeout: upgrade requests that nobody answers.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { opening, Tcp } from "../support/tcp.mjs";
import { once, until } from "../support/wait.mjs";
import { eachServer } from "./support.mjs";

const FOREIGN = opening().replace("/socket.io/", "/other/");

/** A foreign upgrade request, as the HTTP server shows it to other listeners. */
async function foreign(t, { httpServer, port }) {
  const arriving = once(httpServer, "upgrade");
  const tcp = await Tcp.open(t, port);
  tcp.write(FOREIGN);
  const [, socket] = await arriving;
  return { tcp, socket };
}

for (const destroyUpgrade of [undefined, true, null, 0]) {
  eachServer(`destroyUpgrade: ${destroyUpgrade} ends the connection`, async (t, start) => {
    const served = await start({ destroyUpgrade, destroyUpgradeTimeout: 30 });
    const { tcp } = await foreign(t, served);
    assert.equal(await tcp.rest(), "");
  });
}

eachServer("destroyUpgrade: false leaves the connection open", async (t, start) => {
  const served = await start({ destroyUpgrade: false, destroyUpgradeTimeout: 10 });
  const { tcp, socket } = await foreign(t, served);
  await sleep(60);
  assert.equal(tcp.ended, false);
  socket.end("bye");
  assert.equal(await tcp.rest(), "bye");
});

eachServer("a connection that was answered in time is left alone", async (t, start) => {
  const served = await start({ destroyUpgradeTimeout: 800 });
  const { tcp, socket } = await foreign(t, served);
  socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  await tcp.head();
  const { tcp: other } = await foreign(t, served);
  await other.rest();
  assert.equal(tcp.ended, false);
  socket.end("still here");
  assert.equal(await tcp.rest(), "still here");
});

eachServer("the time is destroyUpgradeTimeout, 1000 ms if it is falsy", async (t, start) => {
  const short = await start({ destroyUpgradeTimeout: 20 });
  const long = await start({ destroyUpgradeTimeout: 0 });
  const { tcp: patient } = await foreign(t, long);
  const { tcp } = await foreign(t, short);
  await tcp.rest();
  assert.equal(patient.ended, false);
  await patient.rest();
});

eachServer("a reset while it waits is no uncaught error", async (t, start) => {
  const served = await start({ destroyUpgradeTimeout: 50 });
  const { tcp, socket } = await foreign(t, served);
  tcp.socket.resetAndDestroy();
  await until(() => socket.destroyed);
  const { tcp: other } = await foreign(t, served);
  assert.equal(await other.rest(), "");
});

eachServer("upgrades of the server's own path are not its business", async (t, start) => {
  const { port } = await start({ destroyUpgradeTimeout: 10 });
  const tcp = await Tcp.open(t, port);
  tcp.write(opening());
  assert.match(await tcp.head(), /^HTTP\/1.1 101 /);
  assert.equal((await tcp.frame()).opcode, 1);
  await sleep(50);
  assert.equal(tcp.ended, false);
});
