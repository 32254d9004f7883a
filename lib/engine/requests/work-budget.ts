/** Spreads work that comes for many clients at once over turns of the event loop. */

import { nextTick, queueMicrotask, setImmediate } from "../scheduling";

/** The time for such work in one turn, in ms. */
const BUDGET = 10;

/** One kind of work: a queue of clients that wait for their turn. */
export class WorkBudget {
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  /** Until when work may begin in this turn; 0 if none has begun. */
  private deadline = 0;

  /** Returns a promise to be awaited before the work; `undefined`: there is time in this turn. */
  enter(): Promise<void> | undefined {
    if (this.deadline === 0) this.begin();
    else if (this.waiting.length > 0 || performance.now() > this.deadline) {
      return new Promise((resolve) => this.waiting.push(resolve));
    }
    return undefined;
  }

  private begin(): void {
    this.deadline = performance.now() + BUDGET;
    setImmediate(() => {
      this.deadline = 0;
      if (this.waiting.length === 0) return;
      this.begin();
      this.release();
    });
  }

  /** Lets waiting clients in, one after another, while there is time. */
  private release(): void {
    if (this.next === this.waiting.length) {
      this.waiting.length = 0;
      this.next = 0;
    } else if (performance.now() <= this.deadline) {
      this.waiting[this.next++]();
      // Its work goes on in microtasks, which come before this tick.
      queueMicrotask(() => nextTick(() => this.release()));
    }
  }
}
