// Has the parsers of engine.io decode the bodies of the corpora of `payload_v4` and `payload_v3`: they
// give the same packets, up to the same fault.
//
//   node fuzz/payloads.mjs
import { createRequire } from "node:module";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { at } from "../scripts/lib/files.mjs";
import { build } from "../scripts/lib/fuzz.mjs";
import { dumped } from "../scripts/lib/fuzz-dump.mjs";
import { Complaint, script } from "../scripts/lib/say.mjs";

const require = createRequire(import.meta.url);
const v4 = require("engine.io-parser");
const v3 = require(path.join(path.dirname(require.resolve("engine.io")), "parser-v3/index.js"));

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

/** The decoders by the form of a payload: from a body to the packets of engine.io. */
const DECODERS = {
  v4: (body) => v4.decodePayload(body.toString(), "nodebuffer"),
  v3: (body) => collected((each) => v3.decodePayload(body.toString(), "nodebuffer", each)),
  "v3 binary": (body) => collected((each) => v3.decodePayloadAsBinary(body, "nodebuffer", each)),
};

function collected(decode) {
  const packets = [];
  decode((packet) => {
    packets.push(packet);
  });
  return packets;
}

/** A packet of engine.io as the targets tell it. */
function told({ type, data }) {
  if (Buffer.isBuffer(data) && type === "message") return [-1, data.toString("latin1")];
  // binary of an unknown type, which engine.io passes over, is a noop for ours
  if (type === undefined) return [6, ""];
  // binary data of what is no message means nothing
  return [TYPES.indexOf(type), Buffer.isBuffer(data) ? "" : (data ?? "")];
}

/** Node takes the low byte of a wide character for base64, which is nobody's to rely on. */
const isWideBase64 = (text) =>
  text.split("\x1e").some((piece) => /b.*[\u0100-\ufffc\uffff]/s.test(piece));

function differs({ form, body, packets, fault }) {
  if (form === "v3 binary") {
    // engine.io reads a digit above 9 as two digits, and cuts the payload elsewhere for it
    if (fault && packets.length === 0) return undefined;
  } else if (isWideBase64(Buffer.from(body, "latin1").toString())) return undefined;
  const theirs = DECODERS[form](Buffer.from(body, "latin1"));
  // a length that ends in the middle of a character is a fault for ours
  const isCut = (data) => typeof data === "string" && !data.isWellFormed();
  const end = theirs.findIndex(({ type, data }) => type === "error" || isCut(data));
  const found = (end < 0 ? theirs : theirs.slice(0, end)).map(told);
  const same = isDeepStrictEqual(found, packets) && end >= 0 === fault;
  return same ? undefined : JSON.stringify({ found, fault: end >= 0 });
}

/** Compares the bodies of the folders of a target; gives their number, or complains. */
export async function comparePayloads(program, target, folders) {
  const payloads = await dumped(program, target, folders);
  for (const payload of payloads) {
    const wrong = differs(payload);
    if (wrong) throw new Complaint(`${JSON.stringify(payload)} is decoded otherwise:\n${wrong}`);
  }
  return payloads.length;
}

if (process.argv[1] === import.meta.filename) {
  await script(async () => {
    const targets = ["payload_v4", "payload_v3"];
    const program = await build(targets);
    for (const target of targets) {
      const folder = path.join(at("fuzz/corpus"), target);
      const count = await comparePayloads(program(target), target, [folder]);
      console.log(`${target}: ${count} payloads are the same (Node ${process.version})`);
    }
  });
}
