// Crowds of connections that come at once, with requests and without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { Tcp } from "../support/tcp.mjs";

const CROWD = 600;
const HANDSHAKE =
  "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

const crowd = (fn) => Promise.all(Array.from({ length: CROWD }, fn));

for (const form of FORMS) {
  test(`of a crowd everybody is answered, whoever is silent (${form})`, async (t) => {
    const { port, io, stillServes } = await arena(t, { form });
    const silent = await crowd(() => Tcp.open(t, port));
    const [answers] = await Promise.all([
      crowd(async () => {
        const tcp = await Tcp.open(t, port);
        tcp.write(HANDSHAKE);
        return tcp.rest();
      }),
      // gone before anybody has read from them
      crowd(async () => (await Tcp.open(t, port)).socket.destroy()),
    ]);
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 /);
    for (const tcp of silent) tcp.write(HANDSHAKE);
    for (const tcp of silent) assert.match(await tcp.rest(), /^HTTP\/1\.1 200 /);
    await stillServes();
    assert.ok(io.engine.clientsCount >= 2 * CROWD);
  });
}
