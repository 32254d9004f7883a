/** Events to a client, and the acknowledgements that it owes. */
import debugModule from "debug";
import type { BroadcastFlags } from "socket.io-adapter";
import { type Packet, PacketType } from "socket.io-parser";
import { failLater, failWhenLeft } from "./awaited-acks";
import type { Client } from "./client";
import type { Namespace } from "./namespace";
import type { Socket } from "./socket";
import { BroadcastingSocket, NO_FLAGS } from "./socket-broadcasts";
import { RESERVED_EVENTS } from "./socket-types";
import type {
  AllButLast,
  DecorateAcknowledgements,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  MessageParams,
} from "./typed-events";

const debug = debugModule("socket.io:socket");

/** A function that gets the data of an acknowledgement. */
export type AckListener = (...args: any[]) => void;

/** The argument of `packet()`: a packet to encode, or the parts of an encoded one. */
type OutgoingPacket = Partial<Packet> | (string | Buffer)[];

/** The part of a socket that sends events to its client. */
export abstract class OutgoingSocket<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends BroadcastingSocket<ListenEvents, EmitEvents, SocketData> {
  /** The namespace. */
  abstract readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>;
  /** The client, which has one socket per namespace. */
  abstract readonly client: Client<ListenEvents, EmitEvents, ServerSideEvents>;
  /** @internal */
  protected _acks?: Map<number, AckListener> = undefined;
  /** True once the socket has left its namespace for good. @internal */
  protected _left = false;

  /** Callbacks of the acknowledgements this client still owes, by id. Adapters write to it. */
  protected get acks(): Map<number, AckListener> {
    this._acks ??= new Map();
    return this._acks;
  }

  /**
   * Sends an event to this client, with anything JSON expresses and binary data. A function as last
   * argument is called with what the client answers.
   *
   * @returns true
   * @throws Error for a reserved name, as `connect` or `disconnect`
   *
   * @example
   * ```ts
   * socket.emit("dish ready", { table: 7, dish: "soup" });
   * socket.emit("taste", "soup", (verdict: string) => console.log(verdict));
   * ```
   */
  override emit<Ev extends EventNames<EmitEvents>>(
    ev: Ev,
    ...args: EventParams<EmitEvents, Ev>
  ): boolean;
  // The rest array becomes the packet's data: no other is made on the way.
  override emit(...data: any[]): boolean {
    if (RESERVED_EVENTS.has(data[0])) throw new Error(`"${data[0]}" is a reserved event name`);
    if (data.length === 0) data.push(undefined);

    const packet: Partial<Packet> = { type: PacketType.EVENT, data };
    const { nsp, flags } = this;
    if (typeof data[data.length - 1] === "function") {
      packet.id = nsp._ids++;
      if (debug.enabled) debug("emitting packet with ack id %d", packet.id);
      this.registerAckCallback(packet.id, data.pop());
    }
    this.flags = NO_FLAGS;
    const options = flags === NO_FLAGS ? {} : flags;

    if (nsp.server._opts.connectionStateRecovery) {
      // Through the adapter, which keeps the packet for a client that comes back.
      this.adapter.broadcast(packet as Packet, {
        rooms: new Set([this.id]),
        except: new Set(),
        flags: options,
      });
    } else {
      this.notifyOutgoingListeners(packet);
      this.packet(packet, options);
    }
    return true;
  }

  /**
   * Sends an event and waits for the client's answer. Without {@link Socket.timeout}, it waits as
   * long as the client is there.
   *
   * @returns the answer; rejected with an Error when the time of `timeout()` is over, or, with the
   *   code `ERR_SOCKET_DISCONNECTED`, when the client has left the namespace without an answer. A
   *   client that comes back with its state recovered does not answer any more.
   *
   * @example
   * ```ts
   * const verdict: string = await socket.timeout(5000).emitWithAck("taste", "soup");
   * ```
   */
  emitWithAck<Ev extends EventNamesWithAck<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Ev>>>> {
    if (this.flags.timeout !== undefined) {
      return new Promise((resolve, reject) => {
        const callback = (err: Error | null, value: any) => (err ? reject(err) : resolve(value));
        this.emit(ev, ...([...args, callback] as any));
      });
    }
    let answered = () => {};
    const answer: Promise<any> = new Promise((resolve, reject) => {
      const callback = (value: any) => {
        answered();
        resolve(value);
      };
      this.emit(ev, ...([...args, callback] as any));
      const fail = (error: Error) => {
        // A promise that nobody awaits is not to end the process.
        answer.catch(() => {});
        reject(error);
      };
      if (this._left) failLater(fail);
      else answered = failWhenLeft(this, fail);
    });
    return answer;
  }

  /**
   * Sends an event named `message`.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * socket.send("your table is ready");
   * ```
   */
  send(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  /**
   * Same as {@link Socket.send}.
   *
   * @example
   * ```ts
   * socket.write("your table is ready");
   * ```
   */
  write(...args: MessageParams<EmitEvents>): this {
    this.emit("message" as any, ...(args as any));
    return this;
  }

  private registerAckCallback(id: number, callback: AckListener): void {
    const { timeout } = this.flags;
    if (timeout === undefined) {
      // A client that has left acknowledges nothing.
      if (!this._left) this.acks.set(id, callback);
      return;
    }
    const timer = setTimeout(() => {
      if (debug.enabled) debug("event with ack id %d has timed out after %d ms", id, timeout);
      settled();
      this._forgetAck(id);
      callback.call(this, new Error("operation has timed out"));
    }, timeout);
    let settled = () => {};
    // Code that tries again upon an error is not to do so at once, for ever.
    if (this._left) return;
    settled = failWhenLeft(this, (error) => {
      clearTimeout(timer);
      callback.call(this, error);
    });
    this.acks.set(id, (...args) => {
      clearTimeout(timer);
      settled();
      callback.call(this, null, ...args);
    });
  }

  /** Writes a packet of this namespace to the client. */
  protected packet(
    packet: OutgoingPacket,
    opts: BroadcastFlags & { preEncoded?: boolean } = {},
  ): void {
    (packet as Packet).nsp = this.nsp.name;
    opts.compress = opts.compress !== false;
    this.client._packet(packet as Packet, opts);
  }

  /**
   * Sets how long the answer to the next event is awaited: its callback gets an Error first, or
   * `null`.
   *
   * @param timeout - milliseconds
   * @returns this object
   *
   * @example
   * ```ts
   * socket.timeout(5000).emit("taste", "soup", (err: Error | null, verdict?: string) => {
   *   console.log(err ? "no answer" : verdict);
   * });
   * ```
   */
  timeout(
    timeout: number,
  ): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData> {
    this.setFlag("timeout", timeout);
    return this as any;
  }

  /** Ignores the acknowledgement of a broadcast that has timed out. @internal */
  _forgetAck(id: number): void {
    this._acks?.delete(id);
  }
}
