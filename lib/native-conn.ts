/**
 * The interface of a connection of the native engine beyond an engine socket, for the Client.
 * Connections without it (another engine given to `io.bind`) are driven by their events.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Socket as EngineSocket } from "./engine";

/** Receives the decoded packets of a native connection. */
export interface PacketSink {
  /**
   * A packet with its attachments in place.
   *
   * @param type - number of the Socket.IO packet type; binary events and acks come as plain ones
   * @param nsp - name of the namespace
   * @param id - id of the acknowledgement, if any
   *
   * @internal
   */
  onpacket(type: number, nsp: string, id: number | undefined, data: any): void;
  /**
   * The client leaves a namespace, or all (`null`), in the read whose packets are being dispatched: the
   * listeners of its events are not called.
   *
   * @internal
   */
  onleaving(nsp: string | null): void;
  /** A packet that could not be decoded. @internal */
  onerror(message: string): void;
  /** The connection is closed. @internal */
  onclose(reason: string, description?: Error): void;
}

/** The options with which a packet is written. */
export interface WriteOptions {
  /** Drop the packet when the transport is not writable. */
  volatile?: boolean;
  /** The transport may compress the packet. */
  compress?: boolean;
  /** The frames of a broadcast, made once by the adapter. */
  wsPreEncodedFrame?: unknown;
}

/** A connection of the native engine. @internal */
export type NativeConn = EngineSocket & {
  readonly native: true;
  /** Sends decoded packets to `sink` instead of emitting "data". */
  setSink(sink: PacketSink): void;
  /** Writes the parts of one packet; the same array for several connections is a broadcast. */
  writeEncoded(encoded: (string | Buffer)[], opts: WriteOptions): void;
  /** True if listeners of the application see each packet before the sink gets it. */
  readonly _isShown: boolean;
  /** The headers of `request`, without building it. */
  _headers(): IncomingHttpHeaders;
  /** The URL of `request`, if there is one. */
  readonly _url: string | undefined;
  /** The query of `request`. */
  _query(): Record<string, string>;
  /** True if the connection is encrypted. */
  readonly _secure: boolean;
};

/** Returns true if a connection belongs to the native engine. @internal */
export function isNative(conn: object): conn is NativeConn {
  return (conn as { native?: boolean }).native === true;
}
