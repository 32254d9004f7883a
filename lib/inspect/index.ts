/** The entry `socket.io-native/inspect`: a page that shows a server while it runs. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkFunction, checkOptionsObject, invalidArgument } from "../engine/validate";
import type { Server } from "../index";
import { isLocalRequest } from "./access";
import { mount } from "./mount";
import { Pages } from "./pages";

/** The options of {@link inspect}. */
export interface InspectOptions {
  /**
   * Path of the page on the HTTP server that the Socket.IO server is attached to, as `"/inspect"`. Without
   * it the page is served by {@link Inspector.handler} alone.
   */
  path?: string;
  /**
   * Decides whether a request may see the page and disconnect clients; it is called for each request. Only
   * `true`, or a promise of it, lets the request in; anything else, and an exception, is answered with 403.
   *
   * Default: requests from a loopback address that name a loopback host and have passed no proxy.
   */
  authorize?: (req: IncomingMessage) => boolean | Promise<boolean>;
}

/** A page that shows a server while it runs. */
export interface Inspector {
  /**
   * Answers a request for the page, its data or its actions: for Express, Fastify, Koa and other routers.
   * It needs no `this`.
   *
   * @param req - a GET, HEAD or POST request; only the last segment of its path counts
   * @param res - the response, which it ends
   * @returns resolved once the request is answered; it is never rejected
   *
   * @example
   * ```ts
   * import { inspect } from "socket.io-native/inspect";
   *
   * const page = inspect(io, { authorize: (req) => req.headers["x-user"] === "ada" });
   * httpServer.on("request", (req, res) => {
   *   if (req.url?.startsWith("/admin/inspect/")) page.handler(req, res);
   * });
   * ```
   */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /**
   * Takes the page off the HTTP server; requests that come to the handler later are answered with 404.
   *
   * @example
   * ```ts
   * import { inspect } from "socket.io-native/inspect";
   *
   * const page = inspect(io, { path: "/inspect" });
   * page.close();
   * ```
   */
  close(): void;
}

/**
 * Shows a server while it runs: sessions, rooms, rates, queues, bounds, lag, and each connection, on a page
 * of its own. While no page is open, it has no timer and no listener on clients.
 *
 * @param io - a server; with the option `path` it has to be attached already
 * @param options - where the page is served, and who may see it
 * @throws TypeError or RangeError for an option that cannot be used
 * @throws Error for a `path` without an HTTP server, or within the path of the Socket.IO server
 *
 * @example
 * ```ts
 * import { inspect } from "socket.io-native/inspect";
 *
 * inspect(io, {
 *   path: "/inspect",
 *   authorize: async (req) => req.headers.authorization === `Bearer ${process.env.ADMIN_TOKEN}`,
 * });
 * ```
 */
export function inspect(io: Server<any, any, any, any>, options: InspectOptions = {}): Inspector {
  if (!(io?._nsps instanceof Map)) {
    throw invalidArgument("inspect()", "io", "a server of socket.io-native", io);
  }
  checkOptionsObject("inspect()", options);
  const { path, authorize = isLocalRequest } = options;
  checkFunction("inspect()", "authorize", authorize);
  const pages = new Pages(io, authorize);
  const handler = (req: IncomingMessage, res: ServerResponse) => pages.answer(req, res);
  const unmount = path === undefined ? undefined : mount(io, path, pages);
  return {
    handler,
    close() {
      unmount?.();
      pages.close();
    },
  };
}
