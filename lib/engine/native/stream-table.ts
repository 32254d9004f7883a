/** The streams and listeners by the numbers that records call them by. */

/** Receives the records of a native listener. */
export interface ListenerEvents {
  /** The listener has opened a session; its request comes packed, in two parts. */
  opened(
    handle: number,
    websocket: boolean,
    id: string,
    address: string,
    shared: string,
    own: string,
  ): void;
  /** The same, ahead of the record: nobody may be told of the session yet. */
  openedAhead: ListenerEvents["opened"];
  /** A connection is not for the listener; `bytes` were read of it. */
  handover(fd: number, bytes: Buffer): void;
  /** The listener was stopped, and no connection is left. No records follow unless it starts again. */
  drained(): void;
}

/** Receives the records of a stream that JavaScript pumps. */
export interface StreamEvents {
  /** The engine has bytes for the stream; none end it. */
  write(data: Buffer): void;
  /** The engine has taken all input. */
  taken(): void;
  /**
   * The engine has done with the stream.
   *
   * @param abort - true if unwritten bytes are to be dropped
   * @param read - bytes that a connection has read, if the engine has read it
   * @param written - bytes that were written to it
   */
  end(abort: boolean, read: number, written: number): void;
}

/** The write that ends a stream. */
const NO_BYTES = Buffer.alloc(0);

const streams = new Map<number, StreamEvents>();

/** Has the records of a stream handed to `events`, until its end. */
export function registerStream(stream: number, events: StreamEvents): void {
  streams.set(stream, events);
}

/** Drops the records of a stream. */
export function forgetStream(stream: number): void {
  streams.delete(stream);
}

/** Receives the records of a stream. */
export function streamOf(stream: number): StreamEvents | undefined {
  return streams.get(stream);
}

/** Writes to a stream. */
export function writeStream(stream: number, data: Buffer): void {
  streams.get(stream)?.write(data);
}

/**
 * Writes chunks to a stream that ends soon as one write: over TLS, a second one would wait for a turn of
 * the loop. An empty chunk ends the stream behind them.
 */
export function writeTogether(stream: number, chunks: Buffer[]): void {
  const whole = Buffer.concat(chunks);
  if (whole.length > 0) writeStream(stream, whole);
  if (chunks.some(({ length }) => length === 0)) writeStream(stream, NO_BYTES);
}

const listeners = new Map<number, ListenerEvents>();

/** Has the records of a native listener handed to `events`. */
export function registerListener(listener: number, events: ListenerEvents): void {
  listeners.set(listener, events);
}

/** Drops the records of a native listener. */
export function forgetListener(listener: number): void {
  listeners.delete(listener);
}

/** Receives the records of a native listener. */
export function listenerOf(listener: number): ListenerEvents | undefined {
  return listeners.get(listener);
}

let onAdoptedEnd: (server: number) => void = () => {};

/**
 * Sets the callback for the end of a connection of which JavaScript keeps nothing; it gets the number
 * of the server that accepted the connection.
 */
export function setAdoptedEnd(callback: (server: number) => void): void {
  onAdoptedEnd = callback;
}

/** Calls the callback of {@link setAdoptedEnd}. */
export function endAdopted(server: number): void {
  onAdoptedEnd(server);
}
