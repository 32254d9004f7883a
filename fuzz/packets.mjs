// Has socket.io-parser decode the messages of the target `packets`' corpus: it accepts the same ones,
// reads the same packets and refuses with the same words.
//
//   node fuzz/packets.mjs
import { createRequire } from "node:module";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { at } from "../scripts/lib/files.mjs";
import { build } from "../scripts/lib/fuzz.mjs";
import { dumped } from "../scripts/lib/fuzz-dump.mjs";
import { Complaint, script } from "../scripts/lib/say.mjs";

const { Decoder } = createRequire(import.meta.url)("socket.io-parser");
/** Found when attachments are put in their places, which ours leaves to JavaScript. */
const LATER = "illegal attachments";

/** The outcome of a message for socket.io-parser: a packet, or the words of an error. */
function theirs(text, attachments) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (decoded) => {
    packet = decoded;
  });
  try {
    decoder.add(text);
    for (let i = 0; i < attachments; i++) {
      if (packet) return { error: `complete after ${i} attachments` };
      decoder.add(Buffer.alloc(0));
    }
  } catch (error) {
    return { error: error.message };
  }
  return packet ? { packet } : { error: "incomplete" };
}

function differs(ours) {
  // the engine of socket.io hands over `undefined` instead, which the parser refuses in other words
  if (ours.text === "") return ours.error ? undefined : "an empty message";
  const { packet, error } = theirs(ours.text, ours.attachments ?? 0);
  if (ours.error !== undefined || error !== undefined) {
    if (error === LATER && ours.attachments > 0) return undefined;
    return error === ours.error
      ? undefined
      : `socket.io-parser: ${error ?? JSON.stringify(packet)}`;
  }
  // a binary packet is a plain one when it is complete
  const type = ours.type > 4 ? ours.type - 3 : ours.type;
  const id = ours.id === "" ? undefined : Number(JSON.parse(ours.id));
  const data = ours.json === null || ours.attachments > 0 ? undefined : JSON.parse(ours.json);
  const expected = { type, nsp: ours.nsp, id, data };
  const found = { type: packet.type, nsp: packet.nsp, id: packet.id, data: packet.data };
  if (ours.attachments > 0) found.data = undefined;
  return isDeepStrictEqual(found, expected) ? undefined : JSON.stringify({ found, expected });
}

/** Compares the messages of folders; gives their number, or complains. */
export async function comparePackets(program, folders) {
  const messages = await dumped(program, "packets", folders);
  for (const message of messages) {
    const wrong = differs(message);
    if (wrong) throw new Complaint(`${JSON.stringify(message)} is decoded otherwise:\n${wrong}`);
  }
  return messages.length;
}

if (process.argv[1] === import.meta.filename) {
  await script(async () => {
    const program = (await build(["packets"]))("packets");
    const count = await comparePackets(program, [path.join(at("fuzz/corpus"), "packets")]);
    console.log(`${count} messages are the same for socket.io-parser (Node ${process.version})`);
  });
}
