export type * from "./dist/inspect/index.js";
export { inspect } from "./dist/inspect/index.js";
