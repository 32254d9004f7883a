/** Listeners for every event of a socket, incoming and outgoing. */
import type { Packet } from "socket.io-parser";
import { reach } from "./engine/outbox";
import { noteReplacement } from "./replaced";
import { type EventsMap, StrictEventEmitter } from "./typed-events";

type Listener = (...args: any[]) => void;

/** An emitter with catch-all listeners. */
export abstract class CatchAllEmitter<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ReservedEvents extends EventsMap,
> extends StrictEventEmitter<ListenEvents, EmitEvents, ReservedEvents> {
  protected _anyListeners?: Listener[] = undefined;
  protected _anyOutgoingListeners?: Listener[] = undefined;

  /** Adds a listener for every incoming event, called before the event's own ones. */
  onAny(listener: (...args: any[]) => void): this {
    this._anyListeners ??= [];
    this._anyListeners.push(listener);
    return this;
  }

  /** Same as {@link onAny}, before the other catch-all listeners. */
  prependAny(listener: (...args: any[]) => void): this {
    this._anyListeners ??= [];
    this._anyListeners.unshift(listener);
    return this;
  }

  /** Removes a catch-all listener, or all of them. */
  offAny(listener?: (...args: any[]) => void): this {
    if (this._anyListeners) this._anyListeners = without(this._anyListeners, listener);
    return this;
  }

  /** The catch-all listeners: the live array, if there ever was one. */
  listenersAny(): ((...args: any[]) => void)[] {
    return this._anyListeners ?? [];
  }

  /** Adds a listener for every outgoing event; it does not see the acknowledgement. */
  onAnyOutgoing(listener: (...args: any[]) => void): this {
    this._anyOutgoingListeners ??= [];
    this._anyOutgoingListeners.push(listener);
    reach.value++;
    return this;
  }

  /** Same as {@link onAnyOutgoing}, before the other ones. */
  prependAnyOutgoing(listener: (...args: any[]) => void): this {
    this._anyOutgoingListeners ??= [];
    this._anyOutgoingListeners.unshift(listener);
    reach.value++;
    return this;
  }

  /** Removes an outgoing catch-all listener, or all of them. */
  offAnyOutgoing(listener?: (...args: any[]) => void): this {
    if (this._anyOutgoingListeners) {
      this._anyOutgoingListeners = without(this._anyOutgoingListeners, listener);
    }
    return this;
  }

  /** The outgoing catch-all listeners: the live array, if there ever was one. */
  listenersAnyOutgoing(): ((...args: any[]) => void)[] {
    return this._anyOutgoingListeners ?? [];
  }

  /** Whether somebody wants to see each outgoing event. The live array may be filled by anyone. */
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
  () => reach.value++,
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
