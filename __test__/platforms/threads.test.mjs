// The environment says how many I/O threads there are; the order of messages does not depend on it.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { certificate } from "../support/secure.mjs";
import { beyond } from "../support/subject.mjs";

for (const threads of [1, 3]) {
  for (const form of ["attached", "port", "tls"]) {
    beyond(`messages keep their order with ${threads} I/O threads [${form}]`, async (t) => {
      if (form === "tls" && certificate.missing) {
        if (process.env.REQUIRE_PARTS === "1") throw new Error(certificate.missing);
        return t.skip(certificate.missing);
      }
      const env = { ...process.env, SOCKET_IO_NATIVE_THREADS: String(threads) };
      const child = spawnChild(t, "threads.mjs", [form], "platforms", { env });
      assert.deepEqual(await child.message("done"), { type: "done", threads, clients: 12 });
    });
  }
}
