// Applications that have extended the built-in prototypes before the server was loaded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnChild } from "../support/child.mjs";
import { client, connected } from "../support/clients.mjs";
import { FORMS } from "../support/forms.mjs";
import { SESSIONS } from "../support/raw.mjs";
import { once } from "../support/wait.mjs";
import { WAYS } from "../support/ways.mjs";

async function start(t, form, prank) {
  const child = spawnChild(t, "prototypes.mjs", [form, prank], "features");
  return { child, port: (await child.message("listening")).port };
}

for (const prank of [
  "a property of every object",
  "a method of every object",
  "an accessor of every object",
  "a method of every array",
  "a property of every array",
  "a property of every function",
  "a property of every text",
  "arrays with toJSON",
]) {
  for (const form of FORMS) {
    test(`${prank} [${form}]`, async (t) => {
      const { child, port } = await start(t, form, prank);
      for (const options of Object.values(WAYS)) {
        const one = client(t, port, { ...options, auth: { token: 1 }, query: { own: "q" } });
        await connected(one);
        const args = ["é", { deep: [1, null, { b: Buffer.from([1, 2]) }] }, [], Buffer.of(3)];
        const echo = await new Promise((resolve) => {
          one.emit("echo", ...args, (...given) => resolve(given));
        });
        assert.deepEqual(echo, args);
        for (const event of ["all", "room"]) {
          const heard = once(one, event);
          one.emit(event, ...args);
          assert.deepEqual(await heard, args);
        }
        const keys = await new Promise((resolve) => {
          one.emit("keys", (...given) => resolve(given));
        });
        assert.deepEqual(
          keys[0].filter((key) => key !== "t"),
          ["EIO", "own", "transport"],
        );
        assert.deepEqual(keys[1], ["token"]);

        const other = client(t, port, { ...options, nsp: "/dynamic-1" });
        await connected(other);
        const refused = client(t, port, { ...options, auth: { refuse: true } });
        assert.equal((await once(refused, "connect_error"))[0].message, "refused");
        for (const each of [one, other, refused]) each.disconnect();
      }
      child.send("end");
      assert.equal(await child.exit(), 0);
    });
  }
}

// what an application teaches to values of its own is honoured: [prank, value, as it is sent]
for (const [prank, value, json] of [
  ["none", "map", "[{}]"],
  ["BigInt with toJSON", "bigint", '["5"]'],
  ["maps with toJSON", "map", '[{"a":1}]'],
]) {
  for (const [transport, kind] of Object.entries(SESSIONS)) {
    test(`${value} in an acknowledgement: ${prank}, ${transport}`, async (t) => {
      const { port } = await start(t, "attached", prank);
      const session = await kind.open(t, port);
      await session.join();
      await session.send(`421["value","${value}"]`);
      assert.equal(await session.next(), `431${json}`);
    });
  }
}
