/**
 * The typing of events: maps from event names to listener signatures, what an acknowledgement
 * becomes under `timeout()` or in a broadcast, and the emitter base class that applies them.
 *
 * All but {@link StrictEventEmitter} and {@link delegateEmitter} is there for the compiler only.
 */
import { EventEmitter } from "node:events";

/** Any map of event names to listener signatures. */
export interface EventsMap {
  [event: string]: any;
}

/** The map of an untyped server: every event, any arguments. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void;
}

/** Names of the events of a map. */
export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol);

/** Arguments of one event. */
export type EventParams<Map extends EventsMap, Ev extends EventNames<Map>> = Parameters<Map[Ev]>;

type Fn = (...args: any[]) => any;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Type of the last element; what may be absent or repeated counts as a part of it. */
export type Last<T extends readonly unknown[]> = T extends readonly [...any[], infer Tail]
  ? Tail
  : Rest<T>;

/** The elements that may be absent or repeated. */
type Rest<T extends readonly unknown[]> = T extends readonly [unknown, ...infer More]
  ? Rest<More>
  : T[number];

/** All elements but the last one. */
export type AllButLast<T extends any[]> = T extends [...infer Head, infer _Tail] ? Head : any[];

/** First element that is not the leading error; `undefined` for an empty list. */
export type FirstNonErrorTuple<T extends unknown[]> = T[0] extends Error ? T[1] : T[0];

/** First argument of an acknowledgement that is not the leading error. */
export type FirstNonErrorArg<T> = T extends (...args: infer Params) => any
  ? FirstNonErrorTuple<Params>
  : any;

/** Each element becomes an array of itself. */
export type MultiplyArray<T extends unknown[]> = { [K in keyof T]: T[K][] };

/** One event whose arguments are unknown makes the whole map a loose one: it takes every name. */
type IsLoose<Map extends EventsMap, K extends EventNames<Map>> = IsAny<
  Last<Parameters<Map[K]>> | Map[K]
>;

/** True if the last of the parameters is a function. */
type EndsWithAck<Params extends any[]> = Params extends never[]
  ? false
  : Last<Params> extends Fn
    ? true
    : false;

// These distribute over the names: each is kept or dropped by itself.
type StrictNamesWithAck<Map extends EventsMap, K> =
  K extends EventNames<Map> ? (EndsWithAck<Parameters<Map[K]>> extends true ? K : never) : never;
type StrictNamesWithoutAck<Map extends EventsMap, K> =
  K extends EventNames<Map> ? (EndsWithAck<Parameters<Map[K]>> extends true ? never : K) : never;
type StrictNamesWithError<Map extends EventsMap, K> =
  K extends EventNames<Map>
    ? ParamsOf<Last<Parameters<Map[K]>>>[0] extends Error
      ? K
      : never
    : never;

type ParamsOf<T> = T extends (...args: infer Params) => any ? Params : never;

/** Names of the events that end with an acknowledgement. */
export type EventNamesWithAck<Map extends EventsMap, K extends EventNames<Map> = EventNames<Map>> =
  IsLoose<Map, K> extends true ? K : StrictNamesWithAck<Map, K>;

/** Names of the events without acknowledgement. */
export type EventNamesWithoutAck<
  Map extends EventsMap,
  K extends EventNames<Map> = EventNames<Map>,
> = IsLoose<Map, K> extends true ? K : StrictNamesWithoutAck<Map, K>;

/** Names of the events whose acknowledgement starts with an error, as after `timeout()`. */
export type EventNamesWithError<
  Map extends EventsMap,
  K extends EventNamesWithAck<Map> = EventNamesWithAck<Map>,
> = IsLoose<Map, K> extends true ? K : StrictNamesWithError<Map, K>;

/** The map without the events that expect an acknowledgement. */
export type RemoveAcknowledgements<E extends EventsMap> = {
  [K in EventNamesWithoutAck<E>]: E[K];
};

/** A name that is either reserved or of the user's map. */
export type ReservedOrUserEventNames<
  ReservedEvents extends EventsMap,
  UserEvents extends EventsMap,
> = EventNames<ReservedEvents> | EventNames<UserEvents>;

/** Listener of a reserved or user event; reserved signatures win. */
export type ReservedOrUserListener<
  ReservedEvents extends EventsMap,
  UserEvents extends EventsMap,
  Ev extends ReservedOrUserEventNames<ReservedEvents, UserEvents>,
> = UntypedIfNever<
  Ev extends EventNames<ReservedEvents>
    ? ReservedEvents[Ev]
    : Ev extends EventNames<UserEvents>
      ? UserEvents[Ev]
      : never
>;

// A union of names can leave no common signature: such a listener is untyped, not impossible.
type UntypedIfNever<T> = [T] extends [never] ? (...args: any[]) => void | Promise<void> : T;

/** Anything that can emit the events of a map. */
export interface TypedEventBroadcaster<EmitEvents extends EventsMap> {
  /** Sends an event. */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
}

/** `send()` takes the arguments of `message`, and nothing where the map has no such event. */
export type MessageParams<Map extends EventsMap> =
  "message" extends EventNames<Map> ? EventParams<Map, "message"> : never;

/** Each acknowledgement with an error in front, unless it has one. */
type PrependError<T extends any[]> = {
  [K in keyof T]: T[K] extends (...args: infer Params) => infer Result
    ? Params[0] extends Error
      ? T[K]
      : (err: Error, ...args: Params) => Result
    : T[K];
};

/** The first element, with its name. */
type OnlyFirst<T extends any[]> = T extends [any, ...infer More]
  ? T extends [...infer First, ...More]
    ? First
    : never
  : never;

/** The error of each acknowledgement if it has one, and an array of its first other argument. */
type CollectResponses<T extends any[]> = {
  [K in keyof T]: T[K] extends (...args: infer Params) => infer Result
    ? Params extends [Error]
      ? (err: Error) => Result
      : Params extends [Error, ...infer More]
        ? (err: Error, ...args: OnlyFirst<MultiplyArray<More>>) => Result
        : Params extends []
          ? () => Result
          : (...args: OnlyFirst<MultiplyArray<Params>>) => Result
    : T[K];
};

/** Acknowledgements with a leading error, as after `socket.timeout()`. */
export type DecorateAcknowledgements<E> = {
  [K in keyof E]: E[K] extends (...args: infer Params) => infer Result
    ? (...args: PrependError<Params>) => Result
    : E[K];
};

/** Acknowledgements that collect one response per client, as those of a broadcast. */
export type DecorateAcknowledgementsWithMultipleResponses<E> = {
  [K in keyof E]: E[K] extends (...args: infer Params) => infer Result
    ? (...args: CollectResponses<Params>) => Result
    : E[K];
};

/** Both at once: those of `serverSideEmit()`. */
export type DecorateAcknowledgementsWithTimeoutAndMultipleResponses<E> = {
  [K in keyof E]: E[K] extends (...args: infer Params) => infer Result
    ? (...args: CollectResponses<PrependError<Params>>) => Result
    : E[K];
};

/**
 * An `EventEmitter` that does not run the constructor of `EventEmitter`: its methods create the
 * listener table when the first listener arrives, and an idle object owns none.
 */
const LazyEmitter = function LazyEmitter() {} as unknown as typeof EventEmitter;
Object.setPrototypeOf(LazyEmitter, EventEmitter);
Object.setPrototypeOf(LazyEmitter.prototype, EventEmitter.prototype);

/**
 * Event emitter whose `on`, `once`, `emit` and `listeners` are typed by event maps.
 *
 * @typeParam ListenEvents - events the user may listen to
 * @typeParam EmitEvents - events the user may emit
 * @typeParam ReservedEvents - events the library emits, listened to but never emitted by the user
 */
export abstract class StrictEventEmitter<
    ListenEvents extends EventsMap,
    EmitEvents extends EventsMap,
    ReservedEvents extends EventsMap = Record<never, never>,
  >
  extends LazyEmitter
  implements TypedEventBroadcaster<EmitEvents>
{
  /**
   * Adds `listener` at the end of the listeners of `ev`.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * io.on("connection", (socket) => {
   *   socket.on("order", (dish: string) => console.log(dish));
   * });
   * ```
   */
  override on<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev: Ev,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>,
  ): this {
    return super.on(ev, listener);
  }

  /**
   * Adds a `listener` of `ev` that runs once.
   *
   * @returns this object
   *
   * @example
   * ```ts
   * socket.once("pay", (total: number) => console.log("paid: %d", total));
   * ```
   */
  override once<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev: Ev,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>,
  ): this {
    return super.once(ev, listener);
  }

  /**
   * Emits an event: a server or namespace sends it to all its clients, a socket to its own.
   *
   * @returns true
   *
   * @example
   * ```ts
   * io.emit("last orders");
   * socket.emit("bill", 42);
   * ```
   */
  override emit<Ev extends EventNames<EmitEvents>>(
    ev: Ev,
    ...args: EventParams<EmitEvents, Ev>
  ): boolean {
    return super.emit(ev, ...args);
  }

  /** Runs the local listeners of a reserved event. */
  protected emitReserved<Ev extends EventNames<ReservedEvents>>(
    ev: Ev,
    ...args: EventParams<ReservedEvents, Ev>
  ): boolean {
    return super.emit(ev, ...args);
  }

  /** Runs the local listeners of an event whose name and arguments came over the network. */
  protected emitUntyped(ev: string, ...args: any[]): boolean {
    return super.emit(ev, ...args);
  }

  /**
   * Returns a copy of the array of the listeners of `event`, in order.
   *
   * @example
   * ```ts
   * console.log("%d listeners", io.listeners("connection").length);
   * ```
   */
  override listeners<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    event: Ev,
  ): ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>[] {
    return super.listeners(event) as Fn[] as ReservedOrUserListener<
      ReservedEvents,
      ListenEvents,
      Ev
    >[];
  }
}

/** Has the methods of an emitter, called on an object with this `prototype`, run on another one. */
export function delegateEmitter<T extends object>(prototype: T, emitter: (object: T) => object) {
  for (const name of Object.keys(EventEmitter.prototype)) {
    if (typeof (EventEmitter.prototype as any)[name] !== "function") continue;
    (prototype as any)[name] = function (this: T, ...args: unknown[]) {
      return (emitter(this) as any)[name](...args);
    };
  }
}
