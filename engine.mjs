import engine from "./engine.js";

export const {
  METRICS_CONTENT_TYPE,
  Server,
  Socket,
  Transport,
  attach,
  listen,
  parser,
  protocol,
  transports,
  uServer,
} = engine;
