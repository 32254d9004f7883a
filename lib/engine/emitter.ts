/** An EventEmitter that owns nothing until somebody listens: there is one per connection. */
import { EventEmitter } from "node:events";

/**
 * Has all of EventEmitter's methods, which create what they need on first use, and skips its
 * constructor, which would allocate a table for every instance.
 */
const Lean = function LeanEmitter() {} as unknown as new () => EventEmitter;
Object.setPrototypeOf(Lean.prototype, EventEmitter.prototype);

/** Has the methods of an EventEmitter, and no table of listeners until the first one is added. */
export class LeanEmitter extends Lean {}

/** One that is told of every listener before it is added: what is listened to has to be produced. */
export abstract class WatchfulEmitter extends LeanEmitter {
  /** @internal */
  protected abstract noteListener(event: string | symbol): void;

  /** @internal */
  override on(event: string | symbol, listener: (...args: any[]) => void): this {
    this.noteListener(event);
    return super.on(event, listener);
  }

  /** @internal */
  override addListener(event: string | symbol, listener: (...args: any[]) => void): this {
    return this.on(event, listener);
  }

  /** @internal */
  override prependListener(event: string | symbol, listener: (...args: any[]) => void): this {
    this.noteListener(event);
    return super.prependListener(event, listener);
  }
}
