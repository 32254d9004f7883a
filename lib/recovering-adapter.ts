/**
 * The adapter for connection state recovery: keeps the packets that clients may miss, and the
 * sessions of those that are away.
 *
 * An offset is the name a client knows a position of the log by. A client that has none, as it has
 * received nothing yet, is at the position at which it was connected.
 */
import {
  Adapter,
  type BroadcastOptions,
  type PrivateSessionId,
  type Room,
  type Session,
  SessionAwareAdapter,
  type SocketId,
} from "socket.io-adapter";
import { type Packet, PacketType } from "socket.io-parser";
import { checkRecovery } from "./engine/option-rules";
import { WorkBudget } from "./engine/requests/work-budget";
import { invalidOption } from "./engine/validate";
import { randomId } from "./ids";
import { KeptForRecovery } from "./kept-for-recovery";
import { PacketLog } from "./packet-log";
import { encodePacket, type Parts, RecipientCache } from "./recipient-cache";

/** Bytes of packets kept per namespace, unless the option `maxLogBytes` says otherwise. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/** The interval at which expired packets and sessions are dropped, in ms. */
const SWEEP_INTERVAL = 60_000;
/** The number of packets that one turn of the event loop drops. */
const SWEEP_PACKETS = 10_000;

/** Any offset of this adapter, or of one before it: the log's name and a position. */
const OFFSET = /^([\w-]{6})\.([0-9a-z]{1,10})$/;

type SessionToPersist = Omit<Session, "missedPackets">;

/** The session of a client that is away. */
interface Away extends SessionToPersist {
  /** Position of the log at which the client was connected first. */
  readonly since: number;
  /** When it was lost, in ms. */
  readonly disconnectedAt: number;
}

/**
 * The constructor of {@link SessionAwareAdapter} starts a timer that is never stopped, and would
 * keep the adapter of a removed namespace for ever. Instances are made without it.
 */
const Base = function (this: unknown, nsp: any) {
  return Reflect.construct(Adapter, [nsp], new.target);
} as unknown as typeof SessionAwareAdapter;
Base.prototype = Object.create(SessionAwareAdapter.prototype);

/** Keeps rooms, packets and sessions in memory. */
export class RecoveringAdapter extends Base {
  private readonly recipientCache = new RecipientCache(this);
  private readonly away = new Map<PrivateSessionId, Away>();
  /** Position of the log at which each socket was connected. */
  private readonly since = new Map<SocketId, number>();
  private readonly log: PacketLog;
  /** The sessions and packets that all namespaces of the server keep. */
  private readonly all: KeptForRecovery;
  private readonly logName = randomId().slice(0, 6);
  private readonly maxAge: number;
  /** After an outage all clients come back at once. */
  private readonly turns = new WorkBudget();
  private sweeper?: NodeJS.Timeout = undefined;

  constructor(nsp: any) {
    super(nsp);
    const { maxDisconnectionDuration, maxLogBytes = MAX_LOG_BYTES } =
      nsp.server.opts.connectionStateRecovery;
    checkRecovery(nsp.server.opts.connectionStateRecovery);
    if (typeof maxLogBytes !== "number" || !(maxLogBytes >= 0)) {
      const fault = typeof maxLogBytes === "number" ? "range" : "type";
      const name = "connectionStateRecovery.maxLogBytes";
      throw invalidOption(name, "a number of bytes from 0", maxLogBytes, fault);
    }
    this.maxAge = Number(maxDisconnectionDuration);
    this.log = new PacketLog(maxLogBytes);
    this.all = KeptForRecovery.of(nsp.server);
  }

  override close(): void {
    clearTimeout(this.sweeper);
    this.sweeper = undefined;
    for (const session of this.away.values()) this.all.delete(session);
    this.all.forget(this.log);
  }

  // --- rooms ----------------------------------------------------------------------------------

  override addAll(id: SocketId, rooms: Set<Room>): void {
    super.addAll(id, rooms);
    this.recipientCache.joined(rooms);
    // A socket enters the room of its own when it is connected.
    if (rooms.has(id) && !this.since.has(id)) this.since.set(id, this.log.last);
  }

  override del(id: SocketId, room: Room): void {
    super.del(id, room);
    this.recipientCache.left(room);
  }

  override delAll(id: SocketId): void {
    this.recipientCache.leaving(id);
    super.delAll(id);
    this.since.delete(id);
  }

  // --- packets --------------------------------------------------------------------------------

  override broadcast(given: Packet, options: BroadcastOptions): void {
    const volatile = options.flags?.volatile !== undefined;
    const isEvent = given.type === PacketType.EVENT && given.id === undefined;
    const kept = isEvent && !volatile;
    let { data } = given;
    if (kept) {
      data = [...data, this.offset(this.log.last + 1)];
    } else if (isEvent && typeof data[data.length - 1] === "string") {
      // A client takes any string at the end for an offset, so the offset must be there.
      data = [...data, this.offset(this.log.last)];
    }
    // Not the same object: a broadcast to several namespaces hands it to each adapter.
    const packet: Packet = { ...given, data, nsp: this.nsp.name };
    const parts = encodePacket(this, packet);
    if (kept) this.keep(parts, options);
    const recipients = this.recipientCache.of(options);
    if (recipients !== null) this.recipientCache.send(recipients, packet, parts, options);
    else this.sendOneByOne(packet, parts, options);
  }

  private sendOneByOne(packet: Packet, parts: Parts, options: BroadcastOptions): void {
    const { volatile, compress } = options.flags ?? {};
    (this as any).apply(options, (socket: any) => {
      socket.notifyOutgoingListeners?.(packet);
      socket.client.writeToEngine(parts, { preEncoded: true, volatile, compress });
    });
  }

  private keep(parts: Parts, { rooms, except }: BroadcastOptions): void {
    this.log.append({
      time: Date.now(),
      // The application may use its buffers again.
      parts: parts.map((part) => (typeof part === "string" ? part : Buffer.from(part))),
      rooms: [...rooms],
      except: [...(except ?? [])],
    });
    this.all.count(this.log);
    this.scheduleSweep();
  }

  private offset(position: number): string {
    return `${this.logName}.${position.toString(36)}`;
  }

  /** The position of a client that was connected at `since`; null for an offset that it cannot have. */
  private position(offset: string | undefined, since: number): number | null {
    if (offset === undefined) return since;
    const [, name, digits] = OFFSET.exec(offset) ?? [];
    if (name === undefined) return null;
    // Kept from a session with a server before this one: nothing has come in this session.
    if (name !== this.logName) return since;
    const position = Number.parseInt(digits, 36);
    return position > this.log.last ? null : Math.max(position, since);
  }

  // --- sessions -------------------------------------------------------------------------------

  override persistSession(session: SessionToPersist): void {
    const since = this.since.get(session.sid) ?? this.log.last;
    this.putBack({ ...session, since, disconnectedAt: Date.now() });
  }

  /** Keeps a session until it expires or its client is back. */
  private putBack(session: Away): void {
    this.forgetAway(session.pid);
    this.away.set(session.pid, session);
    this.all.add(session, () => this.away.delete(session.pid));
    this.scheduleSweep();
  }

  private forgetAway(pid: PrivateSessionId): void {
    const session = this.away.get(pid);
    if (session === undefined) return;
    this.away.delete(pid);
    this.all.delete(session);
  }

  /**
   * Takes the session of a client that is back: it can be had once, as two connections must not
   * share one socket id.
   *
   * @param offset - `undefined` if the client has received nothing
   * @returns null if there is none, or if not all that was missed can be sent
   */
  override async restoreSession(pid: PrivateSessionId, offset?: string): Promise<any> {
    const session = this.away.get(pid);
    if (session === undefined) return null;
    this.forgetAway(pid);
    if (session.disconnectedAt + this.maxAge < Date.now()) return null;
    const position = this.position(offset, session.since);
    if (position === null) return null;
    const turn = this.turns.enter();
    if (turn !== undefined) await turn;
    const missed = () => this.missed(session, position);
    if (missed() === null) return null;
    this.since.set(session.sid, session.since);
    return new RestoredSession(
      session,
      missed,
      (parts) => this.decode(parts),
      () => this.putBack(session),
    );
  }

  private missed({ rooms, disconnectedAt }: Away, position: number): Parts[] | null {
    const entries = this.log.missed(position, rooms, disconnectedAt - this.lostConnectionMs);
    return entries?.map((entry) => entry.parts) ?? null;
  }

  /**
   * The longest time for which a lost connection stays open, in ms: the answer to a ping proves that
   * all packets before the ping have arrived.
   */
  private get lostConnectionMs(): number {
    const { pingInterval, pingTimeout } = this.nsp.server.engine?.opts ?? {};
    return delay(pingInterval, 25_000) + 2 * delay(pingTimeout, 20_000);
  }

  private decode(parts: Parts): unknown[] {
    const decoder = new this.nsp.server._parser.Decoder();
    let data: unknown[] = [];
    decoder.on("decoded", (packet: Packet) => {
      data = packet.data;
    });
    for (const part of parts) decoder.add(part);
    return data;
  }

  // --- expiry --------------------------------------------------------------------

  private scheduleSweep(delay = SWEEP_INTERVAL): void {
    if (this.sweeper !== undefined) return;
    this.sweeper = setTimeout(() => this.sweep(), delay);
    this.sweeper.unref();
  }

  private sweep(): void {
    this.sweeper = undefined;
    const oldest = Date.now() - this.maxAge;
    for (const [pid, session] of this.away) {
      if (!(session.disconnectedAt < oldest)) break;
      this.forgetAway(pid);
    }
    const more = this.log.expire(oldest, SWEEP_PACKETS);
    this.all.count(this.log);
    this.log.forget(oldest - this.lostConnectionMs);
    if (more) this.scheduleSweep(0);
    else if (this.away.size > 0 || !this.log.empty) this.scheduleSweep();
  }
}

/** A delay of the engine's options, which may have been changed to anything. */
function delay(value: unknown, otherwise: number): number {
  return (typeof value === "number" || typeof value === "string") && Number(value) > 0
    ? Number(value)
    : otherwise;
}

/** A session that its client has back, with what was sent while it was away. */
export class RestoredSession implements Session {
  readonly sid: SocketId;
  readonly pid: PrivateSessionId;
  readonly rooms: Room[];
  readonly data: unknown;

  /**
   * @param session - what was persisted
   * @param encodedPackets - what was missed until it is called, encoded; null if it is gone
   * @param decode - yields the event and its arguments, the offset included
   * @param putBack - undoes the restoration: the client could not be connected
   */
  constructor(
    session: SessionToPersist,
    readonly encodedPackets: () => Parts[] | null,
    private readonly decode: (parts: Parts) => unknown[],
    readonly putBack: () => void,
  ) {
    this.sid = session.sid;
    this.pid = session.pid;
    this.rooms = session.rooms;
    this.data = session.data;
  }

  get missedPackets(): unknown[][] {
    return (this.encodedPackets() ?? []).map(this.decode);
  }
}
