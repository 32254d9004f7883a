// In the place of the types of the package engine.io, which do not compile with TypeScript before 5.7:
// the same members, as the native engine declares them.
import type { Server as NativeServer } from "../../dist/engine/server";
import type { Polling, WebSocket, WebTransport } from "../../dist/engine/session/transports";

export type { Socket } from "../../dist/engine/session/socket";
export type { Transport } from "../../dist/engine/session/transports";

/** An engine. */
export interface Server extends Omit<NativeServer, "opts"> {
  opts: any;
}
export type BaseServer = Server;
export declare const Server: Pick<typeof NativeServer, "errors" | "errorMessages">;

/** Reports the refusal of a request: a code of `Server.errors`, and a context for listeners. */
export type ErrorCallback = (
  errorCode?: (typeof Server.errors)[keyof typeof Server.errors],
  errorContext?: Record<string, unknown> & { name?: string; message?: string },
) => void;

/** The transports by their names. */
export declare const transports: {
  polling: typeof Polling;
  websocket: typeof WebSocket;
  webtransport: typeof WebTransport;
};

/** The option whose type is that of the package engine.io. */
export interface ServerOptions {
  perMessageDeflate?: boolean | { threshold?: number; [option: string]: unknown };
}
