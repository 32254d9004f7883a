// `require(package)`: a function that makes servers, with the classes as its properties.
import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { client, eachWay } from "../support/clients.mjs";
import { answering, exercise, HANDLER_ERROR } from "../support/exercise.mjs";
import { listening } from "../support/forms.mjs";
import { closeHttp, listen } from "../support/server.mjs";
import { name } from "../support/subject.mjs";
import { defer } from "../support/wait.mjs";

const require = createRequire(import.meta.url);
const subject = require(name);

const MADE = {
  "require(package)(httpServer)": (httpServer) => require(name)(httpServer),
  "require(package)(httpServer, options)": (httpServer) =>
    require(name)(httpServer, { pingInterval: 20_000 }),
  "require(package).listen by attach": (httpServer) => subject().attach(httpServer),
  "new (require(package).Server)(httpServer)": (httpServer) => new subject.Server(httpServer),
};
for (const [title, make] of Object.entries(MADE)) {
  eachWay(title, async (t, options, way) => {
    const httpServer = http.createServer();
    defer(t, () => closeHttp(httpServer));
    await listen(httpServer);
    const { io, port } = await listening(t, make(httpServer));
    answering(io);
    await exercise(io, client(t, port, options), way);
  });
}

test("the export has the shape of upstream's", () => {
  const { length, name: ownName } = subject;
  assert.deepEqual([typeof subject, length, ownName], ["function", 2, ""]);
  assert.deepEqual(Object.keys(subject), ["Server", "Namespace", "Socket"]);
  assert.deepEqual(Object.getOwnPropertyNames(subject).slice(2), Object.keys(subject));
  for (const key of Object.keys(subject)) {
    const { value, ...flags } = Object.getOwnPropertyDescriptor(subject, key);
    assert.deepEqual(
      [value.name, flags],
      [key, { writable: true, enumerable: true, configurable: true }],
    );
  }
  assert.equal(subject.default, undefined);
  assert.equal(subject.__esModule, undefined);
});

test("the classes take as many arguments as upstream's", () => {
  const { Server, Namespace, Socket } = subject;
  assert.deepEqual([Server.length, Namespace.length, Socket.length], [1, 2, 4]);
});

test("the function is no constructor, the classes are no functions", () => {
  assert.throws(() => new subject(), { name: "TypeError", message: /is not a constructor$/ });
  for (const key of ["Server", "Namespace", "Socket"]) {
    assert.throws(() => subject[key](), {
      name: "TypeError",
      message: `Class constructor ${key} cannot be invoked without 'new'`,
    });
  }
});

test("the function fails as the constructor does", () => {
  assert.throws(() => subject(() => {}), { message: HANDLER_ERROR });
  assert.throws(() => subject(70_000), { name: "RangeError" });
});

test("the server may be extended", async (t) => {
  class Mine extends subject.Server {
    constructor(...args) {
      super(...args);
      this.mine = true;
    }
    attach(...args) {
      this.attached = true;
      return super.attach(...args);
    }
  }
  const { io } = await listening(t, new Mine(0));
  assert.deepEqual([io.mine, io.attached], [true, true]);
  assert.ok(io instanceof subject.Server);
});

test("nothing inside the package is exported but its package.json", async () => {
  const { name: own, version } = require(`${name}/package.json`);
  assert.equal(own, name);
  assert.equal(version, "4.8.4");
  const inside = ["dist", "dist/index.js", "dist/socket", "dist/typed-events", "dist/namespace"];
  for (const path of [...inside, "dist/broadcast-operator.js", "client-dist/socket.io.js"]) {
    const refusal = { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" };
    assert.throws(() => require(`${name}/${path}`), refusal);
    await assert.rejects(import(`${name}/${path}`), refusal);
  }
});

test("the package's folder has the files that other packages read", () => {
  const root = require.resolve(`${name}/package.json`).slice(0, -"package.json".length);
  // instrumentation hooks these files by name
  assert.equal(require(`${root}dist/socket.js`).Socket, subject.Socket);
  assert.equal(require(`${root}dist/namespace.js`).Namespace, subject.Namespace);
  assert.equal(require(`${root}dist/index.js`), subject);
  assert.equal(typeof require(`${root}dist/broadcast-operator.js`).BroadcastOperator, "function");
  assert.equal(typeof require(`${root}dist/client.js`).Client, "function");
  assert.equal(typeof require(`${root}dist/parent-namespace.js`).ParentNamespace, "function");
  assert.equal(typeof require(`${root}dist/typed-events.js`).StrictEventEmitter, "function");
  for (const file of ["index", "socket", "socket-types", "namespace", "typed-events"]) {
    assert.ok(require.resolve(`${root}dist/${file}.d.ts`));
  }
  assert.ok(require.resolve(`${root}client-dist/socket.io.esm.min.js`));
});
