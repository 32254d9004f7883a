/**
 * Encoding of packets without attachments, which most are. The text is that of the default encoder,
 * without its second walk through the data, its array, and its trace call.
 */
import { Encoder, type Packet, PacketType } from "socket.io-parser";
import { stringifyDeep } from "./encode-deep";

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
 * The text of a packet, or `undefined` if it may hold binary data and is a case for the encoder.
 *
 * @throws RangeError for circular data of events and acknowledgements; TypeError for that of other
 *   packets, and for what JSON cannot express
 */
export function encodeText(packet: Packet): string | undefined {
  // No other packet has attachments.
  const mayHaveSome = packet.type === PacketType.EVENT || packet.type === PacketType.ACK;
  try {
    if (mayHaveSome && packet.data !== undefined && mayHoldBinary(packet.data)) return undefined;
    return textOf(packet, JSON.stringify);
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

const isOverflow = ({ message }: RangeError): boolean => message.includes("call stack");

function textOf({ type, nsp, id, data }: Packet, stringify: (data: any) => string): string {
  let text = `${type}`;
  if (nsp !== "/") text += `${nsp},`;
  if (id !== undefined && id !== null) text += id;
  if (data !== undefined && data !== null) text += stringify(data);
  return text;
}

function mayHoldBinary(value: any): boolean {
  if (typeof value !== "object" || value === null) return false;
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
