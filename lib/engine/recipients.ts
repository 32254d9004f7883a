/** The sessions by their native names. */
import { SLOT_MASK } from "./native";

/** What a session's records turn into. */
export interface Recipient {
  /** The native session's name. */
  readonly _handle: number;
  /** A decoded packet; `data` holds its attachments. */
  _onpacket(type: number, nsp: string, id: number | undefined, data: any): void;
  /** A packet that cannot be decoded. */
  _onrefused(message: string): void;
  /** The session has ended. */
  _onclosed(reason: number, message: string | null): void;
  /** The body that answers the pending poll. */
  _onanswer(payload: string | Buffer): void;
  /** An Engine.IO packet, of a session whose packets are decoded here; type -1: binary message. */
  _onraw(type: number, data: string | Buffer): void;
  /** A message for the WebSocket of another engine: the one in use, or the probing one. */
  _onframe(probe: boolean, message: string | Buffer): void;
  /** See `Note`. */
  _onnote(note: number): void;
}

const recipients: (Recipient | undefined)[] = [];
/** Sessions that have ended natively and whose slot is in use again; that news is on its way. */
const displaced = new Map<number, Recipient>();

/** Has the records of a session handed to `recipient`. */
export function register(recipient: Recipient): void {
  const slot = recipient._handle & SLOT_MASK;
  const before = recipients[slot];
  if (before !== undefined) displaced.set(before._handle, before);
  recipients[slot] = recipient;
}

/** Records of the session are dropped from now on. */
export function unregister(recipient: Recipient): void {
  replace(recipient._handle, undefined);
}

/** Whom the records of a session are for. */
export function recipientOf(handle: number): Recipient | undefined {
  const found = recipients[handle & SLOT_MASK];
  return found !== undefined && found._handle === handle ? found : displaced.get(handle);
}

function replace(handle: number, by: Recipient | undefined): void {
  const slot = handle & SLOT_MASK;
  if (recipients[slot]?._handle === handle) recipients[slot] = by;
  else if (by === undefined) displaced.delete(handle);
  else if (displaced.has(handle)) displaced.set(handle, by);
}

/** Has what comes for a session now wait until all has been dispatched that came before. */
export function fence(recipient: Recipient): void {
  if (!(recipient instanceof Fence)) replace(recipient._handle, new Fence(recipient));
}

/** Stands in for a session, in whose name it takes what has to wait for the next turn. */
class Fence implements Recipient {
  readonly _handle: number;
  private waiting = 0;

  constructor(private readonly behind: Recipient) {
    this._handle = behind._handle;
    this.later(() => {});
  }

  private later(call: () => void): void {
    this.waiting++;
    setImmediate(() => {
      this.waiting--;
      // The session may have been closed here meanwhile.
      if (recipientOf(this._handle) !== this) return;
      if (this.waiting === 0) replace(this._handle, this.behind);
      call();
    });
  }

  _onpacket(type: number, nsp: string, id: number | undefined, data: any): void {
    this.later(() => this.behind._onpacket(type, nsp, id, data));
  }

  _onrefused(message: string): void {
    this.later(() => this.behind._onrefused(message));
  }

  _onclosed(reason: number, message: string | null): void {
    this.later(() => this.behind._onclosed(reason, message));
  }

  _onanswer(payload: string | Buffer): void {
    this.behind._onanswer(payload);
  }

  _onraw(type: number, data: string | Buffer): void {
    this.later(() => this.behind._onraw(type, data));
  }

  _onframe(probe: boolean, message: string | Buffer): void {
    this.behind._onframe(probe, message);
  }

  _onnote(note: number): void {
    this.later(() => this.behind._onnote(note));
  }
}
