// The published declarations (dist/*.d.ts): each public member is documented, the examples compile,
// and internal members are not declared.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compileExamples,
  publishedUnderscored,
  readPublished,
  upstreamUnderscored,
} from "./support/published.mjs";

const { types, functions, values } = readPublished();

/** Public members of classes, the functions, and what interfaces ask for: `{ name, … }`. */
const members = types.flatMap(({ name, isClass, file, members }) =>
  members
    .filter((one) => !one.name.startsWith("_"))
    .map((one) => ({ ...one, name: `${name}.${one.name} (${file})`, isClass })),
);
const methods = members.filter(
  ({ kind, isClass, isProtected }) => kind === "method" && isClass && !isProtected,
);
const named = (list) => list.map(({ name }) => name);

test("the published declarations are read: classes of both entries and what they mention", () => {
  const classes = types.filter(({ isClass }) => isClass).map(({ name, file }) => `${file} ${name}`);
  for (const one of [
    "dist/index.d.ts Server",
    "dist/server-broadcasts.d.ts BroadcastingServer",
    "dist/namespace.d.ts Namespace",
    "dist/namespace-broadcasts.d.ts BroadcastingNamespace",
    "dist/parent-namespace.d.ts ParentNamespace",
    "dist/socket.d.ts Socket",
    "dist/socket-broadcasts.d.ts BroadcastingSocket",
    "dist/broadcast-operator.d.ts BroadcastOperator",
    "dist/broadcast-operator.d.ts RemoteSocket",
    "dist/client.d.ts Client",
    "dist/engine/server.d.ts Server",
    "dist/engine/session/socket.d.ts Socket",
    "dist/engine/session/transports.d.ts Transport",
  ]) {
    assert.ok(classes.includes(one), `${one} is not among ${classes.join(", ")}`);
  }
  assert.ok(methods.length > 100, `${methods.length} methods`);
  assert.ok(named(functions).includes("attach"));
});

test("every published class, interface, function and value has a doc comment", () => {
  assert.deepEqual(
    named([...types, ...functions, ...values].filter(({ text }) => text === "")),
    [],
  );
});

test("every published method and property has a doc comment", () => {
  const silent = members.filter(({ text, kind }) => text === "" && kind !== "constructor");
  assert.deepEqual(named(silent), []);
});

test("every public method and function has an @example with TypeScript code", () => {
  const without = [...methods, ...functions].filter(({ examples }) => !examples.some(Boolean));
  assert.deepEqual(named(without), []);
});

test("the examples compile under --strict, and a wrong one does not", () => {
  const all = [...types, ...members, ...functions, ...values].flatMap(({ name, examples }) =>
    examples.map((code, i) => [`${name}, example ${i + 1}`, code]),
  );
  assert.deepEqual(
    named(all.filter(([, code]) => code === undefined).map(([name]) => ({ name }))),
    [],
  );
  assert.deepEqual(compileExamples(all), []);
  const [complaint] = compileExamples([["wrong", "io.to(7).emit();"]]);
  assert.match(complaint, /^wrong: Argument of type 'number'/);
});

/** Members that upstream's declarations have too, and who uses them. */
const ADAPTERS = "adapters of other packages use it";
const APPLICATIONS = "published applications use it";
const SHAPE = "upstream declares it, private there: a subclass must not declare its own";
const LIFE = "upstream declares it: instrumentations wrap it";
const KEPT = {
  "Server._parser": ADAPTERS,
  "Server._nsps": APPLICATIONS,
  "Server._opts": ADAPTERS,
  "Server._connectTimeout": LIFE,
  "Server._checkNamespace": LIFE,
  "Server._adapter": SHAPE,
  "Server._path": SHAPE,
  "Server._serveClient": SHAPE,
  "Namespace._ids": ADAPTERS,
  "Namespace._onServerSideEmit": ADAPTERS,
  "Namespace._initAdapter": LIFE,
  "Namespace._add": LIFE,
  "Namespace._remove": LIFE,
  "Namespace._fns": SHAPE,
  "Namespace._preConnectSockets": SHAPE,
  "Namespace._createSocket": SHAPE,
  "Namespace._doConnect": SHAPE,
  "ParentNamespace._initAdapter": LIFE,
  "Socket._onconnect": LIFE,
  "Socket._onpacket": LIFE,
  "Socket._onerror": LIFE,
  "Socket._onclose": LIFE,
  "Socket._cleanup": LIFE,
  "Socket._error": LIFE,
  "CatchAllEmitter._anyListeners": SHAPE,
  "CatchAllEmitter._anyOutgoingListeners": SHAPE,
  "Client._packet": ADAPTERS,
  "Client._remove": LIFE,
  "Client._disconnect": LIFE,
  "EngineRequest._query": APPLICATIONS,
  "NativeWebSocket._socket": APPLICATIONS,
};

/** Members that upstream has under another type. */
const UPSTREAM = { CatchAllEmitter: "Socket", NativeWebSocket: "EngineRequest" };

test("the members with an underscore that are declared are those of upstream", () => {
  assert.deepEqual(publishedUnderscored(), Object.keys(KEPT).sort());
  const theirs = new Set(upstreamUnderscored());
  for (const name of Object.keys(KEPT)) {
    const [type, member] = name.split(".");
    assert.ok(theirs.has(`${UPSTREAM[type] ?? type}.${member}`), `upstream does not have ${name}`);
  }
});

test("a class that extends the published ones compiles", () => {
  const code = `
    import { Namespace, Server, Socket } from "socket.io-native";
    import { Adapter } from "socket.io-adapter";
    import { Server as Engine } from "socket.io-native/engine";
    class Counted extends Adapter {
      override addAll(id: string, rooms: Set<string>) {
        const nsp: Namespace = this.nsp;
        nsp._ids++;
        return super.addAll(id, rooms);
      }
    }
    class App extends Server {
      override async close() { this._nsps.clear(); await super.close(); }
    }
    class Traced extends Engine {
      override close(): this { return super.close(); }
    }
    new App({ adapter: Counted }).bind(new Traced());
    declare const one: Socket;
    one.client._packet({ type: 2, nsp: "/", data: ["bill"] });
    one._error({ message: "closed" });
  `;
  assert.deepEqual(compileExamples([["subclasses", code]]), []);
  const [complaint] = compileExamples([["internal", "socket.conn._handle;"]]);
  assert.match(complaint, /^internal: Property '_handle' does not exist/);
});
