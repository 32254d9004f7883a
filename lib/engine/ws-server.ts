/**
 * The WebSocket server of an engine: `io.engine.ws`. The native engine serves WebSockets; upstream has a
 * server of the package `ws` there, which applications listen to, change, or replace.
 */
import type { EventEmitter } from "node:events";

import { checkWsEngine } from "./option-rules";
import type { ResolvedOptions } from "./options";
import type { UpgradeRequest } from "./requests/upgrade";
import {
  adoptExternal,
  type ExternalServer,
  externalOptions,
} from "./session/external-connections";

/** A server of the package `ws`, as far as it is looked at. */
type WsServer = ExternalServer & EventEmitter & { options: Record<string, unknown> };

/** Methods of a server of `ws` that applications replace to see or to change upgrades. */
const METHODS = ["handleUpgrade", "shouldHandle", "completeUpgrade"];

/** The WebSocket server of one engine. */
export class WebSocketServers {
  /** The one that the application has chosen, by the option `wsEngine` or by an assignment. */
  private chosen: ExternalServer | null = null;
  /** The one that the application has asked for where the native engine serves. */
  private shown: ShownServer | null = null;

  /**
   * @param options - gives the engine's options, as they are now
   * @param isEnabled - true if the transport `websocket` is
   * @param changed - called when another server may be in charge
   */
  constructor(
    private readonly options: () => ResolvedOptions,
    private readonly isEnabled: () => boolean,
    private readonly changed: () => void,
  ) {}

  /**
   * Opens for WebSockets, again if need be: another server takes the place of the one before.
   *
   * @throws TypeError if the option `wsEngine` is no WebSocket server
   */
  open(): void {
    if (!this.isEnabled()) return;
    const options = this.options();
    if (Object.hasOwn(options, "wsEngine")) checkWsEngine(options.wsEngine);
    this.close();
    this.chosen = null;
    this.shown = null;
    if (!Object.hasOwn(options, "wsEngine")) return;
    this.chosen = adoptExternal(new options.wsEngine(externalOptions(options)));
  }

  /** Accepts no more WebSockets. */
  close(): void {
    this.chosen?.close();
    this.shown?.server.close();
  }

  /** The server as the application sees it; `undefined` without the transport `websocket`. */
  get current(): any {
    if (this.chosen !== null) return this.chosen;
    if (this.shown === null && this.isEnabled()) {
      this.shown = new ShownServer(this.options());
      this.changed();
    }
    return this.shown?.server;
  }

  set current(server: any) {
    if (server !== undefined && server === this.shown?.server) return;
    this.chosen = server ?? null;
    this.shown = null;
    this.changed();
  }

  /** The server that serves upgrade requests; `undefined`: the native engine does. */
  get serving(): ExternalServer | undefined {
    if (this.chosen !== null) return this.chosen;
    return this.shown?.isChanged ? this.shown.server : undefined;
  }

  /** True if upgrade requests have to go through this thread. */
  get isSeen(): boolean {
    return this.chosen !== null || this.shown !== null;
  }

  /** True if the application has closed the server. */
  get isClosed(): boolean {
    return this.shown?.isClosed === true;
  }

  /** Tells listeners of `headers` of the answer to an upgrade request: they may change its lines. */
  announce(lines: string[], { req }: UpgradeRequest): void {
    this.shown?.server.emit("headers", lines, req);
  }

  /** Has listeners of `wsClientError` answer a bad upgrade request; false: there are none. */
  answerBad({ req, socket, head }: UpgradeRequest): boolean {
    const { server = null } = this.shown ?? {};
    if (server === null || server.listenerCount("wsClientError") === 0) return false;
    // It finds the same fault, and tells of it.
    server.handleUpgrade(req, socket, head, (ws) => ws.close());
    return true;
  }
}

/** A server of `ws` in whose place the native engine serves, as long as the application leaves it as it is. */
class ShownServer {
  readonly server: WsServer;
  isClosed = false;
  /** Its options as it was made with them. */
  private readonly made: Record<string, unknown>;

  constructor(options: ResolvedOptions) {
    const server: WsServer = new (wsServerClass())(externalOptions(options));
    this.server = adoptExternal(server) as WsServer;
    this.made = { ...server.options };
    const { close } = server;
    const noteClose = (callback?: () => void) => {
      this.isClosed = true;
      return (close as (callback?: () => void) => void).call(server, callback);
    };
    Object.defineProperty(server, "close", {
      value: noteClose,
      writable: true,
      configurable: true,
    });
  }

  /** True if the application has changed how it takes WebSockets. */
  get isChanged(): boolean {
    const { server, made } = this;
    if (METHODS.some((name) => Object.hasOwn(server, name))) return true;
    const { options } = server;
    return Object.keys(options).some((name) => options[name] !== made[name]);
  }
}

/** The class of WebSocket servers of `engine.io`, which is that of the package `ws`. */
function wsServerClass(): new (options: object) => WsServer {
  const { Server } = require("engine.io");
  // Without WebSockets, it makes none of its own.
  return new Server({ transports: ["polling"] }).opts.wsEngine;
}
