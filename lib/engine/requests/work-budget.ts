/** Spreads work that comes for many clients at once over turns of the event loop. */

/** How long such work may take in one turn, in ms. */
const BUDGET = 10;

/** One kind of work: a queue of those who wait for their turn. */
export class WorkBudget {
  private readonly waiting: (() => void)[] = [];
  private next = 0;
  /** Until when work may begin in this turn; 0 if none has begun. */
  private deadline = 0;

  /** To be awaited before the work, if it is not `undefined`: this turn has had enough of it. */
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

  /** Lets in one after the other while there is time. */
  private release(): void {
    if (this.next === this.waiting.length) {
      this.waiting.length = 0;
      this.next = 0;
    } else if (performance.now() <= this.deadline) {
      this.waiting[this.next++]();
      // What the one let in does, in microtasks, comes before this tick.
      queueMicrotask(() => process.nextTick(() => this.release()));
    }
  }
}
