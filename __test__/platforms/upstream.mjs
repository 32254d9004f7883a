// For `node --import`: lets an example run on upstream. It imports our package by its path, and
// this module resolves that path to the npm package socket.io.
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const OURS = new URL("../../index.mjs", import.meta.url).href;

// Loaded twice: in the program, and by `register` in the thread of the module hooks.
if (isMainThread) register(import.meta.url);

/** A resolve hook of node:module. */
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  return found.url === OURS ? next("socket.io", { ...context, parentURL: import.meta.url }) : found;
}
