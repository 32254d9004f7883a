/**
 * Encoding of packets without attachments, which most are, and of those whose arguments are attachments
 * or hold none. The parts are those of the default encoder, without its second walk through the data
 * and its trace call.
 */
import { Encoder, type Packet, PacketType } from "socket.io-parser";
import { stringifyDeep } from "./encode-deep";
import { LONG, stringifyLong } from "./encode-long";

const { encode } = Encoder.prototype;

/** Returns true if an encoder is the unchanged default one, which {@link encodeText} may replace. */
export function isDefaultEncoder(encoder: Encoder): boolean {
  return (
    Object.getPrototypeOf(encoder) === Encoder.prototype &&
    encoder.encode === encode &&
    (encoder as any).replacer === undefined
  );
}

/**
 * The text of a packet with its attachments behind, or `undefined` if it is a case for the encoder.
 *
 * @throws as {@link encodeText} does
 */
export function encodeParts(packet: Packet): (string | Buffer)[] | undefined {
  const { type, data } = packet;
  if ((type === PacketType.EVENT || type === PacketType.ACK) && Array.isArray(data)) {
    for (let i = 0; i < data.length; i++) {
      if (isBytes(data[i])) return encodeWithAttachments(packet);
    }
  }
  const text = encodeText(packet);
  return text === undefined ? undefined : [text];
}

/** The parts of a packet some of whose arguments are attachments; undefined if others may hold some. */
function encodeWithAttachments({ type, nsp, id, data }: Packet): (string | Buffer)[] | undefined {
  if (typeof data.toJSON === "function") return undefined;
  const parts: (string | Buffer)[] = [""];
  let json = "";
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (i > 0) json += ",";
    if (isBytes(value)) {
      json += `{"_placeholder":true,"num":${parts.length - 1}}`;
      parts.push(value);
    } else {
      if (typeof value === "object" && mayHoldBinary(value)) return undefined;
      json += JSON.stringify(value) ?? "null";
    }
  }
  const kind = type === PacketType.EVENT ? PacketType.BINARY_EVENT : PacketType.BINARY_ACK;
  let text = `${kind}${parts.length - 1}-`;
  if (nsp !== "/") text += `${nsp},`;
  if (id !== undefined && id !== null) text += id;
  parts[0] = `${text}[${json}]`;
  return parts;
}

const isBytes = (value: any): value is Buffer =>
  typeof value === "object" && (ArrayBuffer.isView(value) || value instanceof ArrayBuffer);

/**
 * The text of a packet, or `undefined` if it may hold binary data and is a case for the encoder.
 *
 * @throws RangeError for circular data of events and acknowledgements; TypeError for that of other
 *   packets, and for what JSON cannot express
 */
export function encodeText(packet: Packet): string | undefined {
  // No other packet has attachments.
  const mayHaveSome = packet.type === PacketType.EVENT || packet.type === PacketType.ACK;
  try {
    if (!mayHaveSome || packet.data === undefined) return textOf(packet, JSON.stringify);
    longUnits = 0;
    members = 0;
    if (mayHoldBinary(packet.data)) return undefined;
    return textOf(packet, longUnits > members * UNITS_A_MEMBER ? stringify : JSON.stringify);
  } catch (error) {
    // Deeper than the stack, or circular.
    if (!mayHaveSome || !(error instanceof RangeError) || !isOverflow(error)) throw error;
    return textOf(packet, (data) => {
      const text = stringifyDeep(data);
      if (text === undefined) throw error;
      return text;
    });
  }
}

/** The long strings of the packet that was looked at last, in UTF-16 units. */
let longUnits = 0;
/** The values in its arrays and objects. */
let members = 0;
/** The units that the text of a member costs if it is not made by `JSON.stringify`. */
const UNITS_A_MEMBER = 128;

const stringify = (data: any): string => stringifyLong(data) ?? JSON.stringify(data);

const isOverflow = ({ message }: RangeError): boolean => message.includes("call stack");

function textOf({ type, nsp, id, data }: Packet, stringify: (data: any) => string): string {
  let text = `${type}`;
  if (nsp !== "/") text += `${nsp},`;
  if (id !== undefined && id !== null) text += id;
  if (data !== undefined && data !== null) text += stringify(data);
  return text;
}

function mayHoldBinary(value: any): boolean {
  members++;
  if (typeof value !== "object" || value === null) {
    if (typeof value === "string" && value.length >= LONG) longUnits += value.length;
    return false;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (mayHoldBinary(value[i])) return true;
    }
    return false;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob) {
    return true;
  }
  // toJSON() must be called once only: the encoder looks at its result.
  if (typeof value.toJSON === "function") return true;
  for (const key in value) {
    if (Object.hasOwn(value, key) && mayHoldBinary(value[key])) return true;
  }
  return false;
}
