/** What only a session has that somebody watches or waits for: most sessions have none of it. */
import { Decoder } from "socket.io-parser";
import type { PacketSink } from "../native-conn";
import type { Socket } from "./socket";
import type { Transport } from "./transports";

/** Listeners that need the packets themselves, and not just what they mean. */
export const PACKET_EVENTS = new Set<string | symbol>(["packet", "data", "message", "heartbeat"]);

/** Listeners that are told of each message sent. */
export const SEND_EVENTS = new Set<string | symbol>(["packetCreate", "flush", "drain"]);

/** A packet as listeners of `packetCreate` and `flush` see it. */
export interface SentPacket {
  type: string;
  data?: any;
  options: { compress: boolean };
}

/** Called with the transport once a message was handed over. */
export type SendCallback = (transport: Transport) => void;

/** See the module. */
export class Watch {
  /** Packets come here undecoded. */
  raw = false;
  /** Somebody listens to what is sent. */
  announced = false;
  /** The sink was taken off. */
  deaf = false;
  callbacks: SendCallback[] | null = null;
  /** Sent and not delivered yet. */
  buffer: SentPacket[] | null = null;
  /** What a `send` of the application is given once the transport is writable. */
  held: SentPacket[] | null = null;
  /** Bytes of it, about. */
  heldBytes = 0;
  private decoder: Decoder | null = null;

  /**
   * Decodes a message that came undecoded, for the sink there is by then.
   *
   * @throws Error for a message that is no packet
   */
  decode(data: string | Buffer, sink: () => PacketSink | null): void {
    if (this.decoder === null) {
      this.decoder = new Decoder();
      this.decoder.on("decoded", (packet: any) => {
        sink()?.onpacket(packet.type, packet.nsp, packet.id, packet.data);
      });
    }
    this.decoder.add(data);
  }

  /** Drops a packet that has not come whole. */
  end(): void {
    this.decoder?.destroy();
  }
}

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

/** Name of an Engine.IO packet type by its digit; -1 is a binary message. */
export function packetType(type: number): string {
  return type === -1 ? "message" : TYPES[type];
}

/** Shows a packet to those who listen for packets; the sink is the first to get a message. */
export function showPacket(
  conn: Socket,
  type: string,
  content: string | Buffer,
  deliver: () => void,
): void {
  const data = content === "" ? undefined : content;
  conn.emit("packet", data === undefined ? { type } : { type, data });
  // Who beats in the wrong direction has had no answer: the session has ended.
  const beats = type === (conn.protocol === 3 ? "ping" : "pong");
  if (beats) {
    if (type === "ping") conn.emit("packetCreate", { type: "pong", options: { compress: true } });
    conn.emit("heartbeat");
  }
  if (type !== "message") return;
  deliver();
  conn.emit("data", data);
  conn.emit("message", data);
}

/** Shows a packet that cannot be decoded. */
export function showUndecodable(conn: Socket): void {
  conn.emit("packet", { type: "error", data: "parser error" });
}

/** The text of a packet that was decoded; attachments are shown as they are encoded. */
export function encodeAgain(type: number, nsp: string, id: number | undefined, data: any): string {
  const name = nsp === "/" ? "" : `${nsp},`;
  const json = data === undefined ? "" : JSON.stringify(data);
  return `${type}${name}${id ?? ""}${json}`;
}
