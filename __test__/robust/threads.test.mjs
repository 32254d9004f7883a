// Answers that are compressed for many clients at once take few threads.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { spawnChild } from "../support/child.mjs";
import { FORMS } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { beyond } from "../support/subject.mjs";

const CLIENTS = 100;
/** Node's pool has four, the engine two for each I/O thread. */
const HANDFUL = 8;

for (const form of FORMS) {
  beyond(`long answers for many polling clients take a handful of threads (${form})`, async (t) => {
    if (!existsSync("/proc/self/task")) return t.skip("the system does not list threads");
    const child = spawnChild(t, "threads.mjs", [form]);
    const { port, threads } = await child.message("port");
    const sessions = [];
    for (let i = 0; i < CLIENTS; i++) {
      const session = await Polling.open(t, port);
      await session.join();
      sessions.push(session);
    }
    const headers = { "accept-encoding": "gzip" };
    const polls = sessions.map((session) => session.get({ headers }));
    child.send("send");
    for (const { headers, body } of await Promise.all(polls)) {
      assert.equal(headers["content-encoding"], "gzip");
      assert.match(gunzipSync(body).toString(), /^42\["long","[\da-f]{400000}"\]$/);
    }
    child.send("threads");
    const { most } = await child.message("threads");
    assert.ok(most <= threads + HANDFUL, `${threads} threads grew to ${most}`);
  });
}
