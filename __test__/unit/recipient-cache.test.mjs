// The recipients of a broadcast, and the changes after which they are gathered anew.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { beforeEach } from "node:test";
import { contract, load, takeAsked } from "../support/faked-binding.mjs";
import { beyond } from "../support/subject.mjs";

const { Adapter } = createRequire(import.meta.url)("socket.io-adapter");
const { Encoder } = createRequire(import.meta.url)("socket.io-parser");
const { RecipientCache } = load("recipient-cache");
const { cacheEpoch } = load("engine/native/outbound");

beforeEach(() => takeAsked());

/** A namespace with sockets of these names, whose handles are 1, 2, …, each in its room and "all". */
function scene(...names) {
  const nsp = { sockets: new Map(), server: { encoder: new Encoder() } };
  const adapter = new Adapter(nsp);
  const cache = new RecipientCache(adapter);
  const sent = [];
  const add = (id, more = {}) => {
    const conn = { native: true, _isBypassable: true, _handle: nsp.sockets.size + 1, ...more };
    const client = {
      conn,
      _bypassable: true,
      writeToEngine: (parts) => sent.push([id, ...parts]),
    };
    nsp.sockets.set(id, { id, client, conn, notifyOutgoingListeners: () => {} });
    adapter.addAll(id, new Set([id, "all"]));
    cache.joined(new Set([id, "all"]));
  };
  for (const name of names) add(name);
  const reach = (rooms = [], except = []) =>
    cache.of({ rooms: new Set(rooms), except: new Set(except), flags: {} });
  return { nsp, adapter, cache, add, reach, sent };
}

const handles = (recipients) => [...recipients.handles];

beyond("reaches everybody, or the members of a room", () => {
  const { reach, adapter, cache } = scene("a", "b", "c");
  assert.deepEqual(handles(reach()), [1, 2, 3]);
  assert.deepEqual(handles(reach(["b"])), [2]);
  adapter.addAll("a", new Set(["x"]));
  cache.joined(new Set(["x"]));
  assert.deepEqual(handles(reach(["x"])), [1]);
  assert.deepEqual(handles(reach(["nobody"])), []);
});

beyond("keeps the recipients of a room until the room or the epoch changes", () => {
  const { reach, add, adapter, cache } = scene("a", "b");
  const [everybody, all, own] = [reach(), reach(["all"]), reach(["b"])];
  assert.equal(reach(), everybody);
  assert.equal(reach(["all"]), all);
  add("c");
  assert.deepEqual(handles(reach()), [1, 2, 3]);
  assert.deepEqual(handles(reach(["all"])), [1, 2, 3]);
  assert.equal(reach(["b"]), own);
  adapter.del("b", "all");
  cache.left("all");
  assert.deepEqual(handles(reach(["all"])), [1, 3]);
  cache.leaving("b");
  adapter.delAll("b");
  assert.deepEqual(handles(reach()), [1, 3]);
  const kept = reach();
  cacheEpoch.value++;
  assert.notEqual(reach(), kept);
});

beyond("keeps no recipients while a member is not connected yet", () => {
  const { reach, nsp, adapter, cache } = scene("a");
  adapter.addAll("early", new Set(["all"]));
  cache.joined(new Set(["all"]));
  assert.deepEqual(handles(reach(["all"])), [1]);
  const { client, conn } = nsp.sockets.get("a");
  nsp.sockets.set("early", { id: "early", client: { ...client }, conn });
  assert.equal(reach(["all"]).handles.length, 2);
});

beyond("writes to members one by one that the native engine must not write to", () => {
  const { reach, add, cache, sent } = scene("a");
  add("polls", { _isBypassable: false });
  add("hears");
  const listening = reach().others;
  assert.deepEqual(
    listening.map(({ id }) => id),
    ["polls"],
  );
  cache.send(reach(), {}, ["2[1]"], { rooms: new Set(), except: new Set(["a"]) });
  assert.deepEqual(sent, [["polls", "2[1]"]]);
});

beyond("leaves out single sockets without changing what it keeps", () => {
  const { reach, cache } = scene("a", "b", "c");
  const options = { rooms: new Set(), except: new Set(["b", "gone"]), flags: { volatile: true } };
  cache.send(reach(), {}, ["2[1]"], options);
  const [name, to, flags] = takeAsked()[0];
  assert.deepEqual(
    [name, [...to].sort(), flags],
    ["broadcastText", [1, 3], contract.SendFlag.Volatile],
  );
  assert.deepEqual(handles(reach()), [1, 2, 3]);
});

beyond("leaves to the adapter what takes more than one room or whole rooms as exceptions", () => {
  const { reach, nsp } = scene("a", "b");
  assert.equal(reach(["a", "b"]), null);
  assert.equal(reach([], ["all"]), null);
  nsp.server.encoder = { encode: () => [] };
  assert.equal(reach(), null);
});
