// The names of index.mjs are values; all others of the package are types alone.
export type * from "./dist/index.js";
export { Namespace, Server, Socket } from "./dist/index.js";
