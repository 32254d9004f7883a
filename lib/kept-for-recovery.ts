/** The sessions and packets that all namespaces of one server keep for clients that are away. */
import { nativeServer } from "./engine/declared";
import { Bound, MAX_RECOVERY_BYTES, MAX_SESSIONS_AWAY } from "./engine/native/contract";
import type { PacketLog } from "./packet-log";

/** The part of the bytes that stays when the oldest packets are dropped. */
const STAYS = 15 / 16;
/** Packets are dropped by their age, in steps of this part of the time since the oldest. */
const AGE_STEP = 1 / 16;

const ofServers = new WeakMap<object, KeptForRecovery>();

/** The sessions and packets that are kept, the oldest first. */
export class KeptForRecovery {
  /** The sessions, each with the function that gives it up. */
  private readonly sessions = new Map<object, () => void>();
  /** The logs, with the bytes of memory that they take. */
  private readonly logs = new Map<PacketLog, number>();
  private bytes = 0;

  private constructor(private readonly server: any) {}

  /** Those of a server. */
  static of(server: object): KeptForRecovery {
    let kept = ofServers.get(server);
    if (kept === undefined) {
      kept = new KeptForRecovery(server);
      ofServers.set(server, kept);
    }
    return kept;
  }

  /** Counts a session; `giveUp` is called when it has to go because there are too many. */
  add(session: object, giveUp: () => void): void {
    this.sessions.set(session, giveUp);
    const { maxSessionsAway = MAX_SESSIONS_AWAY } = this.limits;
    for (const [oldest, drop] of this.sessions) {
      if (this.sessions.size <= maxSessionsAway) return;
      this.sessions.delete(oldest);
      this.reached();
      drop();
    }
  }

  /** Counts a session no more. */
  delete(session: object): void {
    this.sessions.delete(session);
  }

  /** Counts a log, which has changed; drops the oldest packets of all logs if they are too large. */
  count(log: PacketLog): void {
    this.store(log);
    const { maxRecoveryBytes = MAX_RECOVERY_BYTES } = this.limits;
    if (this.bytes <= maxRecoveryBytes) return;
    this.reached();
    this.shrink(maxRecoveryBytes * STAYS);
  }

  /** Counts a log no more. */
  forget(log: PacketLog): void {
    this.bytes -= this.logs.get(log) ?? 0;
    this.logs.delete(log);
  }

  private store(log: PacketLog): void {
    const { memory } = log;
    this.bytes += memory - (this.logs.get(log) ?? 0);
    this.logs.set(log, memory);
  }

  /** Drops packets until no more than so many bytes are left. */
  private shrink(bytes: number): void {
    const now = Date.now();
    while (this.bytes > bytes) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const log of this.logs.keys()) oldest = Math.min(oldest, log.oldest);
      if (oldest === Number.POSITIVE_INFINITY) return;
      const age = Math.max(0, now - oldest);
      for (const log of this.logs.keys()) {
        while (log.oldest <= oldest + age * AGE_STEP && this.bytes > bytes) {
          log.expire(Number.POSITIVE_INFINITY, 1);
          this.store(log);
        }
      }
    }
  }

  private get limits(): { maxSessionsAway?: number; maxRecoveryBytes?: number } {
    return nativeServer(this.server.engine)?._limits ?? {};
  }

  private reached(): void {
    nativeServer(this.server.engine)?._options?.reached(Bound.SessionsAway);
  }
}
