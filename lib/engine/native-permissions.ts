/** The requests that a port may answer without JavaScript: those that no function of the application sees. */
import { isOriginal, type methodsOf } from "./port/instrumentation";
import type { Middleware } from "./requests/middleware";
import type { Server } from "./server";

/** Tells which requests the application cannot see. */
export class NativePermissions {
  /**
   * @param originals - the methods of the class, as it was made
   * @param corsMiddleware - the middleware of the option `cors`, which is known
   */
  constructor(
    private readonly engine: Server,
    private readonly originals: ReturnType<typeof methodsOf>,
    private readonly corsMiddleware: Middleware | null,
  ) {}

  /** The kinds of requests that may be answered natively. */
  mayServe() {
    const { engine, originals } = this;
    const { opts } = engine;
    const has = (event: string) => engine.listenerCount(event) > 0;
    const own = this.corsMiddleware === null ? [] : [this.corsMiddleware];
    const isPlain =
      engine.middlewares.length === own.length &&
      engine.middlewares.every((one, i) => one === own[i]) &&
      isOriginal(engine, originals) &&
      !has("headers");
    const polling =
      isPlain &&
      engine._isEnabled("polling") &&
      !engine._watched &&
      compressesNatively(opts.httpCompression);
    const websocket =
      isPlain &&
      engine._isEnabled("websocket") &&
      !opts.wsEngine &&
      !engine._webSockets.isSeen &&
      !engine._closed;
    const newcomers =
      !opts.allowRequest && !has("initial_headers") && engine.generateId === originals.generateId;
    return {
      handshakes: polling && newcomers,
      polls: polling,
      websockets: websocket && newcomers,
      upgrades: websocket,
    };
  }

  /** True if the application may have put something on the object of a request. */
  isRequestSeen(): boolean {
    const { engine, originals } = this;
    return (
      engine.handleRequest !== originals.handleRequest ||
      engine.handleUpgrade !== originals.handleUpgrade ||
      engine.middlewares.length > (this.corsMiddleware === null ? 0 : 1) ||
      engine.opts.allowRequest !== undefined ||
      engine.listenerCount("initial_headers") + engine.listenerCount("headers") > 0
    );
  }
}

/** True for the compression that the native side does: the defaults, and a threshold. */
function compressesNatively(compression: any): boolean {
  return typeof compression !== "object" || Object.keys(compression).join() === "threshold";
}
