export * from "./dist/engine-entry.js";
