/**
 * Packets and payloads of Engine.IO 4, as the package `engine.io-parser` offers them. For
 * applications: sessions are encoded and decoded natively.
 *
 * @see https://github.com/socketio/engine.io-protocol
 */
import { TransformStream } from "node:stream/web";

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

/** What a message may be: a text, or bytes. */
export type RawData = any;

/** A packet. */
export interface Packet {
  type: PacketType;
  options?: { compress: boolean };
  data?: RawData;
}

/** What binary messages are given as: a Buffer (the default), or an ArrayBuffer. */
export type BinaryType = "nodebuffer" | "arraybuffer" | "blob";

/** Revision of the protocol. */
export const protocol = 4;

/** A packet's first character is the place of its type. */
const TYPES: PacketType[] = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const SEPARATOR = "\x1e";

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
 * @throws TypeError for a type that there is not
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
 * Decodes a packet. What cannot be decoded is a packet of the type `"error"`.
 *
 * @throws TypeError for what is neither a text nor bytes
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

/** Encodes packets as the body of a poll or post; calls back once, but not for no packet at all. */
export function encodePayload(packets: Packet[], callback: (payload: string) => void): void {
  const encoded: string[] = [];
  for (const packet of packets) {
    encodePacket(packet, false, (text) => encoded.push(text));
  }
  if (encoded.length > 0) callback(encoded.join(SEPARATOR));
}

/** Decodes a body; a packet of the type `"error"` is the last. */
export function decodePayload(payload: string, binaryType?: BinaryType): Packet[] {
  const packets: Packet[] = [];
  for (const encoded of payload.split(SEPARATOR)) {
    const packet = decodePacket(encoded, binaryType);
    packets.push(packet);
    if (packet.type === "error") break;
  }
  return packets;
}

/** A packet's length on a stream, in 1, 3 or 9 bytes; the first bit tells bytes from text. */
function streamHeader(length: number, binary: boolean): Uint8Array {
  let header: Buffer;
  if (length < 126) {
    header = Buffer.from([length]);
  } else if (length < 1 << 16) {
    header = Buffer.from([126, 0, 0]);
    header.writeUInt16BE(length, 1);
  } else {
    header = Buffer.alloc(9, 127);
    header.writeBigUInt64BE(BigInt(length), 1);
  }
  if (binary) header[0] |= 0x80;
  return new Uint8Array(header);
}

/** Encodes packets for a stream of bytes (WebTransport): each as a header and its content. */
export function createPacketEncoderStream(): TransformStream<Packet, Uint8Array> {
  return new TransformStream({
    transform(packet, controller) {
      const binary = isBytes(packet.data);
      const content = binary ? view(packet.data) : new TextEncoder().encode(textOf(packet));
      controller.enqueue(streamHeader(content.length, binary));
      controller.enqueue(content);
    },
  });
}

/**
 * Decodes packets from a stream of bytes. The first packet of the type `"error"` is the last.
 *
 * @param maxPayload - the largest packet, in bytes
 */
export function createPacketDecoderStream(
  maxPayload: number,
  binaryType?: BinaryType,
): TransformStream<Uint8Array, Packet> {
  let rest = Buffer.alloc(0);
  let failed = false;
  return new TransformStream({
    transform(chunk, controller) {
      if (failed) return;
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const header = readHeader(rest);
        if (header === null) return;
        if (header.length === 0 || header.length > maxPayload) {
          failed = true;
          rest = Buffer.alloc(0);
          return controller.enqueue(failure());
        }
        const end = header.size + header.length;
        if (rest.length < end) return;
        const content = rest.subarray(header.size, end);
        rest = rest.subarray(end);
        controller.enqueue(decodePacket(header.binary ? content : content.toString(), binaryType));
      }
    },
  });
}

/** The header at the beginning of `bytes`; null if it is not there yet. */
function readHeader(bytes: Buffer): { binary: boolean; size: number; length: number } | null {
  if (bytes.length === 0) return null;
  const binary = bytes[0] >= 0x80;
  const short = bytes[0] & 0x7f;
  if (short < 126) return { binary, size: 1, length: short };
  const size = short === 126 ? 3 : 9;
  if (bytes.length < size) return null;
  const length = size === 3 ? bytes.readUInt16BE(1) : Number(bytes.readBigUInt64BE(1));
  return { binary, size, length };
}
