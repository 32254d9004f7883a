/** The request that opened a session: the object, or a snapshot from which it is made when needed. */

import { WatchfulEmitter } from "../emitter";
import type { SocketInit } from "../requests/open-session";
import {
  type EngineRequest,
  isPackedSecure,
  type PackedRequest,
  packedUrl,
  parseQuery,
  unpackRequest,
} from "./request-snapshot";
import type { Socket } from "./socket";
import { type RequestEnds, requestSocket } from "./tcp-sockets";

/** Stands for a request that the application has set to null, to free its memory. */
const FORGOTTEN = Object.freeze({}) as EngineRequest;

/** The part of a session that its request explains. */
export abstract class RequestedSession extends WatchfulEmitter {
  /** Address of the client, or of the proxy before it; `undefined` over WebTransport. */
  readonly remoteAddress: string;
  /** @internal */
  private _packed: PackedRequest | null;
  /** @internal */
  private _request: EngineRequest | null;

  /** @internal */
  constructor(init: SocketInit) {
    super();
    this.remoteAddress = init.remoteAddress as string;
    this._request = init.request;
    this._packed = init.packed;
  }

  /**
   * The request that opened the session, built from what was kept when it is first asked for; null
   * if none has: over WebTransport.
   */
  get request(): EngineRequest {
    if (this._packed !== null && this._request === null) {
      const conn = this as unknown as Socket;
      const socketAt = (ends: RequestEnds) => requestSocket(conn, ends);
      this._request = unpackRequest(this._packed, this.remoteAddress, socketAt);
    }
    return this._known as EngineRequest;
  }

  /** The object of the request, if there is one by now. @internal */
  private get _known(): EngineRequest | null {
    return this._request === FORGOTTEN ? null : this._request;
  }

  set request(request: EngineRequest) {
    this._request = request ?? FORGOTTEN;
    this._packed = null;
  }

  /** True if a request has opened the session: over WebTransport, none has. @internal */
  protected get _hasRequest(): boolean {
    return this._request !== null || this._packed !== null;
  }

  /** @internal */
  _headers(): EngineRequest["headers"] {
    return this.request?.headers ?? {};
  }

  /** @internal */
  get _url(): string | undefined {
    return this._known?.url ?? (this._packed === null ? undefined : packedUrl(this._packed));
  }

  /** @internal */
  _query(): Record<string, string> {
    return this._known?._query ?? parseQuery(this._url ?? "");
  }

  /** @internal */
  get _secure(): boolean {
    if (this._packed !== null) return isPackedSecure(this._packed);
    // HTTP/3, where there is no request, is encrypted.
    return this._known === null || (this._known as any).socket.encrypted === true;
  }
}
