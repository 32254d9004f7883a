/**
 * Stages of packet dispatch: work that arrives in one go and runs together in the next tick.
 *
 * One `process.nextTick` per packet and stage would be the plain way; a stage takes one tick for
 * all packets that arrive before it runs. The order is the same: every call of a stage runs before
 * the first call of the stage it feeds, and an exception leaves the tick as it would leave its own.
 */

import { nextTick } from "../scheduling";

interface Batch {
  /** Runs the calls from the cursor on; may be left by an exception of one of them. */
  run(): void;
  /** True once every call was made. */
  readonly done: boolean;
}

// The oldest batch belongs to the next tick: there are always as many ticks ahead as batches.
const batches: Batch[] = [];
let oldest = 0;

/** From so many batches on, the array keeps the places of those that are done for a while. */
const MANY = 1024;

function forgetOldest(): void {
  if (oldest === 0 && batches.length < MANY) {
    batches.shift();
    return;
  }
  // Taking the first element off a long array moves all others: that is done for many at a time.
  oldest++;
  if (oldest * 2 < batches.length) return;
  batches.splice(0, oldest);
  oldest = 0;
}

function runOldest(): void {
  const batch = batches[oldest];
  try {
    batch.run();
  } finally {
    // An exception goes on to "uncaughtException". What is left keeps its place before the batches
    // that follow, and gets a tick for the one it used up.
    if (batch.done) forgetOldest();
    else nextTick(runOldest);
  }
}

/** True if calls wait for ticks that have not run yet. */
export function isDispatching(): boolean {
  return batches.length > oldest;
}

/** Calls `handler(target, value)` in a later tick, in order of {@link TickQueue.push}. */
export class TickQueue<Target, Value> {
  private waiting: StageBatch<Target, Value> | null = null;

  constructor(private readonly handler: (target: Target, value: Value) => void) {}

  /** Adds a call to the batch of the next tick. */
  push(target: Target, value: Value): void {
    if (this.waiting === null) {
      this.waiting = new StageBatch(this);
      batches.push(this.waiting);
      nextTick(runOldest);
    }
    this.waiting.targets.push(target);
    this.waiting.values.push(value);
  }

  /**
   * Has the next call wait for a tick of its own: code of the application has run since the last
   * one, and the ticks that it asked for come first.
   */
  boundary(): void {
    this.waiting = null;
  }

  /** Takes the batch out, so that calls pushed while it runs wait for a tick of their own. */
  take(batch: StageBatch<Target, Value>): (target: Target, value: Value) => void {
    if (this.waiting === batch) this.waiting = null;
    return this.handler;
  }
}

class StageBatch<Target, Value> implements Batch {
  readonly targets: Target[] = [];
  readonly values: Value[] = [];
  private next = 0;

  constructor(private readonly stage: TickQueue<Target, Value>) {}

  get done(): boolean {
    return this.next === this.targets.length;
  }

  run(): void {
    const handler = this.stage.take(this);
    while (this.next < this.targets.length) {
      const index = this.next++;
      handler(this.targets[index], this.values[index]);
    }
  }
}
