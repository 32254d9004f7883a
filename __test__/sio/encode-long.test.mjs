// Long strings in packets from the server: the text is that of JSON.stringify.
import assert from "node:assert/strict";
import vm from "node:vm";
import { eachTransport } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { once } from "../support/wait.mjs";

const long = (text, length = 5000) => text.repeat(Math.ceil(length / text.length));
const plain = long("plain text ");

class Document {
  body = long("of a class ");
  get ignored() {
    return "accessor of the prototype";
  }
}

const VALUES = {
  "plain text": plain,
  "a string of 255 characters": "x".repeat(255),
  "a string of 256 characters": "x".repeat(256),
  "a megabyte": "y".repeat(1 << 20),
  "quotes, backslashes and controls": long('"\\\b\f\n\r\t\u0000\u001f\u007f/'),
  "one quote at the end": `${plain}"`,
  "one control at the beginning": `\u0001${plain}`,
  "Latin-1": long("é\u0080\u00a0ÿ"),
  "Latin-1 with escapes": long('é"\n'),
  "UTF-16": long("€\u2028\uffff"),
  "pairs of surrogates": long("😀"),
  "lone surrogates": long("\ud83d\ude00\ude00x\ud83d"),
  "a string that ends in half a pair": `${plain}\ud83d`,
  "a concatenated string": plain + long("\n"),
  "a slice": plain.slice(100, 4000),
  "an array": [plain, plain, [plain], [], undefined, () => {}, Symbol("s"), Number.NaN, -0],
  "a sparse array": Object.assign(Array(3), { 1: plain }),
  "an object": { a: plain, 'k"': { b: [plain] }, u: undefined, f() {}, n: null, 2: plain, 1: 1 },
  "a key named __proto__": JSON.parse(`{"__proto__":${JSON.stringify(plain)}}`),
  "an object without prototype": Object.assign(Object.create(null), { a: plain }),
  "inherited properties": Object.create({ inherited: plain }, { a: { value: plain } }),
  "an object of a class": new Document(),
  "boxed values": [plain, Object(plain), Object(5), Object(true)],
  "boxed values of another realm": [plain, vm.runInNewContext("Object('x'.repeat(600))")],
  "arrays of another realm": vm.runInNewContext("[['x'.repeat(600)]]"),
  "a Map and an Error": [plain, new Map([[1, plain]]), new Error(plain)],
  "a proxy": new Proxy({ a: plain }, {}),
  "a long key": { [long('k"')]: plain },
  "many members beside": [plain, ...Array.from({ length: 500 }, (_, i) => ({ i }))],
};
if (JSON.rawJSON) VALUES["raw JSON"] = [plain, JSON.rawJSON("1234567890123456789012")];

eachTransport("long strings are written as JSON.stringify writes them", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  socket.on("q", (name, reply) => reply(VALUES[name]));
  for (const [name, value] of Object.entries(VALUES)) {
    const json = JSON.stringify(["e", value]);
    socket.emit("e", value);
    assert.equal(await session.next(), `42${json}`, `event: ${name}`);
    io.emit("e", value);
    assert.equal(await session.next(), `42${json}`, `broadcast: ${name}`);
    await session.send(`421${JSON.stringify(["q", name])}`);
    assert.equal(await session.next(), `431${JSON.stringify([value])}`, `ack: ${name}`);
  }
});

eachTransport("toJSON() of an array hears its key", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  const array = Object.assign([1], { toJSON: (key) => `key ${key}` });
  socket.emit("e", plain, { array });
  assert.equal(await session.next(), `42${JSON.stringify(["e", plain, { array: "key array" }])}`);
});

eachTransport("what JSON cannot express is thrown to the caller", async (t, open) => {
  const { io, port } = await serve(t);
  const connecting = once(io, "connection");
  const session = await open(port);
  await session.join();
  const [socket] = await connecting;
  assert.throws(() => socket.emit("e", plain, 1n), TypeError);
  socket.emit("e", plain);
  assert.equal(await session.next(), `42${JSON.stringify(["e", plain])}`);
});
