/** The sessions by their native names. */
import { SLOT_MASK } from "./contract";

/** Receives the records of a session. */
export interface SessionEvents {
  /** The native session's name, until its end is worked off; then {@link NOBODY}. @internal */
  _handle: number;
  /** A decoded packet; `data` holds its attachments. @internal */
  _onpacket(type: number, nsp: string, id: number | undefined, data: any): void;
  /** Its client leaves a namespace, or the session (`null`), further on in the batch. @internal */
  _onleaving(nsp: string | null): void;
  /** A packet that cannot be decoded. @internal */
  _onrefused(message: string): void;
  /** The session has ended. @internal */
  _onclosed(reason: number, message: string | null): void;
  /** The body that answers the pending poll. @internal */
  _onanswer(payload: string | Buffer): void;
  /**
   * An Engine.IO packet, of a session whose packets are decoded here; type -1: binary message.
   *
   * @internal
   */
  _onraw(type: number, data: string | Buffer): void;
  /**
   * A message for the WebSocket of another engine: the one in use, or the probing one.
   *
   * @internal
   */
  _onframe(probe: boolean, message: string | Buffer): void;
  /** A note, by its number in `Note`. @internal */
  _onnote(note: number): void;
}

/** A handle that no session ever has. */
const NOBODY = -1;

const recipients: (SessionEvents | undefined)[] = [];
/** Sessions that have ended on this thread, until the record of their end is worked off. */
const ended = new Map<number, SessionEvents>();

/** Has the records of a session handed to `recipient`. */
export function register(recipient: SessionEvents): void {
  recipients[recipient._handle & SLOT_MASK] = recipient;
}

/** Records of the session are dropped from now on. */
export function unregister(recipient: SessionEvents): void {
  const slot = recipient._handle & SLOT_MASK;
  if (recipients[slot] !== recipient) return;
  recipients[slot] = undefined;
  ended.set(recipient._handle, recipient);
}

/** Receives the records of a session; undefined if they are to be dropped. */
export function sessionOf(handle: number): SessionEvents | undefined {
  const found = recipients[handle & SLOT_MASK];
  return found !== undefined && found._handle === handle ? found : undefined;
}

/**
 * Notes that the end of a session is worked off: its handle may name another session soon, and the
 * object of this one names nobody any more.
 */
export function forgetSession(handle: number): void {
  const gone = ended.get(handle) ?? sessionOf(handle);
  if (gone === undefined) return;
  unregister(gone);
  ended.delete(handle);
  gone._handle = NOBODY;
}
