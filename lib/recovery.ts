/**
 * The recovery of a session: after which disconnections there is one, and the way from the return
 * of the client until its socket is connected.
 */
import type { Adapter, Session } from "socket.io-adapter";
import { PacketType } from "socket.io-parser";
import type { Client } from "./client";
import { RestoredSession } from "./recovering-adapter";
import type { DisconnectReason } from "./socket-types";

/** Disconnections after which the client may come back and recover its state. */
const RECOVERABLE_REASONS: ReadonlySet<DisconnectReason> = new Set<DisconnectReason>([
  "transport error",
  "transport close",
  "forced close",
  "ping timeout",
  "server shutting down",
  "forced server close",
]);

/** Returns true if the session is kept after such a disconnection. */
export function isRecoverable(reason: DisconnectReason): boolean {
  return RECOVERABLE_REASONS.has(reason);
}

/** A session on its way back to its client. */
export class Recovery {
  private readonly missedPackets: unknown[][] = [];

  /**
   * @param adapter - has restored the session
   * @throws TypeError when an adapter has left out the missed packets
   */
  constructor(
    private readonly adapter: Adapter,
    readonly session: Session,
  ) {
    if (!(session instanceof RestoredSession)) this.missedPackets = [...session.missedPackets];
  }

  /**
   * Sends the packets missed up to now: from here on the socket gets packets as they are sent.
   *
   * @returns false if it is not to be had any more
   */
  send(client: Client<any, any, any, any>): boolean {
    const { session, adapter } = this;
    if (session instanceof RestoredSession) {
      const packets = session.encodedPackets();
      if (packets === null) return false;
      for (const parts of packets) client._packet(parts, { preEncoded: true, compress: true });
    }
    const nsp: string = adapter.nsp.name;
    for (const data of this.missedPackets) {
      client._packet({ type: PacketType.EVENT, nsp, data }, { compress: true });
    }
    return true;
  }

  /** Lets the client try again: it could not be connected. */
  putBack(): void {
    const { session, adapter } = this;
    if (session instanceof RestoredSession) return session.putBack();
    const { sid, pid, rooms, data } = session;
    adapter.persistSession({ sid, pid, rooms, data });
  }
}
