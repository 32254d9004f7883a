// `import { Server } from package`: the same classes as CommonJS has.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, eachWay } from "../support/clients.mjs";
import { answering, exercise } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { name } from "../support/subject.mjs";

const module = await import(name);
const required = createRequire(import.meta.url)(name);

test("exactly the three classes are exported, and no default", () => {
  assert.deepEqual(Object.keys(module), ["Namespace", "Server", "Socket"]);
});

for (const key of ["Namespace", "Server", "Socket"]) {
  test(`${key} is the class that require() gives`, () => {
    assert.equal(module[key], required[key]);
  });
}

test("a deep path is not exported", async () => {
  await assert.rejects(import(`${name}/dist/index.js`), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
  await assert.rejects(import(`${name}/wrapper`), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
});

eachWay("new Server(port, options) of the module", async (t, options, way) => {
  const { io, port } = await listening(t, new module.Server(0, { path: "/mine" }));
  answering(io);
  const socket = await exercise(io, client(t, port, { ...options, path: "/mine" }), way);
  assert.ok(socket instanceof module.Socket);
  assert.ok(socket.nsp instanceof module.Namespace);
});
