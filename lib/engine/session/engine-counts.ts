/** The counts of an engine on this thread, for `io.engine.metrics()`; the native engine has the others. */
import { ErrorCode } from "../errors";
import type { LinkName } from "./external-connections";

/** Reasons for which requests are refused, and handshakes given up. */
export const REFUSALS = [
  "unknownTransport",
  "unknownSid",
  "badHandshakeMethod",
  "badRequest",
  "forbidden",
  "unsupportedProtocolVersion",
  "badWebSocketRequest",
  "closed",
  "aborted",
] as const;

/** One of {@link REFUSALS}. */
export type RefusalName = (typeof REFUSALS)[number];

/** The reasons by the codes of `connection_error`. */
const BY_CODE: Record<number, RefusalName> = {
  [ErrorCode.UNKNOWN_TRANSPORT]: "unknownTransport",
  [ErrorCode.UNKNOWN_SID]: "unknownSid",
  [ErrorCode.BAD_HANDSHAKE_METHOD]: "badHandshakeMethod",
  [ErrorCode.BAD_REQUEST]: "badRequest",
  [ErrorCode.FORBIDDEN]: "forbidden",
  [ErrorCode.UNSUPPORTED_PROTOCOL_VERSION]: "unsupportedProtocolVersion",
};

/** The connections of a transport that this thread serves. */
export class LinkCounts {
  /** Those that are open. */
  open = 0;
  /** Bytes that were given to them and not written yet. */
  waiting = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Messages sent; those received are counted natively. */
  messagesOut = 0;
}

/** The counts of one engine. */
export class EngineCounts {
  readonly refused = Object.fromEntries(REFUSALS.map((name) => [name, 0])) as Record<
    RefusalName,
    number
  >;
  readonly links: Record<LinkName, LinkCounts> = {
    websocket: new LinkCounts(),
    webtransport: new LinkCounts(),
  };

  /** Counts a request that is refused with a code of `connection_error`. */
  refuse(code: number): void {
    this.refused[BY_CODE[code] ?? "badRequest"]++;
  }
}
