export * from "./dist/inspect/index.js";
