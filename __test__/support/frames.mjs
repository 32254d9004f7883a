// WebSocket frames by hand (RFC 6455, 5.2): one writer, one reader, and nothing is checked.

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]); // fixed, so that a seed repeats every byte

/**
 * A client frame, valid unless told otherwise. `opcode` 1 text, 2 binary, 0 continuation, 8 close,
 * 9 ping, 10 pong. `length` announces another payload length than the true one; `wide` forces the
 * 16- or 64-bit form.
 */
export function frame(opcode, data = "", { fin = true, rsv = 0, mask = true, ...rest } = {}) {
  const payload = Buffer.from(data);
  const length = BigInt(rest.length ?? payload.length);
  const wide = rest.wide ?? (length > 65535n ? 64 : length > 125n ? 16 : 0);
  const head = Buffer.alloc(2 + wide / 8);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (wide === 64 ? 127 : wide === 16 ? 126 : Number(length));
  if (wide === 16) head.writeUInt16BE(Number(length), 2);
  if (wide === 64) head.writeBigUInt64BE(length, 2);
  if (!mask) return Buffer.concat([head, payload]);
  return Buffer.concat([head, MASK, payload.map((byte, i) => byte ^ MASK[i & 3])]);
}

/** A close frame; no code gives an empty one. */
export function closeFrame(code, reason = "") {
  if (code === undefined) return frame(8);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(8, payload);
}

/**
 * Reads the first (unmasked) frame of `bytes`: `{ fin, rsv, opcode, masked, payload, size }`, where
 * `size` counts the bytes of the whole frame; undefined while it is not complete.
 */
export function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const start = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < start) return undefined;
  let length = short;
  if (short === 126) length = bytes.readUInt16BE(2);
  if (short === 127) length = Number(bytes.readBigUInt64BE(2));
  const size = start + length;
  if (bytes.length < size) return undefined;
  return {
    fin: bytes[0] >> 7 === 1,
    rsv: (bytes[0] >> 4) & 7,
    opcode: bytes[0] & 15,
    masked: bytes[1] >> 7 === 1,
    payload: bytes.subarray(start, size),
    size,
  };
}
