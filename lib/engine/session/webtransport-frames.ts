/**
 * Packets on a stream of bytes (WebTransport), Engine.IO protocol 4: the length of each in 1, 3 or
 * 9 bytes, of which the first bit tells bytes from text, then its content.
 */

/** The header of a packet. */
export function frameHeader(length: number, binary: boolean): Uint8Array {
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

interface Header {
  binary: boolean;
  /** The length of the header, in bytes. */
  size: number;
  /** The length of the content, in bytes. */
  length: number;
}

/** The header at a place in `bytes`; null if it is not there yet. */
function readHeader(bytes: Buffer, at: number): Header | null {
  const has = bytes.length - at;
  if (has === 0) return null;
  const binary = bytes[at] >= 0x80;
  const short = bytes[at] & 0x7f;
  if (short < 126) return { binary, size: 1, length: short };
  const size = short === 126 ? 3 : 9;
  if (has < size) return null;
  const length = size === 3 ? bytes.readUInt16BE(at + 1) : Number(bytes.readBigUInt64BE(at + 1));
  return { binary, size, length };
}

const NOTHING = Buffer.alloc(0);

/** Finds the packets in a stream, in whatever pieces it comes. */
export class FrameReader {
  /** Begins with `size` bytes of what is incomplete. It grows by doubling: each byte is moved once
   * or twice, however small the pieces are. */
  private held = NOTHING;
  private size = 0;
  private failed = false;
  /** A packet was longer than allowed. */
  isTooLong = false;

  /** @param maxLength - of a packet, in bytes */
  constructor(private readonly maxLength: number) {}

  /**
   * Takes a piece, and calls `onframe` for each packet that it completes. The content is the
   * caller's only until `onframe` returns.
   *
   * @returns false if there is no packet of length 0, or a longer one: what follows is not read
   */
  push(piece: Uint8Array, onframe: (content: Buffer, binary: boolean) => void): boolean {
    if (this.failed) return false;
    const bytes = this.joined(piece);
    let at = 0;
    for (;;) {
      const header = readHeader(bytes, at);
      if (header === null) break;
      const { binary, length } = header;
      if (length === 0 || length > this.maxLength || length > Number.MAX_SAFE_INTEGER) {
        this.failed = true;
        this.isTooLong = length > 0;
        this.held = NOTHING;
        return false;
      }
      const start = at + header.size;
      if (start + length > bytes.length) break;
      at = start + length;
      onframe(bytes.subarray(start, at), binary);
    }
    this.keep(bytes, at);
    return true;
  }

  /** The bytes that are held, and the piece behind them. */
  private joined(piece: Uint8Array): Buffer {
    if (this.size === 0) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const size = this.size + piece.length;
    if (size > this.held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.held.length));
      larger.set(this.held.subarray(0, this.size));
      this.held = larger;
    }
    this.held.set(piece, this.size);
    this.size = size;
    return this.held.subarray(0, size);
  }

  /** Holds what follows the last complete packet. */
  private keep(bytes: Buffer, from: number): void {
    const size = bytes.length - from;
    if (size === 0) this.held = NOTHING;
    else if (this.size === 0) this.held = Buffer.from(bytes.subarray(from));
    else this.held.copyWithin(0, from, this.size);
    this.size = size;
  }
}
