/**
 * Shows what the native engine tells those who debug it, by the package `debug`:
 * `DEBUG=socket.io-native:*`. Without that the engine makes no lines.
 */
import createDebug = require("debug");

import { queueMicrotask } from "../scheduling";
import { engine } from "./binding";
import { Topic } from "./contract";
import { implementation } from "./load";

/** The loggers, by the numbers of {@link Topic}. */
const loggers: createDebug.Debugger[] = [];
loggers[Topic.Session] = createDebug("socket.io-native:session");
loggers[Topic.Listener] = createDebug("socket.io-native:listener");
loggers[Topic.Connection] = createDebug("socket.io-native:connection");

/** The topics that the engine tells of, a bit each. */
let enabled = 0;

/** Tells the engine which topics somebody reads. */
function refresh(): void {
  let topics = 0;
  for (const [topic, logger] of loggers.entries()) {
    if (logger.enabled) topics |= 1 << topic;
  }
  if (topics === enabled) return;
  if (topics === 0) showDebugLines();
  enabled = topics;
  engine.enableDebug(topics);
}

/** Shows the lines that there are. To be called in each turn, and when the process ends. */
export function showDebugLines(): void {
  if (enabled === 0) return;
  for (const { topic, text } of engine.takeDebugLines()) loggers[topic]("%s", text);
}

/**
 * Has `changed` called after each call of `debug.enable()` and `debug.disable()`, which both set this
 * property: sessions may begin natively before this thread has another reason to look.
 */
function watchNamespaces(changed: () => void): void {
  const host = createDebug as unknown as { namespaces: unknown };
  const before = Object.getOwnPropertyDescriptor(host, "namespaces");
  if (before?.configurable === false) return;
  let value = host.namespaces;
  Object.defineProperty(host, "namespaces", {
    get: before?.get ?? (() => value),
    set: (namespaces) => {
      if (before?.set !== undefined) before.set.call(host, namespaces);
      else value = namespaces;
      // Its parts are stored after it.
      queueMicrotask(changed);
    },
    configurable: true,
    enumerable: true,
  });
}

if (implementation === "native") {
  watchNamespaces(refresh);
  refresh();
}
