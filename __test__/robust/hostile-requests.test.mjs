// HTTP requests and upgrade requests a server must refuse, and polling bodies it must survive, beside
// the rows of hostile-handshakes.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arena } from "../support/arena.mjs";
import { FORMS } from "../support/forms.mjs";
import { frame, opening, statusOf } from "../support/tcp.mjs";

const POLLING = "EIO=4&transport=polling";
const WEBSOCKET = "EIO=4&transport=websocket";

/** Query, the code a plain GET is refused with. */
const QUERIES = {
  "": 0,
  "transport=webtransport&EIO=4": 0,
  "transport=&EIO=4": 0,
  [WEBSOCKET]: 3,
  "transport=polling": 5,
  "transport=polling&EIO=3": 5,
  "transport=polling&EIO=__proto__": 5,
  "transport=polling&EIO=04": 5,
  [`${POLLING}&sid=%00`]: 1,
  [`${POLLING}&sid=${"x".repeat(8000)}`]: 1,
};

for (const form of FORMS) {
  const attack = (name, body, settings) =>
    test(`${name} (${form})`, { timeout: 120_000 }, async (t) => {
      const a = await arena(t, { form, ...settings });
      await body(a);
      await a.stillServes();
    });

  attack("wrong queries are refused with their code", async (a) => {
    for (const [query, code] of Object.entries(QUERIES)) {
      const answer = await a.request(`/socket.io/?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(JSON.parse(answer.text).code, code, query);
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const answer = await a.request(`/socket.io/?${POLLING}`, { method });
      assert.equal(JSON.parse(answer.text).code, 2, method);
    }
    await a.alone();
  });

  attack("upgrades with a wrong sid or header are refused in words", async (a) => {
    const polling = await a.polling();
    const cases = [
      [`${WEBSOCKET}&sid=nobody`, {}, "Session ID unknown"],
      // a session of protocol 4 cannot go on in protocol 3
      [`EIO=3&transport=websocket&sid=${polling.sid}`, {}, "Bad request"],
      [WEBSOCKET, { Upgrade: "tube" }, "Invalid Upgrade header"],
      [WEBSOCKET, { "Sec-WebSocket-Key": null }, "Missing or invalid Sec-WebSocket-Key header"],
      [WEBSOCKET, { "Sec-WebSocket-Key": "short" }, "Missing or invalid Sec-WebSocket-Key header"],
      [
        WEBSOCKET,
        { "Sec-WebSocket-Version": "12" },
        "Missing or invalid Sec-WebSocket-Version header",
      ],
      [WEBSOCKET, { "Sec-WebSocket-Protocol": "a,,b" }, "Invalid Sec-WebSocket-Protocol header"],
    ];
    for (const [query, headers, text] of cases) {
      const tcp = a.tcp();
      // Frames behind a refused handshake are nobody's.
      await tcp.write(Buffer.concat([Buffer.from(opening(query, headers)), frame(1, "2")]));
      const answer = await tcp.rest();
      assert.match(answer, /^HTTP\/1\.1 400 /, text);
      assert.ok(answer.endsWith(`\r\n\r\n${text}`), answer);
    }
    assert.equal((await polling.post("40")).text, "ok");
  });

  attack("an upgrade to the polling transport gets nothing but a close", async (a) => {
    const ws = await a.websocket({ query: POLLING, extra: frame(1, "40") });
    assert.equal(await ws.closure(), null);
  });

  attack("malformed HTTP is refused", async (a) => {
    const line = `GET /socket.io/?${POLLING} HTTP/1.1\r\nHost: x\r\n`;
    const cases = {
      "a bare CR in a header": [`${line}X-A: a\rb\r\n\r\n`, [400]],
      "a NUL in a header": [`${line}X-A: a\0b\r\n\r\n`, [400]],
      "a space in a header name": [`${line}X A: b\r\n\r\n`, [400]],
      "no HTTP at all": ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", [400]],
      "two lengths": [
        `POST ${line.slice(4)}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
        [400],
      ],
      "a negative length": [`POST ${line.slice(4)}Content-Length: -1\r\n\r\n`, [400]],
      "17 KB of headers": [`${line}X-A: ${"x".repeat(17_000)}\r\n\r\n`, [431]],
    };
    for (const [name, [bytes, statuses]] of Object.entries(cases)) {
      const tcp = a.tcp();
      await tcp.write(bytes);
      const head = await tcp.head();
      // A listener may also drop the connection without a word.
      assert.ok(head === null || statuses.includes(statusOf(head)), `${name}: ${head}`);
    }
    await a.alone();
  });

  attack("packets before a bad one count, those behind it do not", async (a) => {
    const session = await a.polling();
    const id = await session.join();
    await session.post('42["one"]\x1e42["two"]\x1e7\x1e42["late"]');
    const account = await a.gone(id);
    assert.equal(account.reason, "parse error");
    assert.deepEqual(account.events, [["one"], ["two"]]);
  });

  attack("packets behind a close are ignored", async (a) => {
    const session = await a.polling();
    const id = await session.join();
    assert.equal((await session.post('1\x1e42["late"]')).text, "ok");
    const account = await a.gone(id);
    assert.deepEqual([account.reason, account.events], ["transport close", []]);
  });

  attack("two polls at once close the session", async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const first = session.get();
    await a.request(session.path, { method: "PUT" }); // a turn for the first poll to arrive
    const second = await session.get();
    const answers = [await first, second].sort((x, y) => x.status - y.status);
    assert.deepEqual(
      answers.map(({ status, text }) => [status, text]),
      [
        [200, "1"],
        [400, ""],
      ],
    );
    assert.equal((await a.gone(id)).reason, "transport error");
  });

  attack("two posts at once close the session", async (a) => {
    const session = await a.polling();
    const id = await session.join();
    const tcp = a.tcp();
    await tcp.write(`${session.requestText("POST", { "Content-Length": 10 })}4`);
    await a.request(session.path, { method: "PUT" });
    assert.equal((await session.post("4")).status, 400);
    assert.equal((await a.gone(id)).reason, "transport error");
    assert.equal(await tcp.rest(), "");
  });

  attack("other methods on a session do no harm", async (a) => {
    const session = await a.polling();
    await session.join();
    for (const method of ["PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"]) {
      assert.equal((await a.request(session.path, { method })).status, 500, method);
    }
    await session.post('421["echo",1]');
    assert.equal((await session.get()).text, "431[1]");
  });

  attack("one connection, two sessions: requests do not mix", async (a) => {
    const sessions = [await a.polling(), await a.polling()];
    const ids = [await sessions[0].join(), await sessions[1].join()];
    const tcp = a.tcp();
    const bodies = ['42["mine",0]', '42["mine",1]'];
    const posts = sessions.map((session, i) => {
      return session.requestText("POST", { "Content-Length": bodies[i].length }) + bodies[i];
    });
    await tcp.write(posts.join(""));
    assert.equal(statusOf(await tcp.head()), 200);
    assert.match(tcp.received.toString() || "ok", /^ok/);
    await Promise.all(sessions.map((session) => session.post('421["echo",1]')));
    for (const i of [0, 1]) assert.deepEqual(a.accounts.get(ids[i]).events[0], ["mine", i]);
  });
}
