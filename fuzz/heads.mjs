// Asks Node about the requests that a port answers itself: the heads of the target `request_head`'s
// corpus that the listener takes, and of mutations of them.
//
//   node fuzz/heads.mjs                            the corpus in fuzz/corpus/, 2,000 mutations
//   node fuzz/heads.mjs --mutations 20000 --seed 7 more of them, others
//   node fuzz/heads.mjs --corpus folder            another corpus
//
// Each request that the listener takes is sent
// - to an http.Server, which has to read the same method, target, headers and length of the body, and
//   behind them the next request;
// - to a port of this package and to one of socket.io, which have to give the same answers, to it and to
//   the next request.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { at } from "../scripts/lib/files.mjs";
import { build, scratch } from "../scripts/lib/fuzz.mjs";
import { dumped } from "../scripts/lib/fuzz-dump.mjs";
import { Complaint, script } from "../scripts/lib/say.mjs";

const require = createRequire(import.meta.url);

/** The longest body that is sent, in bytes. */
const MAX_BODY = 20_000;
/** The longest time for an answer, in ms: machines may be busy. */
const PATIENCE = 30_000;
const NEXT = "GET /socket.io/?EIO=4&transport=polling&t=next HTTP/1.1\r\nHost: next\r\n\r\n";

/** Numbers from 0 to 1 that follow from a seed. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The texts of the target's dictionary. */
function words() {
  const dictionary = readFileSync(at("fuzz/dictionaries/request_head.dict"), "utf8");
  const quoted = [...dictionary.matchAll(/^"(.*)"$/gm)];
  return quoted.map(([, text]) =>
    Buffer.from(
      text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
      "latin1",
    ),
  );
}

/** Another head: a line doubled, moved or left out, a word put in, a byte changed. */
function mutate(head, next, dictionary) {
  const below = (end) => Math.floor(next() * end);
  const lines = head.toString("latin1").split("\r\n");
  const line = below(Math.max(1, lines.length - 2));
  const place = below(head.length);
  const insert = (bytes) => Buffer.concat([head.subarray(0, place), bytes, head.subarray(place)]);
  const joined = () => Buffer.from(lines.join("\r\n"), "latin1");
  switch (below(6)) {
    case 0:
      lines.splice(line, 0, lines[below(lines.length)]);
      return joined();
    case 1:
      lines.splice(line, 1);
      return joined();
    case 2:
      return insert(dictionary[below(dictionary.length)]);
    case 3:
      lines.splice(
        line + 1,
        0,
        `${dictionary[below(dictionary.length)].toString("latin1")}`.trim(),
      );
      return joined();
    case 4: {
      const changed = Buffer.from(head);
      changed[place] = below(256);
      return changed;
    }
    default:
      return insert(Buffer.from([[0, 9, 10, 11, 13, 32, 58, 127, 133, 160, 255][below(11)]]));
  }
}

/** Writes mutations of the inputs of a folder into another. */
function writeMutations(corpus, folder, count, seed) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const heads = readdirSync(corpus)
    .sort()
    .map((name) => readFileSync(path.join(corpus, name)))
    .filter((head) => head.length > 0);
  const [next, dictionary] = [random(seed), words()];
  for (let i = 0; i < count && heads.length > 0; i++) {
    let head = heads[Math.floor(next() * heads.length)];
    for (let times = 1 + Math.floor(next() * 3); times > 0 && head.length > 0; times--) {
      head = mutate(head, next, dictionary);
    }
    writeFileSync(path.join(folder, createHash("sha1").update(head).digest("hex")), head);
  }
}

/** A server that tells what it reads of one connection. */
async function reader() {
  let told = [];
  const see = (kind, { method, url, rawHeaders }) => {
    const one = { kind, method, url, rawHeaders, body: 0 };
    told.push(one);
    return one;
  };
  const server = http.createServer((request, response) => {
    const one = see("request", request);
    request.on("data", (data) => {
      one.body += data.length;
    });
    request.on("end", () => {
      one.ended = true;
      response.end();
    });
  });
  server.on("upgrade", (request, socket, head) => {
    see("upgrade", request).after = head.toString("latin1");
    socket.destroy();
  });
  server.on("clientError", (error, socket) => {
    told.push({ kind: error.code });
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  const read = async (bytes, requests) => {
    told = [];
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(bytes);
    const enough = () =>
      told.filter(({ kind, ended }) => kind !== "request" || ended).length >= requests;
    const closed = once(socket, "close");
    const start = Date.now();
    while (!enough() && !socket.closed && Date.now() - start < PATIENCE) {
      await Promise.race([closed, new Promise(setImmediate)]);
    }
    socket.destroy();
    await closed;
    return told;
  };
  return { read, close: () => server.close() };
}

const bytesOf = ({ head, body }) => Buffer.from(head + "x".repeat(body), "latin1");

/** Node's view of a request that the listener takes; the difference, or `undefined`. */
async function differs(taken, read) {
  const { kind, method, target, headers, body, closes } = taken;
  const upgrades = kind === "websocket";
  const alone = closes || upgrades;
  const next = closes && !upgrades ? "" : NEXT;
  const told = await read(Buffer.concat([bytesOf(taken), Buffer.from(next)]), alone ? 1 : 2);
  const [first, second] = told;
  if (told.length !== (alone ? 1 : 2)) return `${told.length} requests: ${JSON.stringify(told)}`;
  const rawHeaders = headers.flat();
  const expected = {
    kind: upgrades ? "upgrade" : "request",
    method,
    url: target,
    rawHeaders,
    body,
  };
  const found = Object.fromEntries(Object.keys(expected).map((key) => [key, first[key]]));
  if (!isDeepStrictEqual(found, expected)) {
    return `Node: ${JSON.stringify(found)}\nthe listener: ${JSON.stringify(expected)}`;
  }
  if (upgrades && first.after !== next) return `behind the upgrade: ${first.after}`;
  if (!alone && second.rawHeaders[1] !== "next") return `next request: ${JSON.stringify(second)}`;
  return undefined;
}

/** The answers on one connection: statuses and bodies, as many as `count` unless it ends. */
function answers(port, bytes, count) {
  return new Promise((done) => {
    const socket = net.connect(port, "127.0.0.1");
    const list = [];
    let text = "";
    let timer;
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      done(list);
    };
    timer = setTimeout(() => {
      list.push("no answer");
      end();
    }, PATIENCE);
    socket.on("error", () => {});
    socket.on("close", end);
    socket.on("data", (data) => {
      text += data.toString("latin1");
      for (;;) {
        const head = text.indexOf("\r\n\r\n");
        if (head < 0) return;
        const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
        if (text.length < head + 4 + length) return;
        const status = text.slice(9, 12);
        const body = text.slice(head + 4, head + 4 + length);
        list.push(`${status} ${/^content-encoding/im.test(text.slice(0, head)) ? "" : body}`);
        text = text.slice(head + 4 + length);
        if (list.length >= count || status === "101") return end();
      }
    });
    socket.write(bytes);
  });
}

/** A session over polling with a packet that waits for it; gives its id. */
async function openSession(port) {
  const [opened] = await answers(port, NEXT, 1);
  const { sid } = JSON.parse(opened.slice(opened.indexOf("{")));
  const post = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1`;
  await answers(port, `${post}\r\nHost: a\r\nContent-Length: 2\r\n\r\n40`, 1);
  return sid;
}

/** The answers of a server to a request of a real session, and to the next one; ids left out. */
async function answersOf(port, taken) {
  let { head } = taken;
  if (taken.sid !== null)
    head = head.replaceAll(`sid=${taken.sid}`, `sid=${await openSession(port)}`);
  const alone = taken.closes || taken.kind === "websocket";
  const bytes = Buffer.concat([bytesOf({ ...taken, head }), Buffer.from(alone ? "" : NEXT)]);
  const list = await answers(port, bytes, alone ? 1 : 2);
  return list.map((answer) => answer.replace(/"sid":"[^"]*"/g, '"sid"'));
}

async function startPorts() {
  // one process has to have both, without pings in between
  const options = { serveClient: false, pingInterval: 1e8, pingTimeout: 1e8 };
  const servers = [at("index.js"), "socket.io"].map((name) => {
    const { Server } = require(name);
    return new Server(0, options);
  });
  const ports = [];
  for (const { httpServer } of servers) {
    if (!httpServer.listening) await once(httpServer, "listening");
    ports.push(httpServer.address().port);
  }
  return { ports, close: () => Promise.all(servers.map((server) => server.close())) };
}

/**
 * Compares what the listener takes of a corpus, and of mutations of it. Gives the number of requests;
 * complains about the first that Node or socket.io sees otherwise.
 */
export async function compareHeads(program, corpus, { mutations, seed }) {
  const mutated = path.join(scratch, "mutations");
  writeMutations(corpus, mutated, mutations, seed);
  const requests = await dumped(program, "request_head", [corpus, mutated]);
  const node = await reader();
  const { ports, close } = await startPorts();
  try {
    for (const taken of requests) {
      if (taken.body > MAX_BODY) continue;
      const wrong = await differs(taken, node.read);
      if (wrong) throw new Complaint(`${JSON.stringify(taken.head)} is read otherwise:\n${wrong}`);
      const [ours, theirs] = await Promise.all(ports.map((port) => answersOf(port, taken)));
      if (!isDeepStrictEqual(ours, theirs)) {
        throw new Complaint(
          `${JSON.stringify(taken.head)} is answered otherwise:`,
          `${JSON.stringify(ours)}\nsocket.io: ${JSON.stringify(theirs)}`,
        );
      }
    }
  } finally {
    node.close();
    await close();
  }
  return requests.length;
}

if (process.argv[1] === import.meta.filename) {
  await script(async () => {
    const { values } = parseArgs({
      options: {
        mutations: { type: "string", default: "2000" },
        seed: { type: "string", default: "1" },
        corpus: { type: "string", default: at("fuzz/corpus/request_head") },
      },
    });
    const program = (await build(["request_head"]))("request_head");
    const { mutations, seed } = values;
    const options = { mutations: Number(mutations), seed: Number(seed) };
    const count = await compareHeads(program, values.corpus, options);
    console.log(`${count} requests are the same for Node ${process.version} and for socket.io`);
  });
}
