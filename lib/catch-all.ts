/** Listeners for every event of a socket, incoming and outgoing. */
import type { Packet } from "socket.io-parser";
import { cacheEpoch } from "./engine/native/outbound";
import { noteReplacement } from "./engine/replaced";
import { type EventsMap, StrictEventEmitter } from "./typed-events";

type Listener = (...args: any[]) => void;

/** An emitter with catch-all listeners. */
export abstract class CatchAllEmitter<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ReservedEvents extends EventsMap,
> extends StrictEventEmitter<ListenEvents, EmitEvents, ReservedEvents> {
  /** The listeners of {@link CatchAllEmitter.onAny}. */
  protected _anyListeners?: Listener[] = undefined;
  /** The listeners of {@link CatchAllEmitter.onAnyOutgoing}. */
  protected _anyOutgoingListeners?: Listener[] = undefined;

  /**
   * Adds a listener for every incoming event. It is called before the event's own listeners, with
   * the name, the arguments, and the function that answers if the client waits for one.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * socket.onAny((name, ...args) => console.log("incoming: %s", name, args));
   * ```
   */
  onAny(listener: (...args: any[]) => void): this {
    this._anyListeners ??= [];
    this._anyListeners.push(listener);
    return this;
  }

  /**
   * Same as {@link CatchAllEmitter.onAny}, in front of the other catch-all listeners.
   *
   * @example
   * ```ts
   * socket.prependAny((name) => console.time(name));
   * ```
   */
  prependAny(listener: (...args: any[]) => void): this {
    this._anyListeners ??= [];
    this._anyListeners.unshift(listener);
    return this;
  }

  /**
   * Removes a catch-all listener.
   *
   * @param listener - default: all of them
   * @returns this object
   *
   * @example
   * ```ts
   * const log = (name: string) => console.log(name);
   * socket.onAny(log);
   * socket.offAny(log);
   * ```
   */
  offAny(listener?: (...args: any[]) => void): this {
    if (this._anyListeners) this._anyListeners = without(this._anyListeners, listener);
    return this;
  }

  /**
   * Returns the catch-all listeners: the array in use, if there ever was one.
   *
   * @example
   * ```ts
   * console.log("%d catch-all listeners", socket.listenersAny().length);
   * ```
   */
  listenersAny(): ((...args: any[]) => void)[] {
    return this._anyListeners ?? [];
  }

  /**
   * Adds a listener for every event that is sent to this client, by broadcasts too. It does not see
   * the acknowledgement.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * socket.onAnyOutgoing((name, ...args) => console.log("outgoing: %s", name, args));
   * ```
   */
  onAnyOutgoing(listener: (...args: any[]) => void): this {
    this._anyOutgoingListeners ??= [];
    this._anyOutgoingListeners.push(listener);
    cacheEpoch.value++;
    return this;
  }

  /**
   * Same as {@link CatchAllEmitter.onAnyOutgoing}, in front of the other ones.
   *
   * @example
   * ```ts
   * socket.prependAnyOutgoing((name) => console.timeEnd(name));
   * ```
   */
  prependAnyOutgoing(listener: (...args: any[]) => void): this {
    this._anyOutgoingListeners ??= [];
    this._anyOutgoingListeners.unshift(listener);
    cacheEpoch.value++;
    return this;
  }

  /**
   * Removes an outgoing catch-all listener.
   *
   * @param listener - default: all of them
   * @returns this object
   *
   * @example
   * ```ts
   * socket.offAnyOutgoing();
   * ```
   */
  offAnyOutgoing(listener?: (...args: any[]) => void): this {
    if (this._anyOutgoingListeners) {
      this._anyOutgoingListeners = without(this._anyOutgoingListeners, listener);
    }
    return this;
  }

  /**
   * Returns the outgoing catch-all listeners: the array in use, if there ever was one.
   *
   * @example
   * ```ts
   * console.log("%d listeners", socket.listenersAnyOutgoing().length);
   * ```
   */
  listenersAnyOutgoing(): ((...args: any[]) => void)[] {
    return this._anyOutgoingListeners ?? [];
  }

  /**
   * True if the application sees each outgoing event: it may hold the live array and fill it.
   *
   * @internal
   */
  get _hasOutgoingListeners(): boolean {
    return (
      this._anyOutgoingListeners !== undefined ||
      this.notifyOutgoingListeners !== notifyOutgoingListeners
    );
  }

  /** Runs the incoming catch-all listeners. */
  protected notifyIncomingListeners(event: any[]): void {
    callAll(this, this._anyListeners, event);
  }

  /** Runs the outgoing catch-all listeners; adapters call it for broadcasts. */
  protected notifyOutgoingListeners(packet: Partial<Packet>): void {
    callAll(this, this._anyOutgoingListeners, packet.data);
  }
}

const notifyOutgoingListeners = noteReplacement(
  CatchAllEmitter.prototype as any,
  "notifyOutgoingListeners",
  () => cacheEpoch.value++,
);

function callAll(self: unknown, listeners: Listener[] | undefined, args: any[]): void {
  if (!listeners?.length) return;
  // A copy: a listener may remove itself.
  for (const listener of listeners.slice()) listener.apply(self, args);
}

/** Takes the first occurrence of `listener` out of the list; a new, empty list without it. */
function without(listeners: Listener[], listener?: Listener): Listener[] {
  if (listener === undefined) return [];
  const index = listeners.indexOf(listener);
  if (index !== -1) listeners.splice(index, 1);
  return listeners;
}
