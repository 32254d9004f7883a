// A server on a port of its own answers raw requests byte for byte as an attached one does, but
// for the case of the names of headers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { normalised, statuses } from "../support/exercise.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { Polling } from "../support/raw.mjs";
import { CASES, CUT } from "../support/requests/index.mjs";
import { Tcp } from "../support/tcp.mjs";
import { until } from "../support/wait.mjs";

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, deflate: inflateSync };

/** Sends what a case says to a server of its own in this form, and keeps all that comes back. */
async function transcript(t, form, { options, prepare, parts, coded }) {
  const { io, port } = await SERVE[form](t, options);
  const variables = { sid: "none", port };
  if (prepare) {
    const session = await Polling.open(t, port);
    variables.sid = session.sid;
    await prepare(session, io.engine.clients[session.sid]);
  }
  const answer = await talk(
    t,
    port,
    parts.map((part) => filled(part, variables)),
  );
  return normalised(coded ? decoded(answer) : answer);
}

/** Writes the parts, each once the answer to the one before has begun; null is the end. */
async function talk(t, port, parts) {
  const tcp = await Tcp.open(t, port);
  tcp.socket.setNoDelay(true);
  for (const [i, part] of parts.entries()) {
    const before = tcp.received.length;
    if (part === null) tcp.socket.end();
    else tcp.write(part);
    if (i < parts.length - 1 && parts[i + 1] !== null) {
      await until(() => tcp.received.length > before || tcp.ended, `an answer to part ${i}`);
    }
  }
  return tcp.rest();
}

/** An answer: how its body is cut into chunks, and packed, is nobody's business. */
function decoded(answer) {
  const end = answer.indexOf("\r\n\r\n") + 4;
  const head = answer.slice(0, end);
  const body = Buffer.from(answer.slice(end), "latin1");
  const whole = /^Transfer-Encoding: chunked\r$/m.test(head) ? joined(body) : body;
  const coding = /^content-encoding: (\w+)\r$/im.exec(head)?.[1];
  return head + (coding ? DECODERS[coding](whole) : whole).toString("latin1");
}

/** The content of a chunked body. */
function joined(body) {
  const pieces = [];
  for (let at = 0; ; ) {
    const line = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, line), 16);
    if (!(length > 0)) return Buffer.concat(pieces);
    pieces.push(body.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}

/** Puts the session id and the port where the text names them. */
function filled(part, { sid, port }) {
  if (typeof part !== "string") return part;
  return part.replaceAll("{sid}", sid).replaceAll("{port}", port);
}

for (const [title, { statuses: expected, ...given }] of Object.entries(CASES)) {
  test(title, async (t) => {
    const attached = await transcript(t, "attached", given);
    const port = await transcript(t, "port", given);
    // the requests do what they are meant to do
    assert.deepEqual(statuses(attached), expected, attached.slice(0, 2000));
    assert.equal(port, attached);
  });
}

for (const [title, { text, after, statuses: expected }] of Object.entries(CUT)) {
  for (const form of FORMS) {
    test(`${title}, cut in two at every place [${form}]`, async (t) => {
      const { port } = await SERVE[form](t);
      const bytes = Buffer.from(text, "latin1");
      const ask = async (cut) => {
        const tcp = await Tcp.open(t, port);
        tcp.socket.setNoDelay(true);
        tcp.write(bytes.subarray(0, cut));
        return { tcp, cut };
      };
      const answer = async (tcp) => {
        if (after) {
          await until(() => tcp.received.length > 0, "an answer");
          tcp.write(after);
        }
        return normalised(await tcp.rest());
      };
      const expectation = await answer((await ask(bytes.length)).tcp);
      assert.deepEqual(statuses(expectation), expected, expectation);
      const halves = await Promise.all(Array.from(bytes.keys()).slice(1).map(ask));
      // a connection of its own, asked after all first halves, is answered after they were read
      await answer((await ask(bytes.length)).tcp);
      for (const { tcp, cut } of halves) tcp.write(bytes.subarray(cut));
      const differing = [];
      for (const { tcp, cut } of halves) {
        const answered = await answer(tcp);
        if (answered !== expectation) differing.push({ cut, answered });
      }
      assert.deepEqual(differing, []);
    });
  }
}
