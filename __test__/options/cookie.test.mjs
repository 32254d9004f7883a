// cookie: a cookie with the session id, set by the polling handshake.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { client, connected } from "../support/clients.mjs";
import { Polling, request, Ws } from "../support/raw.mjs";
import { beyond, Server } from "../support/subject.mjs";
import { eachServer, POLLING } from "./support.mjs";

const EXPIRES = new Date(Date.UTC(2035, 4, 6, 7, 8, 9));

// option → the header, with SID for the id
const COOKIES = [
  [true, "io=SID; Path=/; HttpOnly; SameSite=Lax"],
  [1, "io=SID; Path=/; HttpOnly; SameSite=Lax"],
  [{}, "io=SID; Path=/; HttpOnly; SameSite=Lax"],
  [{ name: "sid" }, "sid=SID; Path=/; HttpOnly; SameSite=Lax"],
  [{ name: "__Host-s!d" }, "__Host-s!d=SID; Path=/; HttpOnly; SameSite=Lax"],
  [{ path: "/chat" }, "io=SID; Path=/chat; HttpOnly; SameSite=Lax"],
  [{ path: false }, "io=SID; HttpOnly; SameSite=Lax"],
  [{ path: false, httpOnly: false }, "io=SID; SameSite=Lax"],
  [{ path: "" }, "io=SID; HttpOnly; SameSite=Lax"],
  [{ httpOnly: false }, "io=SID; Path=/; SameSite=Lax"],
  [{ maxAge: 10 }, "io=SID; Max-Age=10; Path=/; HttpOnly; SameSite=Lax"],
  [{ maxAge: 0 }, "io=SID; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"],
  [{ domain: "a.example" }, "io=SID; Domain=a.example; Path=/; HttpOnly; SameSite=Lax"],
  [
    { expires: EXPIRES },
    "io=SID; Path=/; Expires=Sun, 06 May 2035 07:08:09 GMT; HttpOnly; SameSite=Lax",
  ],
  [{ secure: true }, "io=SID; Path=/; HttpOnly; Secure; SameSite=Lax"],
  [{ partitioned: true }, "io=SID; Path=/; HttpOnly; Partitioned; SameSite=Lax"],
  [{ priority: "high" }, "io=SID; Path=/; HttpOnly; Priority=High; SameSite=Lax"],
  [{ sameSite: "strict" }, "io=SID; Path=/; HttpOnly; SameSite=Strict"],
  [{ sameSite: true }, "io=SID; Path=/; HttpOnly; SameSite=Strict"],
  [{ sameSite: "None" }, "io=SID; Path=/; HttpOnly; SameSite=None"],
  [{ sameSite: false }, "io=SID; Path=/; HttpOnly"],
  [{ encode: (value) => value.toUpperCase() }, "io=UPPER; Path=/; HttpOnly; SameSite=Lax"],
  [
    {
      name: "all",
      maxAge: 10,
      domain: "a.b",
      path: "/x",
      expires: EXPIRES,
      httpOnly: true,
      secure: true,
      partitioned: true,
      priority: "low",
      sameSite: "none",
    },
    "all=SID; Max-Age=10; Domain=a.b; Path=/x; Expires=Sun, 06 May 2035 07:08:09 GMT; " +
      "HttpOnly; Secure; Partitioned; Priority=Low; SameSite=None",
  ],
];
for (const [cookie, header] of COOKIES) {
  eachServer(`cookie: ${JSON.stringify(cookie)}`, async (t, start) => {
    const { port } = await start({ cookie });
    const { opening, sid } = await Polling.open(t, port);
    const expected = header.replace("SID", sid).replace("UPPER", sid.toUpperCase());
    assert.deepEqual(opening.headers["set-cookie"], [expected]);
  });
}

for (const cookie of [undefined, false, null, 0, ""]) {
  eachServer(`cookie: ${JSON.stringify(cookie)} sets none`, async (t, start) => {
    const { port } = await start({ cookie });
    const { opening } = await Polling.open(t, port);
    assert.equal(opening.headers["set-cookie"], undefined);
  });
}

eachServer("only the answer to a handshake sets the cookie", async (t, start) => {
  const { port } = await start({ cookie: true });
  const session = await Polling.open(t, port);
  const answers = [
    await session.post("40"),
    await session.get(),
    await request(port, `${POLLING}&sid=x`),
    await request(port, "/socket.io/socket.io.js"),
  ];
  for (const { headers } of answers) assert.equal(headers["set-cookie"], undefined);
  for (const query of ["", `&sid=${session.sid}`]) {
    const { response } = await Ws.open(t, port, { query });
    assert.equal(response.headers["set-cookie"], undefined);
  }
});

eachServer("follows the engine's own ids, coded where need be", async (t, start) => {
  const { io, port } = await start({ cookie: { name: "c" } });
  io.engine.generateId = () => "a b;c";
  const { opening } = await Polling.open(t, port);
  assert.match(opening.headers["set-cookie"][0], /^c=a%20b%3Bc; /);
});

eachServer("the headers' listeners see it, and may add others", async (t, start) => {
  const { io, port } = await start({ cookie: true });
  let seen;
  io.engine.on("initial_headers", (headers) => {
    seen = headers["Set-Cookie"];
    headers["Set-Cookie"] = [...seen, "mine=1"];
  });
  const { opening, sid } = await Polling.open(t, port);
  assert.deepEqual(seen, [`io=${sid}; Path=/; HttpOnly; SameSite=Lax`]);
  assert.deepEqual(opening.headers["set-cookie"], [...seen, "mine=1"]);
});

eachServer("a client with credentials sends it back", async (t, start) => {
  const { io, port } = await start({ cookie: true });
  const one = client(t, port, { transports: ["polling"], withCredentials: true });
  await connected(one);
  const [socket] = io.sockets.sockets.values();
  const told = [];
  io.engine.use((req, _res, next) => {
    told.push(req.headers.cookie);
    next();
  });
  one.on("ask", (answer) => answer());
  await socket.emitWithAck("ask");
  assert.ok(told.length > 0);
  assert.deepEqual(new Set(told), new Set([`io=${socket.conn.id}`]));
});

test("the object given is not changed, engine.opts has the defaults", async () => {
  const cookie = { name: "x", maxAge: 5 };
  const io = new Server(0, { cookie });
  assert.deepEqual(cookie, { name: "x", maxAge: 5 });
  assert.deepEqual(io.engine.opts.cookie, {
    name: "x",
    path: "/",
    httpOnly: true,
    sameSite: "lax",
    maxAge: 5,
  });
  await io.close();
});

// Upstream answers no polling handshake, each an unhandled rejection.
const IMPOSSIBLE = {
  name: [{ name: "a b" }, { name: "" }, { name: "a=b" }, { name: "a\r\nb" }, { name: "é" }],
  path: [{ path: "/a;b" }, { path: "/\r\n" }],
  domain: [{ domain: "a b" }, { domain: "-" }],
  others: [{ maxAge: "soon" }, { expires: "tomorrow" }, { priority: "some" }],
  more: [{ sameSite: "perhaps" }, { encode: "x" }],
};
for (const cookie of Object.values(IMPOSSIBLE).flat()) {
  beyond(`cookie: ${JSON.stringify(cookie)} is refused at once`, () => {
    assert.throws(() => new Server(http.createServer(), { cookie }), { name: /^(Type)?Error$/ });
  });
}
