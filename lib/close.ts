/** The options of `io.close()`, and the end of an HTTP server in bounded time. */
import type { Server as NetServer } from "node:net";

import { socketsOf } from "./engine/node-internals";
import { invalidArgument } from "./engine/validate";

/** The options of `io.close()`. */
export interface CloseOptions {
  /**
   * Milliseconds after which adapters are not waited for any more, and the connections that the HTTP
   * server still has are destroyed: long responses, WebSockets of other packages. Default: none, they
   * are waited for.
   */
  timeout?: number;
  /**
   * Leaves the HTTP server open: it goes on serving, without Socket.IO's listeners. Requests for the
   * path go to its other listeners. Default: `false`.
   */
  keepHttpServer?: boolean;
}

/** A function that is called when the server has closed. */
export type Closed = (err?: Error) => void;

/** The part of an HTTP, HTTPS or HTTP/2 server that is used here. */
interface Closable {
  close(callback: Closed): unknown;
  closeAllConnections?(): void;
}

/** The time in ms for which the end of a server is waited for when its connections are destroyed. */
const GRACE_MS = 1000;

// Not the ones that an application's tests replace by a clock of their own.
const { setTimeout, clearTimeout } = globalThis;

/** The longest delay of a timer, in ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Tells options from a callback.
 *
 * @throws TypeError for an option that cannot be used
 */
export function closeArguments(
  first: CloseOptions | Closed | undefined,
  fn: Closed | undefined,
): { options: CloseOptions; done: Closed | undefined } {
  if (typeof first !== "object" || first === null) return { options: {}, done: first ?? fn };
  const { timeout, keepHttpServer } = first;
  if (timeout !== undefined && !(typeof timeout === "number" && timeout >= 0)) {
    throw invalidArgument("close()", "timeout", "a number of milliseconds", timeout);
  }
  if (keepHttpServer !== undefined && typeof keepHttpServer !== "boolean") {
    throw invalidArgument("close()", "keepHttpServer", "a boolean", keepHttpServer);
  }
  return { options: { timeout, keepHttpServer }, done: fn };
}

/** The time that closing may take. */
export class Deadline {
  /** Resolved when the time is over; never without a time. */
  private readonly over: Promise<void>;
  private timer: NodeJS.Timeout | undefined;

  constructor(ms: number | undefined) {
    this.over = new Promise((resolve) => {
      if (ms !== undefined) this.timer = setTimeout(resolve, Math.min(ms, MAX_DELAY_MS));
    });
  }

  /** Waits for a promise until the time is over. */
  async wait(work: Promise<unknown>): Promise<void> {
    await (this.timer === undefined ? work : Promise.race([work, this.over]));
  }

  /** Nothing is waited for any more. */
  cancel(): void {
    clearTimeout(this.timer);
  }

  /** Closes a server, and destroys its connections when the time is over. Never rejects. */
  close(server: Closable, done: Closed): Promise<void> {
    return new Promise((resolve) => {
      let grace: NodeJS.Timeout | undefined;
      let isClosed = false;
      const closed = (err?: Error) => {
        if (isClosed) return;
        isClosed = true;
        this.cancel();
        clearTimeout(grace);
        done(err);
        resolve();
      };
      server.close(closed);
      if (this.timer === undefined) return;
      this.over.then(() => {
        if (isClosed) return;
        destroyConnections(server);
        const error = new Error("the HTTP server has not closed in time");
        grace = setTimeout(closed, GRACE_MS, Object.assign(error, { code: "ERR_CLOSE_TIMEOUT" }));
      });
    });
  }
}

/** Destroys the connections of a server, WebSockets of other packages too. */
function destroyConnections(server: Closable): void {
  server.closeAllConnections?.();
  for (const socket of socketsOf(server as unknown as NetServer)) socket.destroy();
}
