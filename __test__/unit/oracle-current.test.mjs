// The check that the oracle is the newest upstream, over a registry that is faked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOutdated, mend, oracleParts, versionsOf } from "../../scripts/lib/oracle.mjs";

const MANIFESTS = {
  "socket.io": {
    version: "4.8.4",
    dependencies: {
      "engine.io": "~6.6.0",
      "socket.io-adapter": "~2.5.2",
      "socket.io-parser": "~4.2.4",
    },
  },
  "engine.io": { version: "6.6.9", dependencies: { ws: "~8.21.0" } },
  "socket.io-adapter": { version: "2.5.9" },
  "socket.io-parser": { version: "4.2.7" },
  ws: { version: "8.21.0" },
};
const parts = oracleParts((name) => MANIFESTS[name]);
const registry = (versions) => async (name) => versions[name] ?? [MANIFESTS[name].version];

test("oracleParts names the ranges of socket.io, and that of engine.io for ws", () => {
  assert.deepEqual(
    parts.map(({ name, range }) => `${name}@${range}`),
    [
      "socket.io@~4.8",
      "engine.io@~6.6.0",
      "socket.io-adapter@~2.5.2",
      "socket.io-parser@~4.2.4",
      "ws@~8.21.0",
    ],
  );
});

test("findOutdated finds nothing when the registry has what is installed", async () => {
  assert.deepEqual(await findOutdated(parts, registry({})), { outdated: [], unasked: [] });
});

test("findOutdated compares versions by number and leaves prereleases out", async () => {
  const ask = registry({ "engine.io": ["6.6.2", "6.6.13", "6.6.9", "6.6.14-rc.1"] });
  const { outdated, unasked } = await findOutdated(parts, ask);
  assert.deepEqual(outdated, [{ name: "engine.io", installed: "6.6.9", newest: "6.6.13" }]);
  assert.deepEqual(unasked, []);
  assert.equal(mend(outdated), "npm install engine.io@~6.6.13");
});

test("findOutdated names what the registry could not be asked about", async () => {
  const ask = async (name) => {
    if (name === "ws") throw new Error("offline");
    return [MANIFESTS[name].version];
  };
  assert.deepEqual(await findOutdated(parts, ask), { outdated: [], unasked: ["ws"] });
});

test("versionsOf reads one version, several and none", () => {
  assert.deepEqual(versionsOf('"4.8.4"\n'), ["4.8.4"]);
  assert.deepEqual(versionsOf('["8.20.0", "8.21.0"]'), ["8.20.0", "8.21.0"]);
  assert.deepEqual(versionsOf(""), []);
});
