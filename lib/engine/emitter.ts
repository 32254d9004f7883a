/** An EventEmitter that owns nothing until somebody listens: there is one per connection. */
import { EventEmitter } from "node:events";

/**
 * Has all of EventEmitter's methods, which create what they need on first use, and skips its
 * constructor, which would allocate a table for every instance.
 */
const Lean = function LeanEmitter() {} as unknown as new () => EventEmitter;
Object.setPrototypeOf(Lean.prototype, EventEmitter.prototype);

export class LeanEmitter extends Lean {}
