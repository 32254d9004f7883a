// A server whose namespace middleware throws for clients that ask for it, and which serves others.
// Arguments: the form of the server; "handed", if Node has to serve the requests of its port.
import assert from "node:assert/strict";
import { arena } from "../../support/arena.mjs";
import { letGo, tell } from "../../support/parent.mjs";
import { eachTalker } from "../../support/talkers.mjs";
import { until } from "../../support/wait.mjs";

const [form, handed] = process.argv.slice(2);
const thrown = [];
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, ({ message }) => thrown.push(message));
}

const nothing = { after() {} };
const options = handed ? { allowRequest: (_req, done) => done(null, true) } : {};
const a = await arena(nothing, { form, options });
a.io.use((socket, next) => {
  if (socket.handshake.auth.bad) throw new Error("a middleware");
  next();
});
await eachTalker(a, async (client) => {
  const before = thrown.length;
  await client.send('40{"bad":true}');
  await until(() => thrown.length > before, "the middleware has thrown");
  assert.equal(a.accounts.size, 1, "the bystander is the only socket");
  await client.leave();
});
await a.stillServes();
tell("served", { thrown });
letGo();
process.exit(0);
