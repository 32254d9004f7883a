/** The transport of a session as applications see it: `socket.conn.transport`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LeanEmitter } from "./emitter";
import type { ServerOptions } from "./options";
import type { Socket } from "./socket";

/** A request that waits for packets. */
export interface PendingPoll {
  req: IncomingMessage;
  res: ServerResponse;
}

/** The part that all transports share. */
export abstract class Transport extends LeanEmitter {
  /** `"polling"` or `"websocket"`. */
  abstract readonly name: string;
  /** Whether a packet sent now goes out at once. */
  abstract readonly writable: boolean;
  /** Binary needs no encoding. */
  readonly supportsBinary: boolean = true;
  /** Replaced by another transport. */
  discarded = false;

  constructor(protected readonly conn: Socket) {
    super();
  }

  /** The session's id. */
  get sid(): string {
    return this.conn.id;
  }

  /** Revision of the protocol. */
  get protocol(): number {
    return this.conn.protocol;
  }

  /** `"open"`, `"closing"` or `"closed"`. */
  get readyState(): string {
    return this.discarded ? "closed" : this.conn.readyState;
  }

  /** Marks the transport as replaced. */
  discard(): void {
    this.discarded = true;
  }

  /** Closes the transport, and with it the session. */
  close(callback?: () => void): void {
    if (callback !== undefined) this.conn.once("close", callback);
    this.conn.close(true);
  }

  /** Sends packets. */
  send(packets: { type: string; data?: any; options?: any }[]): void {
    for (const packet of packets) {
      if (packet.type === "message") this.conn.send(packet.data, packet.options);
    }
  }
}

/** HTTP long polling, over Node's requests and responses. */
export class Polling extends Transport {
  readonly name = "polling";
  /** The poll that waits, if one does. */
  poll: PendingPoll | null = null;
  /** The post being received, if one is. */
  post: PendingPoll | null = null;

  get writable(): boolean {
    return this.poll !== null;
  }

  get req(): IncomingMessage | null {
    return this.poll?.req ?? null;
  }

  get res(): ServerResponse | null {
    return this.poll?.res ?? null;
  }
}

/** A WebSocket, served natively. */
export class WebSocket extends Transport {
  readonly name = "websocket";

  get writable(): boolean {
    return this.conn._isWritable();
  }

  /** The options of compression. */
  get perMessageDeflate(): ServerOptions["perMessageDeflate"] {
    return this.conn.server.opts.perMessageDeflate;
  }

  /** Stands for the object of a WebSocket library. */
  get socket(): {
    readonly protocol: string;
    readonly _socket: any;
    readonly bufferedAmount: number;
  } {
    const { conn } = this;
    return {
      protocol: "",
      bufferedAmount: 0,
      get _socket() {
        return conn.request.socket;
      },
    };
  }
}
