export * from "./dist/engine/exports.js";
