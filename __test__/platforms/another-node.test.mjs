// Private parts of Node may change with any release: the server is slower then, and never wrong.
import assert from "node:assert/strict";
import { spawnChild } from "../support/child.mjs";
import { beyond } from "../support/subject.mjs";

const PARTS = [
  ...["none", "listening", "listening that throws", "listening without descriptors"],
  ...["counting", "handles", "headers", "all"],
];

for (const part of PARTS) {
  beyond(`clients are served on a Node whose private parts differ (${part})`, async (t) => {
    const child = spawnChild(t, "another-node.mjs", [part], "platforms");
    const { results } = await child.message("done");
    assert.equal(Object.keys(results).length, 12);
    for (const [title, result] of Object.entries(results)) {
      const transport = title.includes("polling") ? "polling" : "websocket";
      const expected = { transport, echo: "bytes", header: "yes", address: true, open: true };
      assert.deepEqual(result, expected, title);
    }
    assert.equal(await child.exit(), 0);
  });
}
