/**
 * Assignments by which applications and tracing tools change how an engine answers, or see its
 * requests. A replaced method means that requests take the way through Node.
 */
import type { Server } from "../server";

/** Methods of an engine that Node's way calls for each request. */
const REQUEST_METHODS = ["handleRequest", "handleUpgrade", "prepare", "verify", "emit"] as const;

/** Methods of an engine that a port does not call while they are those of the class. */
export const METHODS = [...REQUEST_METHODS, "generateId"] as const;

type Methods = Pick<Server, (typeof METHODS)[number]>;

/** Returns the methods of the class, as they are now. */
export function methodsOf(prototype: Methods): Methods {
  const { handleRequest, handleUpgrade, prepare, verify, emit, generateId } = prototype;
  return { handleRequest, handleUpgrade, prepare, verify, emit, generateId };
}

/** True if the requests of `engine` go to the methods that its class was made with. */
export function isOriginal(engine: Server, originals: Methods): boolean {
  return REQUEST_METHODS.every((name) => engine[name] === originals[name]);
}

/** Calls `changed` after each assignment to a property of `object`, its own or inherited. */
export function noteAssignment(object: any, name: string, changed: () => void): void {
  const prototype = Object.getPrototypeOf(object);
  let isOwn = Object.hasOwn(object, name);
  let own = isOwn ? object[name] : undefined;
  Object.defineProperty(object, name, {
    // An inherited method may be replaced later, on the prototype.
    get: () => (isOwn ? own : prototype[name]),
    set: (value) => {
      isOwn = true;
      own = value;
      changed();
    },
    configurable: true,
    enumerable: Object.prototype.propertyIsEnumerable.call(object, name),
  });
}
