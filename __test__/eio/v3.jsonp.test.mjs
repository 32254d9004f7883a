// Polling by script tags: what answers look like, and what posts are taken for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode as encode3 } from "../support/eio3.mjs";
import { RS, request } from "../support/raw.mjs";
import { serve } from "../support/server.mjs";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const REVISIONS = {
  3: { encode: encode3, split: (body) => decode({ headers: {}, body }) },
  4: { encode: (...packets) => packets.join(RS), split: (text) => text.split(RS) },
};

/** The payload inside an answer, which has to be a call of the function `index`. */
function unwrap(text, index) {
  const head = `___eio[${index}](`;
  assert.ok(text.startsWith(head) && text.endsWith(");"), text);
  return JSON.parse(text.slice(head.length, -2));
}

/** A session opened with the query parameter `j`. */
async function open(t, { eio, j = "3", server, query = "" }) {
  const { io, port } = await serve(t, { allowEIO3: true, ...server });
  const connecting = once(io.engine, "connection");
  const base = `/socket.io/?EIO=${eio}&transport=polling&j=${encodeURIComponent(j)}${query}`;
  const opening = await request(port, base);
  const [conn] = await connecting;
  const messages = [];
  conn.removeAllListeners("data");
  conn.on("data", (data) => messages.push(data || ""));
  const index = j.replace(/[^0-9]/g, "");
  const path = `${base}&sid=${conn.id}`;
  const { split } = REVISIONS[eio];
  if (eio === 3) await request(port, path); // the main namespace is joined unasked
  return {
    io,
    port,
    conn,
    messages,
    path,
    opening,
    get: (options) => request(port, path, options),
    payload: async () => split(unwrap((await request(port, path)).text, index)),
    post: (body, headers) => request(port, path, { method: "POST", body, headers }),
  };
}

for (const eio of [3, 4]) {
  const { encode } = REVISIONS[eio];

  test(`the handshake [${eio}]`, async (t) => {
    const { conn, opening } = await open(t, { eio });
    assert.equal(opening.headers["content-type"], "text/plain; charset=UTF-8");
    const json =
      `0{"sid":"${conn.id}","upgrades":["websocket"],"pingInterval":25000,` +
      `"pingTimeout":20000,"maxPayload":1000000}`;
    const text = `___eio[3](${JSON.stringify(encode(json))});`;
    assert.equal(opening.text, text);
    assert.equal(opening.headers["content-length"], String(text.length));
  });

  // the index becomes code: nothing but its digits does
  for (const [j, index] of [
    ["0", "0"],
    ["3abc", "3"],
    ["", ""],
    ["1];alert(2)//", "12"],
    ["٣", ""],
  ]) {
    test(`j=${j} calls ___eio[${index}] [${eio}]`, async (t) => {
      const { opening } = await open(t, { eio, j });
      assert.ok(opening.text.startsWith(`___eio[${index}]("`), opening.text);
    });
  }

  test(`payloads are escaped for a script [${eio}]`, async (t) => {
    const { conn, get } = await open(t, { eio });
    conn.send('\u2028\u2029"\\\n</script>');
    conn.send("€😀");
    const payload = encode('4\u2028\u2029"\\\n</script>', "4€😀");
    const literal = JSON.stringify(payload)
      .replace("\u2028", "\\u2028")
      .replace("\u2029", "\\u2029");
    assert.equal((await get()).text, `___eio[3](${literal});`);
  });

  const sendsBase64 = (query) => async (t) => {
    const { conn, get } = await open(t, { eio, query });
    conn.send("a");
    conn.send(Buffer.from([1, 2, 3, 4]));
    const binary = eio === 3 ? "b4AQIDBA==" : "bAQIDBA==";
    assert.equal(unwrap((await get()).text, 3), encode("4a", binary));
  };
  test(`binary messages are base64 [${eio}]`, sendsBase64("&b64=1"));
  beyond(`binary messages are base64 though nobody asked for it [${eio}]`, sendsBase64(""));

  test(`a session keeps the kind that its handshake has chosen [${eio}]`, async (t) => {
    const { port, conn, path, post, messages } = await open(t, { eio });
    for (const other of [path.replace("&j=3", "&j=7"), path.replace("&j=3", "")]) {
      conn.send("x");
      assert.equal(
        (await request(port, other)).text,
        `___eio[3](${JSON.stringify(encode("4x"))});`,
      );
    }
    await post(`d=${encode("4a")}`);
    assert.deepEqual(messages, ["a"]);
  });

  test(`a session opened without j stays plain [${eio}]`, async (t) => {
    const { io, port } = await serve(t, { allowEIO3: true });
    const connecting = once(io.engine, "connection");
    const base = `/socket.io/?EIO=${eio}&transport=polling`;
    await request(port, base);
    const [conn] = await connecting;
    const path = `${base}&sid=${conn.id}&j=1`;
    conn.send("x");
    assert.match((await request(port, path)).text, /^[^_]*4x$/);
    const closed = once(conn, "close");
    await request(port, path, { method: "POST", body: `d=${encode("4a")}` });
    assert.equal((await closed)[0], "parse error");
  });

  // form body (a function makes it from the payload of "4a") → messages
  const form = (text) => encodeURIComponent(encode(text));
  for (const [title, body, messages] of [
    ["the payload", `d=${form("4a")}`, ["a"]],
    ["its bytes", `d=${encode("4€")}`, ["€"]],
    ["plus signs", `d=${encode("4a+b")}`, ["a b"]],
    ["a bad escape", `d=${encode("4%zz")}`, ["%zz"]],
    ["an escaped name", `%64=${form("4a")}`, ["a"]],
    ["other fields", `a=1&d=${form("4a")}&b=`, ["a"]],
    ["a line end", `d=${form("4a\nb")}`, ["a\nb"]],
    ["slashes", `d=${form("4a\\\\x\\y")}`, ["a\\\\x\\y"]],
    ["two packets", `d=${encodeURIComponent(encode("4a", "4b"))}`, ["a", "b"]],
    ["nothing", "", []],
    ["another field", `x=${form("4a")}`, []],
    ["a field in capitals", `D=${form("4a")}`, []],
    ["a repeated field", `d=${form("4a")}&d=${form("4b")}`, []],
    ["a list", `d[]=${form("4a")}`, []],
    ["no field", encode("4a"), []],
    ["too many fields before it", `${"a=1&".repeat(1001)}d=${form("4a")}`, []],
  ]) {
    test(`a post of ${title} [${eio}]`, async (t) => {
      const session = await open(t, { eio });
      const { status, text } = await session.post(body);
      assert.deepEqual([status, text], [200, "ok"]);
      assert.deepEqual(session.messages, messages);
      assert.equal(session.conn.readyState, "open");
    });
  }

  for (const body of ["d=", "d", "d=x"]) {
    test(`a post of ${body} ends the session [${eio}]`, async (t) => {
      const { conn, post } = await open(t, { eio });
      const closed = once(conn, "close");
      const { status, text } = await post(body);
      assert.deepEqual([status, text], [200, "ok"]);
      assert.equal((await closed)[0], "parse error");
    });
  }

  test(`maxHttpBufferSize counts the form as it came [${eio}]`, async (t) => {
    const { conn, post, messages } = await open(t, { eio, server: { maxHttpBufferSize: 10 } });
    const closed = once(conn, "close");
    const body = `d=${encode("4a")}`.padEnd(10, "&");
    assert.equal((await post(body)).status, 200);
    assert.equal((await post(`${body}&`)).status, 413);
    assert.equal((await closed)[1].message, "payload too large");
    assert.deepEqual(messages, ["a"]);
  });

  test(`an old browser is told not to guess [${eio}]`, async (t) => {
    const { get, conn } = await open(t, { eio });
    conn.send("x");
    const { headers } = await get({ headers: { "user-agent": "Mozilla (Trident/7.0)" } });
    assert.equal(headers["x-xss-protection"], "0");
  });
}

// the end of the payload's text as it is escaped in the form → what it stands for
for (const [sent, message] of [
  ["\\n", "\n"],
  ["\\\\n", "\\n"],
  ["\\\\\\n", "\\\\n"],
  ["\\\\\\\\n", "\\\\\\n"],
  ["\\nx\\n", "\nx\n"],
]) {
  test(`${sent} in a form stands for ${JSON.stringify(message)}`, async (t) => {
    const { post, messages } = await open(t, { eio: 4 });
    await post(`d=${encodeURIComponent(`4${sent}`)}`);
    assert.deepEqual(messages, [message]);
  });
}

test("binary content is no form: refused in protocol 4, ignored in protocol 3", async (t) => {
  const headers = { "content-type": "application/octet-stream" };
  const old = await open(t, { eio: 3 });
  assert.equal((await old.post("d=2:4a", headers)).text, "ok");
  assert.deepEqual([old.messages, old.conn.readyState], [[], "open"]);
  const current = await open(t, { eio: 4 });
  assert.equal((await current.post("d=4a", headers)).status, 400);
  assert.equal(current.conn.readyState, "closed");
});

test("a whole conversation of protocol 4", async (t) => {
  const { io, port } = await serve(t);
  io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  const base = "/socket.io/?EIO=4&transport=polling&j=0";
  const { sid } = JSON.parse(unwrap((await request(port, base)).text, 0).slice(1));
  const path = `${base}&sid=${sid}`;
  const post = (text) =>
    request(port, path, { method: "POST", body: `d=${encodeURIComponent(text)}` });
  const get = async () => unwrap((await request(port, path)).text, 0);
  await post("40");
  assert.match(await get(), /^40\{"sid":"[\w-]{20}"\}$/);
  await post('421["echo","a\\\\nb"]');
  assert.equal(await get(), '431["a\\nb"]');
});
