// The package under test, or its oracle: the same test file runs against either.
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);

/** True when the tests run against the npm package `socket.io` (environment ORACLE=upstream). */
export const isOracle = process.env.ORACLE === "upstream";

/** True when the tests run with the JavaScript engine (`node scripts/test.mjs --engine javascript`). */
export const isJavaScript = !isOracle && process.env.SOCKET_IO_NATIVE_ENGINE === "javascript";

/** The package the tests run against. */
export const name = isOracle ? "socket.io" : "socket.io-native";

if (isOracle || isJavaScript) letGo();

const subject = isOracle ? require("socket.io") : require("../../index.js");

export const { Server, Namespace, Socket } = subject;
/** The package's own callable export: `io(server, options)`. */
export const io = subject;

/** The engine alone: the entry `socket.io-native/engine`, or the package `engine.io`. */
export const engine = isOracle ? require("engine.io") : require("../../engine.js");
/** The name that applications import it by. */
export const engineName = isOracle ? "engine.io" : "socket.io-native/engine";

/** A value that differs on purpose, as the texts of errors do: upstream's, or ours. */
export const differs = (upstream, own) => (isOracle ? upstream : own);

/** A test of a promise that goes beyond upstream: skipped under the oracle, and its engine. */
export function beyond(title, fn) {
  const skip = isOracle
    ? "a promise beyond upstream"
    : isJavaScript && "a promise of the native engine";
  return test(title, { skip }, fn);
}

/**
 * Upstream keeps a polling session that it closes while no poll is pending for 30 s, with its
 * timers, even when the server is gone; that alone must not keep the process of a test alive.
 */
function letGo() {
  const { setTimeout } = globalThis;
  const patched = (fn, ms, ...args) => {
    const timer = setTimeout(fn, ms, ...args);
    if (ms >= 20_000 && new Error().stack.includes("/engine.io/")) timer.unref();
    return timer;
  };
  globalThis.setTimeout = patched;
  require("node:timers").setTimeout = patched;
}
