/**
 * The functions of Node that put work off, as they are when the package is loaded. Tests of
 * applications replace them by a clock of their own, which stands still while clients connect.
 * Timeouts that an application can set are not here: such a clock is meant to reach those.
 */
export const { nextTick } = process;
export const { queueMicrotask, setImmediate } = globalThis;

/** Throws an error in a tick of its own, for a caller whose work goes on. */
export function throwLater(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}
