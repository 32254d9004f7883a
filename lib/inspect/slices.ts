/** Long walks over the maps of a server, in slices: the event loop serves clients in between. */
import { setImmediate } from "../engine/scheduling";

/** The longest slice, in ms. */
const SLICE_MS = 2;
/** The clock is looked at after so many steps. */
const STEPS = 64;

/**
 * Runs a walk to its end, in slices of about {@link SLICE_MS}. The first slice runs at once: a short walk
 * is over when this returns.
 *
 * @param walk - yields after each step
 * @param done - called with what the walk returns
 * @param failed - called with its exception
 */
export function inSlices<T>(
  walk: Generator<void, T>,
  done: (result: T) => void,
  failed: (error: unknown) => void,
): void {
  const slice = () => {
    try {
      const end = performance.now() + SLICE_MS;
      do {
        for (let step = 0; step < STEPS; step++) {
          const { done: isOver, value } = walk.next();
          if (isOver) return done(value);
        }
      } while (performance.now() < end);
    } catch (error) {
      return failed(error);
    }
    setImmediate(slice);
  };
  slice();
}
