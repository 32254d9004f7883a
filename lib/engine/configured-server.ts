/** The options, the metrics and the events of an engine. */
import { EventEmitter } from "node:events";

import { LiveOptions } from "./live-options";
import { type EngineMetrics, readMetrics } from "./metrics";
import { metricsText } from "./metrics-text";
import type { NativeOptions } from "./native/binding";
import { cacheEpoch } from "./native/outbound";
import type { NativeServerOptions } from "./native-options";
import { checkEngineOptions } from "./option-rules";
import { type ResolvedOptions, readSettings, resolveOptions, type ServerOptions } from "./options";
import { METHODS, noteAssignment } from "./port/instrumentation";
import { EngineCounts } from "./session/engine-counts";
import type { Socket } from "./session/socket";
import { checkOptionsObject } from "./validate";

/** The part of an engine that its options explain. */
export abstract class ConfiguredServer extends EventEmitter {
  /**
   * The options with their defaults. A new value counts for sessions opened later; `pingInterval`,
   * `pingTimeout`, `upgradeTimeout`, `maxHttpBufferSize` and `native` for living ones, too.
   */
  declare opts: ResolvedOptions;
  /** True if somebody listens to `flush` or `drain`. @internal */
  _watched = false;
  private readonly requestWatchers = new Set<() => void>();
  private notesAssignments = false;
  /** The counts of this thread for {@link metrics}. @internal */
  readonly _counts = new EngineCounts();
  private readonly liveOptions: LiveOptions;

  /** @internal */
  constructor(options: ServerOptions) {
    super();
    if (options === null) checkOptionsObject("new Server()", options);
    const resolved = resolveOptions(options);
    checkEngineOptions(resolved, options);
    const changed = () => this._changed();
    // They are asked for within this constructor, too, when there is no table of them.
    const sessions = () => Object.values(this.clients ?? {});
    const live = new LiveOptions(resolved, changed, sessions);
    this.liveOptions = live;
    Object.defineProperty(this, "opts", {
      get: () => live.current,
      set: (opts: ResolvedOptions) => {
        live.current = opts;
      },
      configurable: true,
      enumerable: true,
    });
  }

  /** The sessions by id. */
  abstract get clients(): Record<string, Socket>;

  /** The options as the native engine has them. @internal */
  get _options(): NativeOptions {
    return this.liveOptions.native;
  }

  /** The options of `native`, with their defaults. @internal */
  get _limits(): Required<NativeServerOptions> {
    return this.liveOptions.limits;
  }

  /**
   * Returns a snapshot of what the engine does and has: sessions, connections, traffic, queues, bounds
   * that were reached, refusals, and the dispatch lag. Reading it is cheap: it looks at no object of a
   * session.
   *
   * @example
   * ```ts
   * const { sessions, dispatchLag } = io.engine.metrics();
   * console.log(sessions.websocket.native, dispatchLag.lastSeconds);
   * ```
   */
  metrics(): EngineMetrics {
    return readMetrics(this._options, this._counts);
  }

  /**
   * Returns the same as OpenMetrics text, for Prometheus and others. Its `Content-Type` is the constant
   * `METRICS_CONTENT_TYPE` of `socket.io-native/engine`.
   *
   * @param labels - added to each sample, which tell the engines of a process apart; default: none
   * @throws TypeError for a label whose name is not valid, or is one that the metrics have
   *
   * @example
   * ```ts
   * import { METRICS_CONTENT_TYPE } from "socket.io-native/engine";
   *
   * httpServer.on("request", (req, res) => {
   *   if (req.url !== "/metrics") return;
   *   res.setHeader("Content-Type", METRICS_CONTENT_TYPE);
   *   res.end(io.engine.metricsText({ shop: "north" }));
   * });
   * ```
   */
  metricsText(labels: Record<string, string> = {}): string {
    checkOptionsObject("metricsText()", labels);
    return metricsText(this.metrics(), labels);
  }

  /** True if the option `transports` names the transport. @internal */
  _isEnabled(transport: string | undefined): boolean {
    return this.opts.transports.indexOf(transport as "polling") !== -1;
  }

  /** True if native listeners open sessions. @internal */
  get _hasListeners(): boolean {
    return this.requestWatchers.size > 0;
  }

  /** The requests that may be answered natively may have changed. @internal */
  _changed(): void {
    for (const changed of this.requestWatchers) changed();
  }

  /**
   * Has `changed` called when the requests that may be answered natively may have changed.
   *
   * @returns a function that ends it
   * @internal
   */
  _watchRequests(changed: () => void): () => void {
    if (!this.notesAssignments) {
      this.notesAssignments = true;
      // The engine tells of its options.
      for (const name of ["middlewares", ...METHODS]) {
        noteAssignment(this, name, () => this._changed());
      }
    }
    this.requestWatchers.add(changed);
    return () => this.requestWatchers.delete(changed);
  }

  /** The options that a new session is told in its handshake. @internal */
  _settings() {
    return readSettings(this.opts);
  }

  /** @internal */
  private noteListener(event: string | symbol): void {
    if (event === "flush" || event === "drain") {
      this._watched = true;
      cacheEpoch.value++;
    }
    this._changed();
  }

  /** @internal */
  override on(event: string | symbol, listener: (...args: any[]) => void): this {
    super.on(event, listener);
    this.noteListener(event);
    return this;
  }

  /** @internal */
  override addListener(event: string | symbol, listener: (...args: any[]) => void): this {
    return this.on(event, listener);
  }

  /** @internal */
  override prependListener(event: string | symbol, listener: (...args: any[]) => void): this {
    super.prependListener(event, listener);
    this.noteListener(event);
    return this;
  }
}
