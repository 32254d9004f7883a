/** The state of a session that the application observes or waits for. Most sessions have none. */
import { Decoder } from "socket.io-parser";
import type { PacketSink } from "../../native-conn";
import { PACKET_TYPES } from "../native/contract";
import { nextTick } from "../scheduling";
import type { Socket } from "./socket";
import type { Transport } from "./transports";

/** Listeners that need the packets themselves, and not just what they mean. */
export const PACKET_EVENTS = new Set<string | symbol>(["packet", "data", "message", "heartbeat"]);

/** Listeners that are told of each message sent. */
export const SEND_EVENTS = new Set<string | symbol>(["packetCreate", "flush", "drain"]);

/** Listeners, of a session or of its transport, that are told of batches and of their being written. */
export const FLUSH_EVENTS = new Set<string | symbol>(["flush", "drain", "ready"]);

/** A packet as listeners of `packetCreate` and `flush` see it. */
export interface SentPacket {
  /** `"message"`, `"ping"` and so on. */
  type: string;
  /** A string or bytes; absent if there are none. */
  data?: any;
  /** True if the transport may compress it. */
  options: { compress: boolean };
}

/** Called with the transport once a message was handed over. */
export type SendCallback = (transport: Transport) => void;

/** The number of waiting packets whose data is kept to be shown, and the length of such data. */
const SHOWN_PACKETS = 256;
const SHOWN_SIZE = 1024;

/** The observers of one session, and the packets and callbacks that are kept for them. */
export class Observers {
  /** Packets come here undecoded. */
  decodesInJs = false;
  /** Somebody listens to what is sent. */
  announced = false;
  /** Somebody listens to batches and to their being written: one is given to a WebSocket at a time. */
  observesFlushes = false;
  /** A batch was given to the WebSocket, and is not known to be written. */
  isWriting = false;
  /** The number of packets that were sent before somebody listened, and were not written then. */
  sentBefore = 0;
  /** The application's value of the transport's `writable`, while it counts. */
  writable: boolean | null = null;
  /** The sink of decoded packets was removed. */
  sinkRemoved = false;
  /** The reason why the session ends, if it was settled before the end. */
  reason: string | null = null;
  /** The callbacks of the messages that wait. */
  callbacks: SendCallback[] | null = null;
  /** The callbacks of each batch that the transport has not written yet. */
  sent: (SendCallback[] | null)[] = [];
  /** Called once the WebSocket has written all. */
  after: ((error?: Error) => void)[] | null = null;
  /** The packets that were sent and not delivered yet. */
  buffer: SentPacket[] | null = null;
  /** The next batch, which the transport is given once it is writable. */
  waitingForSend: SentPacket[] | null = null;
  /** The length of the next batch, about, in bytes. */
  waitingBytes = 0;
  private decoder: Decoder | null = null;

  /** True if the data of one more packet that waits may be kept to be shown. */
  mayKeep(data: any): boolean {
    const size = typeof data === "string" ? data.length : (data?.byteLength ?? 0);
    return size <= SHOWN_SIZE && (this.buffer?.length ?? 0) < SHOWN_PACKETS;
  }

  /**
   * Decodes a message that came undecoded, for the sink there is by then.
   *
   * @throws Error for a message that is no packet
   */
  decode(data: string | Buffer, maxAttachments: number, sink: () => PacketSink | null): void {
    if (this.decoder === null) {
      this.decoder = new Decoder({ maxAttachments });
      this.decoder.on("decoded", (packet: any) => {
        sink()?.onpacket(packet.type, packet.nsp, packet.id, packet.data);
      });
    }
    this.decoder.add(data);
  }

  /** Begins a batch of the messages whose callbacks wait. */
  beginBatch(): void {
    this.sent.push(this.callbacks);
    this.callbacks = null;
  }

  /** Drops a packet that has not come whole. */
  end(): void {
    this.decoder?.destroy();
    const { after } = this;
    if (after === null) return;
    this.after = null;
    const error = new Error("The connection was closed while data was being written");
    for (const callback of after) nextTick(callback, error);
  }
}

/** Name of an Engine.IO packet type by its digit; -1 is a binary message. */
export function packetType(type: number): string {
  return type === -1 ? "message" : PACKET_TYPES[type];
}

/** The digit of an Engine.IO packet type; -1 if there is no such type. */
export function packetDigit(type: string): number {
  return PACKET_TYPES.indexOf(type);
}

/** A packet of the client as listeners of `packet` see it; they may change it. */
interface ShownPacket {
  type: string;
  data?: any;
}

/**
 * Shows a packet to those who listen for packets, and does what it is for, as they leave it. `deliver`
 * is the first to get the data of a message.
 */
export function showPacket(
  conn: Socket,
  type: string,
  content: string | Buffer,
  deliver: (data: any) => void,
): void {
  const packet: ShownPacket = content === "" ? { type } : { type, data: content };
  const { transport } = conn;
  conn.emit("packet", packet);
  if (conn.readyState === "closed") return void transport.emit("packet", packet);
  if (packet.type === "message") {
    deliver(packet.data);
    conn.emit("data", packet.data);
    conn.emit("message", packet.data);
  } else if (packet.type === "ping" || packet.type === "pong") {
    showHeartbeat(conn, packet.type, packet.type !== type);
  } else if (packet.type === "error") {
    conn._breakOff("parse error");
  }
  transport.emit("packet", packet);
}

/** Shows a heartbeat. `isChanged`: it came as another packet, of which the native engine knows nothing. */
function showHeartbeat(conn: Socket, type: string, isChanged: boolean): void {
  if (type !== (conn.protocol === 3 ? "ping" : "pong")) {
    // Natively, a heartbeat in the wrong direction has ended the session.
    if (isChanged) conn._breakOff("transport error", new Error("invalid heartbeat direction"));
    return;
  }
  if (type === "ping") {
    if (isChanged) conn.sendPacket("pong");
    else conn._announceSent("pong");
  }
  conn.emit("heartbeat");
}

/** Shows a packet that cannot be decoded. */
export function showUndecodable(conn: Socket): void {
  const packet = { type: "error", data: "parser error" };
  const { transport } = conn;
  conn.emit("packet", packet);
  transport.emit("packet", packet);
}

/** The text of a packet that was decoded; attachments are shown as they are encoded. */
export function encodeAgain(type: number, nsp: string, id: number | undefined, data: any): string {
  const name = nsp === "/" ? "" : `${nsp},`;
  const json = data === undefined ? "" : JSON.stringify(data);
  return `${type}${name}${id ?? ""}${json}`;
}
