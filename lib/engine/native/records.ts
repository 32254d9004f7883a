/** Decodes one record after the other and hands it to the session, listener or stream it is for. */
import { placeAttachments } from "./attachments";
import { batch as current, sharedPart } from "./batches";
import { engine, release } from "./binding";
import { FIRST_STREAM, Note, PacketKind, RECORD_LENGTHS, RecordCode } from "./contract";
import { writeOutput } from "./inline";
import {
  hear,
  isAnybodyHeard,
  isHeard,
  mustPacketWait,
  mustRequestWait,
  runInPlace,
  runPlaced,
} from "./order";
import { releaseHandle } from "./outbound";
import { forgetSession, type SessionEvents, sessionOf } from "./session-table";
import { endAdopted, forgetStream, listenerOf, streamOf } from "./stream-table";

// A local constant: an import is looked up each time.
const batch = current;

/**
 * Dispatches the records of the batch in work. Returns false if the next one has to wait for listeners
 * of those before.
 *
 * @throws Error for a code that is none, and exceptions of listeners
 */
export function dispatchBatch(): boolean {
  while (batch.at < batch.items.length) {
    if (!dispatchRecord()) return false;
  }
  return true;
}

/**
 * Tells sessions whose clients leave further on in the batch, which has to wait: upstream hears of that
 * before it calls the listeners of the events in front, and calls none.
 */
export function announceLeavers(): void {
  const { items } = batch;
  batch.leavers ??= findLeavers();
  let requesting: Set<number> | undefined;
  for (const at of batch.leavers) {
    if (at < batch.at) continue;
    const handle: number = items[at + 1];
    if (items[at] === RecordCode.Note) {
      // Listeners are called before the next request of a session is heard.
      requesting ??= new Set();
      requesting.add(handle);
    } else if (!requesting?.has(handle)) {
      sessionOf(handle)?._onleaving(items[at] === RecordCode.Packet ? items[at + 3] : null);
    }
  }
}

/** The indices of records from the cursor on that tell of clients that leave, or of requests. */
function findLeavers(): number[] {
  const { items } = batch;
  const found = [];
  for (let i = batch.at; i < items.length; i += RECORD_LENGTHS[items[i]]) {
    const code: RecordCode = items[i];
    if (
      code === RecordCode.Packet
        ? items[i + 2] === PacketKind.Disconnect
        : code === RecordCode.Closed
          ? items[i + 4] === 1
          : code === RecordCode.Note && items[i + 2] === Note.Request
    ) {
      found.push(i);
    }
  }
  return found;
}

/**
 * A payload: in place, or as the index of its text beside the records; -1 - index: as the text of
 * `[places, payload]`, with the strings for these places behind it.
 */
function payload(item: any): any {
  if (typeof item !== "number") return item;
  const { values } = batch;
  if (item >= 0) return JSON.parse(values[item] as string);
  let at = -1 - item;
  const [places, data] = JSON.parse(values[at] as string);
  for (let i = 0; i < places.length; i++) data[places[i]] = values[++at];
  return data;
}

/**
 * Dispatches the record at the cursor. Returns false if it has to wait for listeners of those before.
 * The cursor moves before anything is called, so that an exception never repeats a record.
 *
 * @throws Error for a code that is none; the rest of the batch is dropped
 */
function dispatchRecord(): boolean {
  const { items, at } = batch;
  const code: RecordCode = items[at];
  const name: number = items[at + 1];
  const first = items[at + 2];
  switch (code) {
    case RecordCode.Event: {
      batch.at = at + 3;
      hear(name);
      sessionOf(name)?._onpacket(PacketKind.Event, "/", undefined, payload(first));
      return true;
    }
    case RecordCode.EventWithAck:
    case RecordCode.Ack: {
      batch.at = at + 4;
      hear(name);
      const kind = code === RecordCode.Ack ? PacketKind.Ack : PacketKind.Event;
      sessionOf(name)?._onpacket(kind, "/", Number(first), payload(items[at + 3]));
      return true;
    }
    case RecordCode.Packet: {
      if (mustPacketWait(name, first)) return false;
      batch.at = at + 8;
      hear(name);
      const to = sessionOf(name);
      if (to !== undefined) dispatchPacket(to, items, at);
      return true;
    }
    case RecordCode.EnginePacket: {
      batch.at = at + 4;
      hear(name);
      sessionOf(name)?._onraw(first, batch.values[items[at + 3]]);
      return true;
    }
    case RecordCode.Refused:
      batch.at = at + 3;
      sessionOf(name)?._onrefused(first);
      return true;
    case RecordCode.Closed: {
      const to = sessionOf(name);
      const isTold = items[at + 4] === 1;
      if (to !== undefined && !isTold && isAnybodyHeard()) return false;
      batch.at = at + 5;
      dispatchEnd(to, name, first, items[at + 3]);
      return true;
    }
    case RecordCode.Answer:
      batch.at = at + 3;
      sessionOf(name)?._onanswer(batch.values[first]);
      return true;
    case RecordCode.Frame:
      batch.at = at + 4;
      sessionOf(name)?._onframe(first === 1, batch.values[items[at + 3]]);
      return true;
    case RecordCode.Note: {
      const to = sessionOf(name);
      if (first === Note.Request && to !== undefined && mustRequestWait(name)) return false;
      batch.at = at + 3;
      to?._onnote(first);
      return true;
    }
    case RecordCode.Place:
      if (isHeard(name)) return false;
      batch.at = at + 2;
      runPlaced();
      return true;
    case RecordCode.Opened:
    case RecordCode.Handover:
    case RecordCode.ListenerDrained:
      return dispatchListener(code, items, at);
    case RecordCode.StreamWrite:
    case RecordCode.StreamEnd:
    case RecordCode.StreamTaken:
      dispatchStream(code, items, at);
      return true;
    default:
      batch.at = items.length;
      throw new Error(`unknown record ${code}`);
  }
}

/** The end of a session. Its handle may name another one after this, and what was sent until now. */
function dispatchEnd(
  to: SessionEvents | undefined,
  handle: number,
  reason: number,
  message: string | null,
): void {
  try {
    to?._onclosed(reason, message);
  } finally {
    forgetSession(handle);
    releaseHandle(handle);
  }
}

function dispatchPacket(to: SessionEvents, items: any[], at: number): void {
  // By index: a list of names costs objects for each of them until the function is optimized.
  const kind: number = items[at + 2];
  const nsp: string = items[at + 3];
  const id = items[at + 4];
  const item = items[at + 5];
  const from: number = items[at + 6];
  const count: number = items[at + 7];
  let data = item === null ? undefined : payload(item);
  if (count > 0) {
    try {
      data = placeAttachments(data, batch.values.slice(from, from + count) as Buffer[]);
    } catch (error) {
      return to._onrefused((error as Error).message);
    }
  }
  to._onpacket(plainKind(kind), nsp, id === null ? undefined : Number(id), data);
}

/** The kind of a packet whose attachments are in their places. */
function plainKind(kind: number): number {
  if (kind === PacketKind.BinaryEvent) return PacketKind.Event;
  return kind === PacketKind.BinaryAck ? PacketKind.Ack : kind;
}

function dispatchListener(code: RecordCode, items: any[], at: number): boolean {
  const events = listenerOf(items[at + 1]);
  if (code === RecordCode.Opened) {
    batch.at = at + 8;
    events?.opened(
      items[at + 2],
      items[at + 3] === 1,
      items[at + 4],
      items[at + 5],
      sharedPart(items, at),
      items[at + 7],
    );
  } else if (code === RecordCode.Handover) {
    const [, , fd, bytes, session] = items.slice(at, at + 5);
    if (session !== -1 && isHeard(session)) return false;
    batch.at = at + 5;
    if (session !== -1) hear(session);
    try {
      runInPlace(() => events?.handover(fd, batch.values[bytes] as Buffer));
    } finally {
      if (session !== -1) engine.takenOver(session);
    }
  } else {
    batch.at = at + 2;
    events?.drained();
  }
  return true;
}

function dispatchStream(code: RecordCode, items: any[], at: number): void {
  const stream: number = items[at + 1];
  const events = streamOf(stream);
  if (code === RecordCode.StreamWrite) {
    batch.at = at + 3;
    events?.write(batch.values[items[at + 2]] as Buffer);
  } else if (code === RecordCode.StreamEnd) {
    const [, , abort, read, written] = items.slice(at, at + 5);
    batch.at = at + 5;
    release();
    if (stream < FIRST_STREAM) return endAdopted(stream);
    // The last bytes, if the wake-up for them is still on its way.
    writeOutput();
    forgetStream(stream);
    events?.end(abort === 1, read, written);
  } else {
    batch.at = at + 2;
    events?.taken();
  }
}
