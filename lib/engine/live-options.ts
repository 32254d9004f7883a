/** The options of an engine, which may be changed while it lives: a new value counts from then on. */
import { NativeOptions } from "./native/binding";
import { type NativeServerOptions, readNativeOptions } from "./native-options";
import { deflateOptions, type ResolvedOptions, readLimits } from "./options";

/** Options that living sessions are held to by the native engine. */
const LIMITS = new Set<string | symbol>([
  "pingInterval",
  "pingTimeout",
  "upgradeTimeout",
  "maxHttpBufferSize",
]);

/** The bounds over all clients that the native engine keeps. */
const sumsOf = (limits: Required<NativeServerOptions>): [number, number, number, number] => [
  limits.maxBufferedBytesOfAll,
  limits.maxAttachmentBytesOfAll,
  limits.maxCompressionContexts,
  limits.maxBodyBytesOfAll,
];

/** Options of `native` that the native engine is told together. */
const LIMIT_NAMES = [
  "maxConnections",
  "maxConnectionsPerAddress",
  "maxHandshakesPerSecond",
  "maxEventsPerSecond",
  "maxBytesPerSecond",
  "maxAttachments",
  "maxDepth",
] as const;

/** A session with its address: empty for a UNIX socket, null if there is none. */
interface CountedSession {
  readonly _handle: number;
  readonly _countedAddress: string | null;
}

/** Tells the native engine of the options, and of each change. */
export class LiveOptions {
  /** The options as the native engine has them. */
  readonly native = new NativeOptions();
  /** The options of `native`, with their defaults. */
  limits: Required<NativeServerOptions> = readNativeOptions(undefined);
  private observed: ResolvedOptions;

  /**
   * @param onchange - called after each change of an option, and not for what is changed inside one
   * @param sessions - gives the sessions that there are
   * @throws TypeError or RangeError for an option of `native` that cannot be used
   */
  constructor(
    options: ResolvedOptions,
    private readonly onchange: () => void,
    private readonly sessions: () => Iterable<CountedSession>,
  ) {
    this.observed = this.observe(options);
    this.applyNative(options.native);
    this.applyLimits();
    const deflate = deflateOptions(options.perMessageDeflate);
    if (deflate !== null) this.native.setDeflate(deflate);
  }

  /** The options; one that is set or deleted on this object reaches the native engine at once. */
  get current(): ResolvedOptions {
    return this.observed;
  }

  /**
   * Replaces all options.
   *
   * @throws TypeError or RangeError for an option of `native` that cannot be used
   */
  set current(options: ResolvedOptions) {
    this.applyNative(options?.native);
    this.observed = this.observe(options);
    this.applyLimits();
    this.onchange();
  }

  private observe(options: ResolvedOptions): ResolvedOptions {
    // A proxy needs an object; requests fail on anything else, as they do on an engine of upstream.
    if (typeof options !== "object" || options === null) return options;
    const change = (key: string | symbol, native: unknown, act: () => boolean): boolean => {
      // Before it is stored: a value that cannot be used leaves the old one.
      if (key === "native") this.applyNative(native);
      const done = act();
      if (LIMITS.has(key)) this.applyLimits();
      this.onchange();
      return done;
    };
    return new Proxy(options, {
      set: (target, key, value) => change(key, value, () => Reflect.set(target, key, value)),
      deleteProperty: (target, key) =>
        change(key, undefined, () => Reflect.deleteProperty(target, key)),
      defineProperty: (target, key, descriptor) =>
        change(key, descriptor.value, () => Reflect.defineProperty(target, key, descriptor)),
    });
  }

  private applyNative(given: unknown): void {
    const before = this.limits;
    this.limits = readNativeOptions(given);
    this.native.setBuffering(this.limits.maxBufferedBytes, this.limits.keepReadersMs);
    const { maxPendingBytes } = this.limits;
    // The native engine begins with the default, too.
    if (maxPendingBytes !== before.maxPendingBytes) this.native.setMaxPending(maxPendingBytes);
    const [sums, sumsBefore] = [sumsOf(this.limits), sumsOf(before)];
    if (sums.some((sum, i) => sum !== sumsBefore[i])) this.native.setSums(...sums);
    if (LIMIT_NAMES.some((name) => this.limits[name] !== before[name])) {
      this.applyNativeLimits(before);
    }
  }

  private applyNativeLimits(before: Required<NativeServerOptions>): void {
    const { limits, native } = this;
    native.setLimits({
      connections: limits.maxConnections,
      connectionsOfAddress: limits.maxConnectionsPerAddress,
      handshakes: limits.maxHandshakesPerSecond,
      events: limits.maxEventsPerSecond,
      bytes: limits.maxBytesPerSecond,
      attachments: limits.maxAttachments,
      depth: limits.maxDepth,
    });
    if (limits.maxConnectionsPerAddress === 0 || before.maxConnectionsPerAddress > 0) return;
    // Addresses are counted only while they are limited.
    for (const { _handle: handle, _countedAddress: address } of this.sessions()) {
      if (address !== null) native.countAddress(handle, address);
    }
  }

  private applyLimits(): void {
    let limits: ReturnType<typeof readLimits>;
    try {
      limits = readLimits(this.observed);
    } catch {
      // It can become no number: the next handshake tells so. Living sessions keep what they have.
      return;
    }
    const { pingInterval, pingTimeout, upgradeTimeout, maxMessage } = limits;
    this.native.set(pingInterval, pingTimeout, upgradeTimeout, maxMessage);
  }
}
