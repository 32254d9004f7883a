/**
 * What applications and tracing tools replace in order to see the requests of an engine: while
 * something is replaced, every request takes the way through Node.
 */
import type { Server } from "../server";

/** Methods of an engine that Node's way calls for each request. */
export const REQUEST_METHODS = [
  "handleRequest",
  "handleUpgrade",
  "prepare",
  "verify",
  "emit",
] as const;

type Methods = Pick<Server, (typeof REQUEST_METHODS)[number] | "generateId">;

/** The methods of the class, as it was made. */
export function methodsOf(prototype: Methods): Methods {
  const { handleRequest, handleUpgrade, prepare, verify, emit, generateId } = prototype;
  return { handleRequest, handleUpgrade, prepare, verify, emit, generateId };
}

/** Whether an engine's requests go where they went when its class was made. */
export function isOriginal(engine: Server, originals: Methods): boolean {
  return REQUEST_METHODS.every((name) => engine[name] === originals[name]);
}
