/** What a session keeps of the request that opened it: the request itself, or what it consists of. */
import { WatchfulEmitter } from "./emitter";
import type { SocketInit } from "./opening";
import {
  type EngineRequest,
  isPackedSecure,
  type PackedRequest,
  packedUrl,
  parseQuery,
  unpackRequest,
} from "./request";

/** The part of a session that its request explains. */
export abstract class RequestedSession extends WatchfulEmitter {
  /** Address of the TCP peer. */
  readonly remoteAddress: string;
  private _packed: PackedRequest | null;
  private _request: EngineRequest | null;

  constructor(init: SocketInit) {
    super();
    this.remoteAddress = init.remoteAddress as string;
    this._request = init.request;
    this._packed = init.packed;
  }

  /** The request that opened the session; built from what was kept when it is first asked for. */
  get request(): EngineRequest {
    this._request ??= unpackRequest(this._packed as PackedRequest, this.remoteAddress);
    return this._request;
  }

  set request(request: EngineRequest) {
    this._request = request;
  }

  _headers(): EngineRequest["headers"] {
    return this.request.headers;
  }

  get _url(): string {
    return this._request?.url ?? packedUrl(this._packed as PackedRequest);
  }

  _query(): Record<string, string> {
    return this._request?._query ?? parseQuery(this._url);
  }

  get _secure(): boolean {
    if (this._packed !== null) return isPackedSecure(this._packed);
    return (this._request as any).socket.encrypted === true;
  }
}
