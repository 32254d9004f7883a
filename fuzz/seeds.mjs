// The seeds of the targets: one input of each kind that a client sends, made anew each time.
//
//   node fuzz/seeds.mjs        writes them to fuzz/corpus/, for cargo fuzz
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { constants, deflateRawSync } from "node:zlib";

const PLAIN_MASK = [0, 0, 0, 0];

function frame(opcode, payload, { fin = true, rsv1 = false, mask = PLAIN_MASK, form } = {}) {
  const bytes = Buffer.from(payload);
  const first = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode;
  const size = form ?? (bytes.length < 126 ? 7 : bytes.length < 65536 ? 16 : 64);
  const head = Buffer.alloc(2 + (size === 7 ? 0 : size / 8));
  head[0] = first;
  head[1] = 0x80 | (size === 7 ? bytes.length : size === 16 ? 126 : 127);
  if (size === 16) head.writeUInt16BE(bytes.length, 2);
  if (size === 64) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  return Buffer.concat([head, Buffer.from(mask), bytes.map((byte, i) => byte ^ mask[i % 4])]);
}

function deflated(text, finish = constants.Z_SYNC_FLUSH) {
  const bytes = deflateRawSync(text, { finishFlush: finish });
  return finish === constants.Z_SYNC_FLUSH ? bytes.subarray(0, -4) : bytes;
}

/** A seed of `frames`: options, the offer of compression if there is one, and bytes. */
function connection(
  { max = 3, fragments = 0, offer, client = 0, server = 0, seed = 1 },
  ...frames
) {
  const flags = (offer === undefined ? 0 : 1) | (max << 1) | (fragments << 4);
  const head = Buffer.from([flags, client, server, seed]);
  return Buffer.concat([head, Buffer.from(offer === undefined ? "" : `${offer}\n`), ...frames]);
}

function frames() {
  const mask = [0x11, 0xa0, 0x5f, 0xc3];
  const close = (code, reason = "") =>
    frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
  const offer = "permessage-deflate";
  const all = "permessage-deflate; client_max_window_bits=10; server_no_context_takeover";
  const compressed = (text, options) => frame(1, deflated(text), { rsv1: true, ...options });
  const halves = deflated("one two three one two three");
  return [
    connection({}, frame(1, '2["a",1]'), frame(2, [1, 2, 3]), frame(9, "p"), frame(10, "")),
    connection({}, frame(1, "2probe", { mask }), close(1000, "bye")),
    connection({}, frame(1, "a", { fin: false }), frame(9, ""), frame(0, "\u20ac", { mask })),
    connection(
      {},
      frame(1, Buffer.from([0xe2]), { fin: false }),
      frame(0, Buffer.from([0x82]), { fin: false }),
      frame(0, Buffer.from([0xac])),
      close(1001),
    ),
    connection({}, frame(2, Buffer.alloc(200, 7)), frame(2, Buffer.alloc(3), { form: 16 })),
    connection({}, frame(2, Buffer.alloc(2), { form: 64 }), frame(8, "")),
    connection({ max: 1 }, frame(2, Buffer.alloc(126))),
    connection({ fragments: 2 }, ...[2, 0, 0].map((code) => frame(code, "x", { fin: false }))),
    connection({}, frame(3, ""), frame(1, "x", { rsv1: true })),
    connection({}, Buffer.from([0x81, 0x01, 0x61])),
    connection({}, close(1005), close(5000)),
    connection({ offer }, compressed("hello hello hello"), compressed("hello hello hello")),
    connection({ offer: all }, compressed("\u20ac".repeat(50)), frame(1, "plain"), close(3000)),
    connection(
      { offer: `${offer}; client_no_context_takeover, ${offer}`, client: 16 },
      frame(2, halves.subarray(0, 5), { fin: false, rsv1: true }),
      frame(9, "between"),
      frame(0, halves.subarray(5), { mask }),
      compressed("again"),
    ),
    connection({ offer, max: 5 }, compressed("x".repeat(200_000))),
    connection({ offer, max: 2 }, compressed("x".repeat(2_000))),
    connection({ offer, max: 0 }, frame(2, deflated(Buffer.alloc(70_000)), { rsv1: true })),
    connection({ offer }, frame(1, deflated("end", constants.Z_FINISH), { rsv1: true })),
    connection({ offer }, frame(1, [0], { rsv1: true }), frame(1, [0xff, 0xff], { rsv1: true })),
    connection({ offer: `${offer}; server_max_window_bits="9"`, server: 10, client: 9 }),
  ];
}

/** Bytes that are read as packets by `support::packets`. */
function parts(...list) {
  return Buffer.concat(
    list.flatMap(([kind, data]) => {
      const bytes = Buffer.from(data);
      return [Buffer.from([kind, bytes.length]), bytes];
    }),
  );
}

const PARTS = parts([4, '2["a"]'], [8, [1, 2, 3]], [2, ""], [4, "\u20ac \u{1f600}"], [8, ""]);

function interrupted(stop, body) {
  return Buffer.concat([Buffer.from([stop]), Buffer.from(body)]);
}

function payloadV4() {
  return [
    interrupted(1, "4hello\x1e2\x1ebAQIDBA==\x1e4"),
    interrupted(2, '40\x1e42["a",{"b":1}]\x1e3\x1e6\x1e1\x1e5\x1e0{}'),
    interrupted(0, "4a\x1e\x1e4b"),
    interrupted(1, "b-_-_\x1ebA Q\nI*D\x1ebYQ=x\x1ebYR=="),
    interrupted(3, Buffer.from([0x34, 0xff, 0x61, 0xe2, 0x82, 0x1e, 0x34, 0xef, 0xbb, 0xbf])),
    interrupted(1, "4\u20ac\u{1f600}\x1eb\u20ac"),
    interrupted(2, PARTS),
  ];
}

function payloadV3() {
  const binary = (...bytes) => Buffer.from(bytes.flatMap((part) => [...Buffer.from(part)]));
  return [
    interrupted(1, "6:4hello2:4\u20ac3:4\u{1f600}"),
    interrupted(1, "10:b4AQIDBA==1:4"),
    interrupted(2, "2:4a0:2:4b"),
    interrupted(1, "2e0:4a 2 :4b0x2:4c0b10:4d+2:4e2.0:4f"),
    interrupted(1, "1:b2:b74:b2AQ2:4a"),
    interrupted(1, "2:4\u{1f600}"),
    interrupted(1, binary([0, 2, 255], "40", [1, 4, 255, 4, 1, 2, 3], [0, 4, 255], "4\u20ac")),
    interrupted(1, binary([0, 1, 1, 255], "40123456789", [1, 1, 255, 4], [1, 0, 255])),
    interrupted(0, binary([0, 2, 255], "4a", [0, 1, 255], "9", [0, 5, 255], "4b")),
    interrupted(2, PARTS),
  ];
}

function packets() {
  const session = (...messages) =>
    Buffer.concat([Buffer.from([10, 25]), Buffer.from(messages.join("\x1e"))]);
  return [
    session("40", "40/admin,", '40/a,{"token":"x"}', '42["a",1,null,true,{"b":[1.5e-3]}]'),
    session('421["ask"]', '43 7["yes"]', "43/a,12[]", "41", "41/a,", '44{"message":"no"}', '44"x"'),
    session('452-["b",{"_placeholder":true,"num":0}]', "bAQID", "bBA==", '42["next"]'),
    session('461-/a,5[{"_placeholder":true,"num":0}]', "b", "2", "3probe"),
    session('450x2-["a"]', "bAA", '42["early"]', "bAA", "bAA"),
    session('45+3-["a"]', "b", "b", "b", '451e1-["x"]', '4511-["x"]', '450-["x"]', "45-", "451"),
    session('42["connect"]', '42["\\u0063onnect"]', '42["disconnecting"]', '42["newListener"]'),
    session('42["\\ud800"]', "42[1e999]", "42[-0]", '42["a"],["b"]', "42[null]", "42[]", "42{}"),
    session('4 {"a":1}', "42 \u2028[1]", "421 2[1]", '42999999999999999999999["a"]'),
    session('42/nsp?x=1,["a"]', '42/a["b"]', '42/,["c"]', `42[${"[".repeat(40)}${"]".repeat(40)}]`),
    session("4", "47", "4x", "0{}", "1", "2", "5", "6", "b-_-_"),
  ];
}

const REQUESTS = {
  handshake: "GET /socket.io/?EIO=4&transport=polling&t=abc",
  poll: "GET /socket.io/?EIO=4&transport=polling&sid=SESSION",
  push: "POST /socket.io/?EIO=4&transport=polling&sid=SESSION",
  websocket: "GET /socket.io/?EIO=4&transport=websocket",
};

export function head(line, ...headers) {
  return Buffer.from([`${line} HTTP/1.1`, "Host: a", ...headers, "", ""].join("\r\n"), "latin1");
}

function requestHead() {
  const { handshake, poll, push, websocket } = REQUESTS;
  const upgrade = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ];
  const body = (text) =>
    Buffer.concat([head(push, `Content-Length: ${text.length}`), Buffer.from(text)]);
  return [
    head(handshake),
    head(
      handshake,
      "Connection: keep-alive",
      "Accept-Encoding: gzip, deflate;q=0.5",
      "Origin: http://a",
    ),
    head(handshake, "Connection: close", "Content-Length: 0", "Cookie: io=abc; b=c"),
    head(poll, "User-Agent: node-XMLHttpRequest", "Accept: */*", "X-Empty:", "X-Tab: \t a \t"),
    body("40"),
    head(push, "Content-Length: 7", "Content-type: text/plain;charset=UTF-8", "Connection: close"),
    head(push, "Content-Length: 1", "Transfer-Encoding: chunked"),
    head(push, "Content-Length: 1", "Content-Length: 1"),
    head(push, "Content-Length: 1, 1", "Expect: 100-continue"),
    head(push, "content-length: 00000000000000000000000000000012"),
    head(websocket, ...upgrade),
    head(`${websocket}&sid=SESSION`, ...upgrade, "Connection: keep-alive, Upgrade"),
    head(`${handshake}&x=%20+&j=0`),
    head("GET /socket.io/?EIO=4&transport=polling&sid=a&sid=b&x=[]{}|\\^`~!$'()*,;:@/?"),
    head("GET /socket.io//?EIO=4&transport=polling"),
    head("GET /socket.io/?EIO=4&transport=polling#x", "X: \u00e9"),
    head("GET http://a/socket.io/?EIO=4&transport=polling", "Proxy-Connection: close"),
    head("OPTIONS /socket.io/?EIO=4&transport=polling", "X-A: b\r\n c"),
    Buffer.from(String(head(handshake)).replace("HTTP/1.1\r\n", "HTTP/1.1\n")),
    Buffer.from(String(head(handshake)).replace("1.1", "1.0")),
    Buffer.from(`\r\n${head(handshake)}`),
    head(handshake).subarray(0, 40),
    head(handshake, ...Array.from({ length: 63 }, (_, i) => `X-${i}: ${i}`)),
    head(handshake, `X: ${"x".repeat(16_300)}`),
    Buffer.concat([head(poll), head(handshake)]),
  ];
}

function batch() {
  const record = (code, ...rest) =>
    Buffer.concat([Buffer.from([code, 5, 0, 0, 0]), ...rest.map((part) => Buffer.from(part))]);
  const client = (message) => record(0, `${message}\0`);
  const long = (prefix, padding, tail) => record(4, [padding], `${prefix}\0${tail}\0`);
  return [
    Buffer.concat(['2["a",1]', '27["b"]', "31[]", '0/x,{"t":1}', "1"].map(client)),
    Buffer.concat(['2 ["a" ]', '21 2["NaN"]', '3999999999999999999999["x"]'].map(client)),
    Buffer.concat(['52-["b",{"_placeholder":true,"num":0}]', "61-/a,3[{}]", "2x"].map(client)),
    Buffer.concat([client('2["\\ud800",1e999]'), client('2["a"],["b"]'), client('4"no"')]),
    Buffer.concat([long("2", 20, ""), long("2/a,1", 60, ',"\\n"'), long("3", 40, ",[1]")]),
    Buffer.concat([record(5, 'why "quoted" \u2028\0'), record(6, [1, 0, 1], "told\0")]),
    Buffer.concat([record(7, [0], "4a\x1e4b\0"), record(7, [1], "bytes\0"), record(10, [3])]),
    Buffer.concat([record(8, [4], "text\0"), record(8, [7], "bytes\0"), record(9, [1, 4], "x\0")]),
    Buffer.concat([record(11, "raw\0"), record(12, [1, 9, 0, 0, 0, 9, 0, 0, 0]), record(13)]),
    Buffer.concat([record(14, [1, 2, 0, 0, 127, 3, 0, 0, 0], "sid\0shared\x01\0own\0")]),
    Buffer.concat([record(14, [0, 1, 0, 0, 9, 3, 0, 0, 0], "s\0/\0\0"), record(15), record(16)]),
    Buffer.concat([record(17, "GET / HTTP/1.1\0", [1]), record(17, "\0", [0])]),
  ];
}

function operations() {
  const handle = [7, 0, 0, 0];
  const written = (code, flags, how, handles, data) => {
    const lengths = [handles.length, data.length];
    return Buffer.from([code, flags, how, ...handle, ...lengths, ...handles, ...Buffer.from(data)]);
  };
  const length = (data) => [data.length, 0, 0, 0, ...Buffer.from(data)];
  const read = (code, flags, ...rest) => [code, flags, ...rest.flat()];
  const targets = [1, 0, 0, 0, 2, 0, 0, 0];
  return [
    Buffer.concat([
      Buffer.from([4]),
      written(0, 1, 0, [], '2["a"]'),
      written(1, 0, 8, targets, "2[1]"),
      written(2, 2, 0, [], [1, 2]),
      written(3, 0, 0, targets, [3]),
      written(4, 4, 0, [], []),
      written(5, 0, 0, [], []),
      written(0, 0, 3, [], "fails"),
      written(1, 0, 7, targets, "fails"),
      written(2, 0, 0, [], Buffer.alloc(65)),
    ]),
    Buffer.from([
      ...read(1, 1, handle, length('2["a"]')),
      ...read(2, 0, handle, length([1, 2])),
      ...read(3, 4, handle),
      ...read(4, 0, length(targets), length("2[1]")),
      ...read(5, 0, length([]), length("x")),
      ...read(6, 0, handle),
    ]),
    Buffer.from(read(1, 0, handle, [255, 255, 255, 255], [1])),
    Buffer.from(read(4, 0, [9, 0, 0, 0], [1, 2])),
  ];
}

const SEEDS = {
  frames,
  payload_v4: payloadV4,
  payload_v3: payloadV3,
  packets,
  request_head: requestHead,
  batch,
  operations,
};

/** The names of the targets. */
export const TARGETS = Object.keys(SEEDS);

/** Writes the seeds of a target into a folder, each by its hash. */
export function writeSeeds(target, folder) {
  mkdirSync(folder, { recursive: true });
  for (const seed of SEEDS[target]()) {
    const name = createHash("sha1").update(seed).digest("hex");
    writeFileSync(path.join(folder, name), seed);
  }
}

if (process.argv[1] === import.meta.filename) {
  const corpus = path.join(import.meta.dirname, "corpus");
  for (const target of TARGETS) writeSeeds(target, path.join(corpus, target));
}
