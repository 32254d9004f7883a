/** Why the engine refuses a request: codes and texts, in one place. */

/** Codes of `connection_error` and of error bodies. */
export const ErrorCode = {
  UNKNOWN_TRANSPORT: 0,
  UNKNOWN_SID: 1,
  BAD_HANDSHAKE_METHOD: 2,
  BAD_REQUEST: 3,
  FORBIDDEN: 4,
  UNSUPPORTED_PROTOCOL_VERSION: 5,
} as const;

/** The texts that go with the codes. */
export const errorMessages: Record<number, string> = {
  0: "Transport unknown",
  1: "Session ID unknown",
  2: "Bad handshake method",
  3: "Bad request",
  4: "Forbidden",
  5: "Unsupported protocol version",
};

/** A refusal. */
export interface Refusal {
  /** One of `Server.errors`. */
  code: number;
  /** The `context` that `connection_error` listeners get. */
  context: Record<string, any>;
  /** The answer, if it is another than that of the code. */
  answer?: { status: number; message: string };
}

/** A refusal with the given code. */
export function refuse(code: number, context: Record<string, any>): Refusal {
  return { code, context };
}

/**
 * Why a transport failed, as listeners of `close` get it.
 *
 * @param description - the limit that was reached, if it was one
 */
export function transportError(message: string, description?: string): Error {
  const error = Object.assign(new Error(message), { type: "TransportError" });
  return description === undefined ? error : Object.assign(error, { description });
}
