// The tests of the rows of robust/rows.mjs: one for each way in, and a bystander in each.
import { test } from "node:test";
import { ROWS } from "../robust/rows.mjs";
import { arena } from "./arena.mjs";
import { certificate } from "./secure.mjs";
import { isOracle } from "./subject.mjs";

/** The server behind a way in: its form, and options that make it one. */
const SERVERS = {
  listener: { form: "port" },
  adopted: { form: "attached" },
  "Node's requests": { form: "attached" },
  "adopted, Node's requests": { form: "attached" },
  pumped: { form: "secure" },
  // a function that is asked about each handshake is JavaScript: Node serves the requests
  "Node's requests of a port": {
    form: "port",
    options: { allowRequest: (_req, done) => done(null, true) },
  },
  WebTransport: { form: "attached" },
  API: { form: "attached" },
};

/**
 * Tests a row on each of its ways in: `body(a, t)` attacks the arena `a`, and then its bystander and
 * newcomers have to be served. `settings` are those of the arena, or a function that makes them.
 */
export function row(name, body, settings = {}) {
  const { ways, says, beyond } = ROWS[name];
  for (const way of ways) {
    const missing = way === "pumped" && process.env.REQUIRE_PARTS !== "1" && certificate.missing;
    const skip = (isOracle && beyond && "a promise beyond upstream") || missing || false;
    test(`${name}: ${says} (${way})`, { skip, timeout: 180_000 }, async (t) => {
      const { form, options } = SERVERS[way];
      const own = typeof settings === "function" ? settings() : settings;
      const a = await arena(t, { form, ...own, options: { ...options, ...own.options } });
      await body(a, t);
      await a.stillServes();
    });
  }
}
