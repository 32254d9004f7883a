// The types of the package engine.io: what applications see is assignable to them. Its declarations
// name a generic Buffer, which TypeScript knows from 5.7 on: older ones read before-5.7.d.ts.
export type {
  BaseServer,
  ErrorCallback,
  Server,
  ServerOptions,
  Socket,
  Transport,
  transports,
} from "engine.io";
