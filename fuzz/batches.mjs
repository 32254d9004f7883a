// Has `JSON.parse` read the batches that the target `batch` makes of its corpus: each is one array with
// as many items as went in, and the payloads of clients stand in their places.
//
//   node fuzz/batches.mjs
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { at } from "../scripts/lib/files.mjs";
import { build } from "../scripts/lib/fuzz.mjs";
import { dumped } from "../scripts/lib/fuzz-dump.mjs";
import { Complaint, script } from "../scripts/lib/say.mjs";

/** The difference between a batch and what went in, or `undefined`. */
function difference({ text, items, payloads, texts }) {
  let array;
  try {
    array = JSON.parse(text);
  } catch (error) {
    return error.message;
  }
  if (!Array.isArray(array) || array.length !== items) {
    return `${array.length} items instead of ${items}`;
  }
  for (const [place, json] of payloads) {
    if (!isDeepStrictEqual(array[place], JSON.parse(json))) return `payload at ${place}: ${json}`;
  }
  for (const [place, string] of texts) {
    if (array[place] !== string) return `text at ${place}: ${string}`;
  }
  return undefined;
}

/** Compares the batches of folders; gives their number, or complains. */
export async function compareBatches(program, folders) {
  const batches = await dumped(program, "batch", folders);
  for (const batch of batches) {
    const wrong = difference(batch);
    if (wrong) throw new Complaint(`JSON.parse reads a batch otherwise: ${wrong}\n${batch.text}`);
  }
  return batches.length;
}

if (process.argv[1] === import.meta.filename) {
  await script(async () => {
    const program = (await build(["batch"]))("batch");
    const count = await compareBatches(program, [path.join(at("fuzz/corpus"), "batch")]);
    console.log(`${count} batches are the same for JSON.parse (Node ${process.version})`);
  });
}
