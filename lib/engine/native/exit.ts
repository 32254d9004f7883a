/**
 * The end of the process: what was sent before it is handed to the kernel, as sockets of Node do it
 * at once. No listener of the application is called for that.
 */

import { setImmediate } from "../scheduling";
import { engine, flush, setHandOver } from "./binding";
import { showDebugLines } from "./debug-lines";
import { takeStreamWrites } from "./inbound";
import { holdOutput, written } from "./inline";
import { writeTogether } from "./stream-table";

/** Names the property of `process` by which the copies of this package share one listener. */
const KEY = Symbol.for("socket.io-native.exit");

/** Callbacks that send messages which wait here, before the flush. */
const beforeExit: (() => void)[] = [];

/** Has `fn` called when the process ends, before all sends are handed over. */
export function onBeforeExit(fn: () => void): void {
  beforeExit.push(fn);
}

/** Bytes that are gathered for a stream: it takes no more at once. */
const STREAM_BYTES = 1 << 20;

/**
 * Hands over all sends, and waits until the kernel has them: not for clients that take nothing, and not
 * longer than 1,500 ms.
 *
 * @param begins - the time counts from now on
 */
function flushForExit(begins: boolean): void {
  for (const before of beforeExit) before();
  const gathered = new Map<number, { chunks: Buffer[]; bytes: number }>();
  holdOutput(() => {
    gatherAll(gathered, begins);
    for (const [stream, { chunks }] of gathered) writeTogether(stream, chunks);
  });
}

/** Hands over all sends, and gathers what this thread has to write for that. */
function gatherAll(
  gathered: Map<number, { chunks: Buffer[]; bytes: number }>,
  begins: boolean,
): void {
  flush();
  let isMore = engine.flushForExit(begins, true);
  for (;;) {
    const writes = takeStreamWrites();
    for (const [stream, data] of writes) gather(gathered, stream, data);
    if (!isMore || writes.length === 0) break;
    isMore = engine.flushForExit(false, true);
  }
  if (isMore) engine.flushForExit(false, false);
}

function gather(
  gathered: Map<number, { chunks: Buffer[]; bytes: number }>,
  stream: number,
  data: Buffer,
): void {
  let known = gathered.get(stream);
  if (known === undefined) {
    known = { chunks: [], bytes: 0 };
    gathered.set(stream, known);
  }
  known.chunks.push(data);
  known.bytes += data.length;
  // The engine gives more once it is told that this has been written.
  if (known.bytes < STREAM_BYTES) written(stream, data.length);
}

/** Flushes, and swallows any fault: the process ends all the same. */
function attempt(begins: boolean): void {
  try {
    flushForExit(begins);
    showDebugLines();
  } catch {
    // Nobody is left to be told.
  }
}

let isExiting = false;

/** Flushes at the end of the process; other listeners come later, and their sends go out at once. */
function onExit(): void {
  isExiting = true;
  setHandOver(() => attempt(false));
  attempt(true);
  // Somebody may only have emitted the event.
  setImmediate(() => {
    isExiting = false;
    setHandOver(null);
  }).unref();
}

/** The callbacks of the copies of this package at the end of the process. */
interface Hooks {
  exit: Set<() => void>;
  /** The process may be ended by what is called next. */
  kill: Set<() => void>;
}

let installed = false;

/** Has all sends before the end of the process handed over. It is called once at least. */
export function watchExit(): void {
  if (installed) return;
  installed = true;
  const host = process as unknown as Record<symbol, Hooks | undefined>;
  let hooks = host[KEY];
  if (hooks === undefined) {
    hooks = install();
    Object.defineProperty(process, KEY, { value: hooks });
  }
  hooks.exit.add(onExit);
  hooks.kill.add(() => attempt(!isExiting));
}

function install(): Hooks {
  const hooks: Hooks = { exit: new Set(), kill: new Set() };
  const run = (set: Set<() => void>) => {
    for (const hook of set) hook();
  };
  process.on("exit", () => run(hooks.exit));
  // These end the process without that event, and before this tick has ended.
  precede("reallyExit", () => run(hooks.kill));
  precede("abort", () => run(hooks.kill));
  precede("kill", (pid, signal) => {
    if (signal !== 0 && isOwn(Number(pid))) run(hooks.kill);
  });
  return hooks;
}

/** True if a signal to `pid` comes to this process. */
function isOwn(pid: number): boolean {
  return pid === process.pid || pid === 0 || pid === -1 || pid === -process.pid;
}

/** Has `before` called before a method of `process`. */
function precede(name: string, before: (...args: unknown[]) => void): void {
  const host = process as unknown as Record<string, (...args: unknown[]) => unknown>;
  const method = host[name];
  if (typeof method !== "function") return;
  const descriptor = Object.getOwnPropertyDescriptor(host, name) ?? { configurable: true };
  if (!descriptor.configurable && !descriptor.writable) return;
  const replacement = function (this: unknown, ...args: unknown[]) {
    before(...args);
    return Reflect.apply(method, this, args);
  };
  for (const key of ["name", "length"]) {
    const value = (method as unknown as Record<string, unknown>)[key];
    Object.defineProperty(replacement, key, { value, configurable: true });
  }
  host[name] = replacement;
}
