/**
 * The types under which applications see the objects of the engine: those of the package `engine.io`,
 * which code that is written for socket.io names. Classes with private members are assignable to
 * themselves alone, so these types are engine.io's own.
 */
import type {
  Server as EngineIoServer,
  Socket as EngineIoSocket,
  Transport as EngineIoTransport,
} from "../../types/engine-io";
import type { ServerOptions } from "./options";
import type { Server as NativeServer } from "./server";
import type { Socket as NativeSocket } from "./session/socket";

/** An engine, `io.engine`: assignable to `Server` and `BaseServer` of the package `engine.io`. */
export interface Server
  extends EngineIoServer,
    Pick<NativeServer, "implementation" | "metrics" | "metricsText"> {
  /** The options in use. Those of the heartbeat and the sizes may be changed while it runs. */
  opts: ServerOptions;
}

/** The class of engines. */
export interface ServerClass {
  /**
   * Makes an engine that is attached to nothing yet.
   *
   * @param options - with the defaults of the package `engine.io`
   */
  new (options?: ServerOptions): Server;
  /** The object from which engines inherit. */
  readonly prototype: Server;
  /** Codes of `connection_error`, and of the JSON that answers a refused request, by name. */
  errors: typeof EngineIoServer.errors;
  /** The texts that go with the codes. */
  errorMessages: typeof EngineIoServer.errorMessages;
}

/** A session, `socket.conn`: the type of the package `engine.io`. */
export type Socket = EngineIoSocket;

/** A transport, `socket.conn.transport`: the type of the package `engine.io`. */
export type Transport = EngineIoTransport;

/** The native session that is declared as a {@link Socket}; one of another engine has less. @internal */
export function nativeSession(conn: Socket): Partial<NativeSocket> {
  return conn as unknown as NativeSocket;
}

/** The native engine that is declared as a {@link Server}; another engine has less. @internal */
export function nativeServer(engine: Server | undefined): Partial<NativeServer> | undefined {
  return engine as unknown as NativeServer | undefined;
}
