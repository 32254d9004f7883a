// Waiting without guessing how long: promises that only fail when something hangs.
import { setTimeout as sleep } from "node:timers/promises";

/** After this many milliseconds a wait counts as a hang. */
export const HANG = 180_000;

/** Settles like `promise`; rejects with the name of the wait when it hangs. */
export function within(promise, what, ms = HANG) {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out waiting for ${what}`)), ms);
    timer.unref();
  });
  return Promise.race([promise, hung]).finally(() => clearTimeout(timer));
}

/** Resolves with the arguments of the next `event` of an emitter. */
export function once(emitter, event) {
  const happened = new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  return within(happened, `event "${String(event)}"`);
}

/** Resolves as soon as `condition()` is truthy, with its value; rejects after `ms`. */
export async function until(condition, what = condition.toString(), ms = HANG) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await sleep(5);
  }
}

/**
 * Does `attempt`, and does it again if it fails while this process stood still for `ms` or longer. For
 * promises about time: a machine that gives this process no time cannot show whether they are kept.
 */
export async function unlessStalled(ms, attempt, times = 5) {
  let last = performance.now();
  let longest = 0;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const looking = setInterval(look, 10);
  try {
    return await attempt();
  } catch (error) {
    look();
    if (longest < ms || times <= 1) throw error;
  } finally {
    clearInterval(looking);
  }
  return unlessStalled(ms, attempt, times - 1);
}

/** A promise with its settling functions. */
export function deferred(what = "a deferred value") {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise: within(promise, what), ...settle };
}

const stacks = new WeakMap();

/** Runs `fn` after the test `t`, last one first: clients leave before their server closes. */
export function defer(t, fn) {
  let stack = stacks.get(t);
  if (!stack) {
    stack = [];
    stacks.set(t, stack);
    t.after(async () => {
      for (const one of stack.reverse()) await one();
    });
  }
  stack.push(fn);
}
