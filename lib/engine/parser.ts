/**
 * Packets and payloads of Engine.IO 4, as the package `engine.io-parser` offers them. For
 * applications: sessions are encoded and decoded natively.
 *
 * @see https://github.com/socketio/engine.io-protocol
 */
import { TransformStream } from "node:stream/web";
import { PACKET_TYPES, PAYLOAD_SEPARATOR } from "./native/contract";
import { FrameReader, frameHeader } from "./session/webtransport-frames";

/** Types of packets. */
export type PacketType =
  | "open"
  | "close"
  | "ping"
  | "pong"
  | "message"
  | "upgrade"
  | "noop"
  | "error";

/** The data of a message: a text, or bytes. */
export type RawData = any;

/** A packet. */
export interface Packet {
  /** Type of the packet. */
  type: PacketType;
  /** The transport may compress the packet. */
  options?: { compress: boolean };
  /** A string or bytes; absent if there are none. */
  data?: RawData;
}

/** The type of binary messages: a Buffer (the default), or an ArrayBuffer. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "blob";

/** Revision of the protocol. */
export const protocol = 4;

/** A packet's first character is the place of its type. */
const TYPES = PACKET_TYPES as readonly PacketType[];

const failure = (): Packet => ({ type: "error", data: "parser error" });

const isBytes = (data: unknown): data is ArrayBuffer | ArrayBufferView =>
  data instanceof ArrayBuffer || ArrayBuffer.isView(data);

/** The same bytes, not a copy. */
function view(data: ArrayBuffer | ArrayBufferView): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function textOf({ type, data }: Packet): string {
  const digit = TYPES.indexOf(type);
  if (digit === -1) throw new TypeError(`unknown packet type: ${String(type)}`);
  return `${digit}${data || ""}`;
}

/**
 * Encodes a packet; calls back at once. Bytes stay as they are, or become `b` and base64.
 *
 * @param supportsBinary - whether bytes may be sent as they are
 * @throws TypeError for an unknown type
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * parser.encodePacket({ type: "message", data: "soup" }, true, (encoded) => {
 *   console.log(encoded); // 4soup
 * });
 * ```
 */
export function encodePacket(
  packet: Packet,
  supportsBinary: boolean,
  callback: (encoded: RawData) => void,
): void {
  const { data } = packet;
  if (!isBytes(data)) return callback(textOf(packet));
  callback(supportsBinary ? data : `b${view(data).toString("base64")}`);
}

/**
 * Decodes a packet. The result for an invalid one has the type `"error"`.
 *
 * @throws TypeError for anything but a string and bytes
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * console.log(parser.decodePacket("4soup").data);
 * ```
 */
export function decodePacket(encoded: RawData, binaryType?: BinaryType): Packet {
  if (typeof encoded !== "string") {
    return { type: "message", data: bytesAs(binaryType, encoded) };
  }
  if (encoded[0] === "b") {
    const bytes = Buffer.from(encoded.slice(1), "base64");
    return { type: "message", data: bytesAs(binaryType, bytes) };
  }
  const type = TYPES[encoded.charCodeAt(0) - 48];
  if (type === undefined) return failure();
  return encoded.length > 1 ? { type, data: encoded.slice(1) } : { type };
}

function bytesAs(binaryType: BinaryType | undefined, given: any): Buffer | ArrayBuffer {
  const bytes = isBytes(given) ? view(given) : Buffer.from(given);
  if (binaryType !== "arraybuffer") return bytes;
  if (given instanceof ArrayBuffer) return given;
  return Uint8Array.from(bytes).buffer;
}

/**
 * Encodes packets as the body of a poll or post; calls back once, or not at all for no packets.
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * parser.encodePayload([{ type: "noop" }, { type: "message", data: "soup" }], (body) => {
 *   console.log(body.length);
 * });
 * ```
 */
export function encodePayload(packets: Packet[], callback: (payload: string) => void): void {
  const encoded: string[] = [];
  for (const packet of packets) {
    encodePacket(packet, false, (text) => encoded.push(text));
  }
  if (encoded.length > 0) callback(encoded.join(PAYLOAD_SEPARATOR));
}

/**
 * Decodes the body of a poll or post. A packet of the type `"error"` is the last.
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * for (const packet of parser.decodePayload("6\u001e4soup")) console.log(packet.type);
 * ```
 */
export function decodePayload(payload: string, binaryType?: BinaryType): Packet[] {
  const packets: Packet[] = [];
  for (const encoded of payload.split(PAYLOAD_SEPARATOR)) {
    const packet = decodePacket(encoded, binaryType);
    packets.push(packet);
    if (packet.type === "error") break;
  }
  return packets;
}

/**
 * Encodes packets for a stream of bytes (WebTransport): each as a header and its content.
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * const stream = parser.createPacketEncoderStream();
 * await stream.writable.getWriter().write({ type: "message", data: "soup" });
 * ```
 */
export function createPacketEncoderStream(): TransformStream<Packet, Uint8Array> {
  return new TransformStream({
    transform(packet, controller) {
      const binary = isBytes(packet.data);
      const content = binary ? view(packet.data) : new TextEncoder().encode(textOf(packet));
      controller.enqueue(frameHeader(content.length, binary));
      controller.enqueue(content);
    },
  });
}

/**
 * Decodes packets from a stream of bytes. The first packet of the type `"error"` is the last.
 *
 * @param maxPayload - the largest packet, in bytes
 *
 * @example
 * ```ts
 * import { parser } from "socket.io-native/engine";
 *
 * const stream = parser.createPacketDecoderStream(1_000_000);
 * const { value } = await stream.readable.getReader().read();
 * console.log(value?.type);
 * ```
 */
export function createPacketDecoderStream(
  maxPayload: number,
  binaryType?: BinaryType,
): TransformStream<Uint8Array, Packet> {
  const frames = new FrameReader(maxPayload);
  let failed = false;
  return new TransformStream({
    transform(chunk, controller) {
      if (failed) return;
      failed = !frames.push(chunk, (content, binary) => {
        const encoded = binary ? Buffer.from(content) : content.toString();
        controller.enqueue(decodePacket(encoded, binaryType));
      });
      if (failed) controller.enqueue(failure());
    },
  });
}
