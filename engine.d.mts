// The names of engine.mjs are values; all others of the package are types alone.
export type * from "./dist/engine-entry.js";
export {
  attach,
  listen,
  METRICS_CONTENT_TYPE,
  parser,
  protocol,
  Server,
  Socket,
  Transport,
  transports,
  uServer,
} from "./dist/engine-entry.js";
