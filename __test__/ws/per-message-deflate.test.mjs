// permessage-deflate (RFC 7692): what is offered, and how that is answered.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, join, pair } from "../support/clients.mjs";
import { answered, compressed, deflated, NAME, offer } from "../support/deflate.mjs";
import { Polling, Ws } from "../support/raw.mjs";
import { securePair, secureTest } from "../support/secure.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { exchange, frame, opening, Tcp } from "../support/tcp.mjs";
import { once } from "../support/wait.mjs";

const REFUSED = "Invalid or unacceptable Sec-WebSocket-Extensions header";

/** The answer to an offer: the extension's value, null without one, or the status line. */
async function negotiate(t, port, header) {
  const tcp = await offer(t, port, header);
  tcp.socket.destroy();
  if (tcp.response.startsWith("HTTP/1.1 101 ")) return answered(tcp.response);
  return tcp.response.split("\r\n")[0].slice(9);
}

const BAD = "400 Bad Request";
const P = NAME;
const S = "server_no_context_takeover";
const C = "client_no_context_takeover";
const SB = "server_max_window_bits";
const CB = "client_max_window_bits";

/** Options, and for them offers with their answers; `=`: as offered. */
const TABLE = [
  [
    true,
    [
      [null, null],
      [P, "="],
      ["foo", null],
      [`foo, ${P}`, P],
      [`${P}, foo`, P],
      [`foo; a=1; b="x" ; c, ${P}`, P],
      [["foo", P], P],
      [[`${P}; ${SB}=10`, P], `${P}; ${SB}=10`],
      ["PERMESSAGE-DEFLATE", null],
      ["__proto__; a=1; a=2", null],
      [`${P}; ${S}`, "="],
      [`${P}; ${C}`, "="],
      [`${P}; ${S}; ${C}`, "="],
      [`${P}; ${C}; ${S}`, "="],
      [`${P}; ${CB}`, P],
      [`${P} ;\t${CB}`, P],
      [`${P}; ${CB}=10`, "="],
      [`${P}; ${CB}="1\\0"`, `${P}; ${CB}=10`],
      [`${P}; ${CB}=0xa`, `${P}; ${CB}=10`],
      [`${P}; ${CB}=010`, `${P}; ${CB}=10`],
      [`${P}; ${SB}=8`, "="],
      [`${P}; ${SB}=15`, "="],
      [`${P}; ${SB}=10; ${CB}`, `${P}; ${SB}=10`],
      [`${P}; ${CB}=9; ${SB}=10`, "="],
      [`${P}; ${SB}=9, ${P}`, `${P}; ${SB}=9`],
      [`foo; ${SB}=99, ${P}`, P],
      ["", BAD],
      [`${P};`, BAD],
      [`${P},`, BAD],
      [`,${P}`, BAD],
      [`${P}; foo`, BAD],
      [`${P}, ${P}; foo`, BAD],
      [`${P}; ${S}=1`, BAD],
      [`${P}; ${C}=true`, BAD],
      [`${P}; ${SB}`, BAD],
      [`${P}; ${SB}=7`, BAD],
      [`${P}; ${SB}=16`, BAD],
      [`${P}; ${CB}=7`, BAD],
      [`${P}; ${CB}=16`, BAD],
      [`${P}; ${CB}=abc`, BAD],
      [`${P}; ${CB}=10.5`, BAD],
      [`${P}; ${CB}='10'`, BAD],
      [`${P}; ${CB}; ${CB}`, BAD],
      [`${P}; ${S}; ${S}`, BAD],
      [`${P}; Client_Max_Window_Bits`, BAD],
      [`${P}; ${CB} = 10`, BAD],
      ["foo bar", BAD],
      ["foo=1", BAD],
      ['foo; a=""', BAD],
      ['foo; a="b c"', BAD],
      ['foo; a="b', BAD],
      ['foo; a="b"c', BAD],
      ["foo/bar", BAD],
    ],
  ],
  [
    {},
    [
      [P, "="],
      [`${P}; ${CB}`, P],
    ],
  ],
  [
    { serverNoContextTakeover: true },
    [
      [P, `${P}; ${S}`],
      [`${P}; ${C}`, `${P}; ${C}; ${S}`],
      [`${P}; ${CB}=10`, `${P}; ${CB}=10; ${S}`],
    ],
  ],
  [
    { serverNoContextTakeover: false },
    [
      [P, "="],
      [`${P}; ${S}`, BAD],
      [`${P}; ${S}, ${P}`, P],
    ],
  ],
  [{ serverNoContextTakeover: "yes" }, [[P, `${P}; ${S}`]]],
  [{ serverNoContextTakeover: 0 }, [[`${P}; ${S}`, "="]]],
  [{ clientNoContextTakeover: true }, [[P, `${P}; ${C}`]]],
  [{ clientNoContextTakeover: false }, [[`${P}; ${C}`, "="]]],
  [
    { serverMaxWindowBits: 11 },
    [
      [P, `${P}; ${SB}=11`],
      [`${P}; ${SB}=10`, BAD],
      [`${P}; ${SB}=12`, `${P}; ${SB}=11`],
    ],
  ],
  [{ serverMaxWindowBits: true }, [[`${P}; ${SB}=12`, "="]]],
  [
    { serverMaxWindowBits: false },
    [
      [P, "="],
      [`${P}; ${SB}=12`, BAD],
    ],
  ],
  [
    { clientMaxWindowBits: 11 },
    [
      [P, BAD],
      [`${P}; ${CB}`, `${P}; ${CB}=11`],
      [`${P}; ${CB}=10`, BAD],
      [`${P}; ${CB}=12`, `${P}; ${CB}=11`],
      [`${P}, ${P}; ${CB}`, `${P}; ${CB}=11`],
    ],
  ],
  [{ clientMaxWindowBits: true }, [[`${P}; ${CB}=12`, "="]]],
  [{ clientMaxWindowBits: false }, [[`${P}; ${CB}=12`, P]]],
  [
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
    },
    [[`${P}; ${CB}`, `${P}; ${CB}=12; ${S}; ${C}; ${SB}=12`]],
  ],
  // Values that are no numbers say nothing.
  [{ serverMaxWindowBits: "11", clientMaxWindowBits: "abc" }, [[P, "="]]],
  [{ serverMaxWindowBits: null, clientMaxWindowBits: null }, [[`${P}; ${SB}=12`, "="]]],
  ["x", [[P, "="]]],
  [
    false,
    [
      [P, null],
      ["", null],
      ["foo bar", null],
    ],
  ],
  [0, [[P, null]]],
];

for (const [perMessageDeflate, cases] of TABLE) {
  test(`offers with ${JSON.stringify(perMessageDeflate)}`, async (t) => {
    const { port } = await serve(t, { perMessageDeflate });
    for (const [header, answer] of cases) {
      const expected = answer === "=" ? header : answer;
      assert.equal(await negotiate(t, port, header), expected, `offer: ${header}`);
    }
  });
}

// upstream gives the same answers, and dies of them at the first message
for (const [perMessageDeflate, answer] of [
  [{ serverMaxWindowBits: 7 }, `${P}; ${SB}=7`],
  [{ serverMaxWindowBits: 16 }, `${P}; ${SB}=16`],
  [{ serverMaxWindowBits: Number.NaN }, `${P}; ${SB}=NaN`],
]) {
  beyond(`a window that there is not is told, and harms nobody: ${answer}`, async (t) => {
    const { port } = await serve(t, { perMessageDeflate });
    const tcp = await offer(t, port, P);
    assert.equal(answered(tcp.response), answer);
    const { opcode, rsv } = await tcp.frame();
    assert.deepEqual([opcode, rsv], [1, 4]);
    const other = await Ws.open(t, port);
    await other.join();
  });
}

beyond("wrong options of zlib are not used", async (t) => {
  for (const zlibDeflateOptions of [null, 7, { level: 99, windowBits: "x" }, { level: "best" }]) {
    const { port } = await serve(t, { perMessageDeflate: { zlibDeflateOptions } });
    const session = await Ws.open(t, port, { perMessageDeflate: true });
    await session.join();
  }
});

test("the 101 accepts the offer as upstream does", async (t) => {
  const { port } = await serve(t, { perMessageDeflate: true });
  const tcp = await Tcp.open(t, port);
  const headers = { "Sec-WebSocket-Extensions": `${P}; ${S}`, "Sec-WebSocket-Protocol": "a, b" };
  tcp.write(opening(undefined, headers));
  assert.equal(
    await tcp.head(),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: a\r\n" +
      `Sec-WebSocket-Extensions: ${P}; ${S}\r\n\r\n`,
  );
});

test("the whole refusal, which comes after the other checks", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true });
  const bad = { "Sec-WebSocket-Extensions": "," };
  assert.equal(
    await exchange(t, port, opening(undefined, bad)),
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n" +
      `Content-Length: ${REFUSED.length}\r\n\r\n${REFUSED}`,
  );
  const protocol = await exchange(
    t,
    port,
    opening(undefined, { ...bad, "Sec-WebSocket-Protocol": "," }),
  );
  assert.match(protocol, /Invalid Sec-WebSocket-Protocol header$/);
  assert.equal(io.engine.clientsCount, 0);
});

test("a WebSocket that is accepted only to be closed", async (t) => {
  const { port } = await serve(t, { perMessageDeflate: true });
  const tcp = await offer(t, port, P, "EIO=4&transport=polling");
  assert.equal(answered(tcp.response), P);
  tcp.write(compressed(1, deflated("4hello")));
  const { opcode, payload } = await tcp.frame();
  assert.deepEqual([opcode, payload.length], [8, 0]);
  tcp.write(frame(8, ""));
  assert.equal(await tcp.rest(), "");
});

test("the options as the engine shows them", async (t) => {
  for (const [given, shown] of [
    [true, { threshold: 1024 }],
    [{ threshold: 5 }, { threshold: 5 }],
    [{ serverNoContextTakeover: true }, { threshold: 1024, serverNoContextTakeover: true }],
    [false, false],
  ]) {
    const { io, socket } = await pair(t, { server: { perMessageDeflate: given } });
    assert.deepEqual(io.engine.opts.perMessageDeflate, shown);
    assert.deepEqual(socket.conn.transport.opts.perMessageDeflate, shown);
  }
});

/** Every combination of what a client can ask for, and of what a server can be told. */
const SIDES = [];
for (const serverNoContextTakeover of [undefined, true]) {
  for (const clientNoContextTakeover of [undefined, true]) {
    for (const serverMaxWindowBits of [undefined, 9, 15]) {
      for (const clientMaxWindowBits of [undefined, 9]) {
        const options = { serverNoContextTakeover, clientNoContextTakeover };
        SIDES.push({ ...options, serverMaxWindowBits, clientMaxWindowBits });
      }
    }
  }
}
const MESSAGES = ["", "x", "zwölf €😀", "abc ".repeat(700), "long ".repeat(40_000)];

for (const side of ["client", "server"]) {
  test(`messages with each combination of parameters, wanted by the ${side}`, async (t) => {
    for (const options of SIDES) {
      const wanted = Object.fromEntries(
        Object.entries(options).filter(([, value]) => value !== undefined),
      );
      const plain = { threshold: 0 };
      const { io, port } = await serve(t, {
        perMessageDeflate: side === "server" ? { ...plain, ...wanted } : plain,
      });
      io.on("connection", (socket) => {
        socket.on("echo", (...args) => socket.emit("echo", ...args));
      });
      const perMessageDeflate = side === "client" ? { ...plain, ...wanted } : plain;
      const session = await Ws.open(t, port, { perMessageDeflate });
      assert.equal(session.ws.extensions, P);
      await session.join();
      for (const text of MESSAGES) {
        for (let i = 0; i < 2; i++) {
          await session.send(`42${JSON.stringify(["echo", text])}`);
          assert.equal(await session.next(), `42${JSON.stringify(["echo", text])}`);
        }
        const bytes = Buffer.from(text);
        await session.send('451-["echo",{"_placeholder":true,"num":0}]', bytes);
        await session.next();
        assert.deepEqual(await session.next(), bytes);
      }
      session.ws.terminate();
    }
  });
}

test("socket.io-client compresses too", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: true });
  const { socket, client } = await join(t, io, port, { perMessageDeflate: { threshold: 0 } });
  socket.on("echo", (...args) => args.pop()(...args));
  const values = [1, "abc ".repeat(1000), { deep: Buffer.from("bytes ".repeat(500)) }];
  assert.deepEqual(await client.emitWithAck("echo", ...values), values[0]);
  const answer = await new Promise((resolve) => {
    client.emit("echo", ...values, (...given) => resolve(given));
  });
  assert.deepEqual(answer, values);
});

test("a session that began on polling is compressed once it is on a WebSocket", async (t) => {
  const { io, port } = await serve(t, { perMessageDeflate: { threshold: 0 } });
  const polling = await Polling.open(t, port);
  const sid = await polling.join();
  const session = await Ws.open(t, port, {
    query: `&sid=${polling.sid}`,
    perMessageDeflate: { threshold: 0 },
  });
  assert.equal(session.ws.extensions, P);
  await session.send("2probe");
  assert.equal(await session.next(), "3probe");
  await session.send("5");
  const socket = io.sockets.sockets.get(sid);
  if (socket.conn.transport.name !== "websocket") await once(socket.conn, "upgrade");
  const echoed = once(socket, "a");
  await session.send(`42["a","${"b".repeat(5000)}"]`);
  assert.deepEqual(await echoed, ["b".repeat(5000)]);
  socket.emit("c", "d".repeat(5000));
  assert.equal(await session.next(), `42["c","${"d".repeat(5000)}"]`);
});

test("compression is agreed on in an upgrade too", async (t) => {
  const options = { transports: ["polling", "websocket"], perMessageDeflate: { threshold: 0 } };
  const { socket, client } = await pair(t, { server: { perMessageDeflate: true }, ...options });
  await connected(client);
  if (socket.conn.transport.name !== "websocket") await once(socket.conn, "upgrade");
  socket.on("echo", (text, ack) => ack(text));
  const text = "over the WebSocket ".repeat(1000);
  assert.equal(await client.emitWithAck("echo", text), text);
});

secureTest("messages are compressed over TLS", async (t) => {
  const { socket, client } = await securePair(t, {
    server: { perMessageDeflate: true },
    transports: ["websocket"],
    perMessageDeflate: { threshold: 0 },
  });
  socket.on("echo", (...args) => args.pop()(args[0]));
  for (const value of ["small", "large ".repeat(30_000), Buffer.alloc(100_000, "b")]) {
    assert.deepEqual(await client.emitWithAck("echo", value), value);
  }
});
