/** The batches of records that this thread has taken, and the cursor over the one in work. */

import { setImmediate } from "../scheduling";
import { calls } from "./binding";
import { RECORD_LENGTHS, RecordCode, Rest } from "./contract";

/** Records, one behind the other, and the values that they refer to. */
interface Records {
  items: any[];
  values: (string | Buffer)[];
  /** The sessions that its records open are known. */
  isLookedThrough: boolean;
}

/** The batch in work; it stays here when a listener throws. */
export const batch: Records & {
  /** Index of the code of the next record. */
  at: number;
  /** Length of its text, in characters. */
  length: number;
  /** The indices of records that tell of clients that leave, once they were looked for. */
  leavers: number[] | null;
} = { items: [], values: [], isLookedThrough: true, at: 0, length: 0, leavers: null };

/** Batches that were taken for their bytes for streams, without these. */
const leftOver: Records[] = [];

function parse(taken: string | [string, ...(string | Buffer)[]]): Records {
  const isAlone = typeof taken === "string";
  const items = JSON.parse(isAlone ? taken : taken[0]);
  return { items, values: isAlone ? [] : taken.slice(1), isLookedThrough: false };
}

/** The index of the shared part of a request in the record of an opened session. */
const SHARED_PART = 6;

/** The shared part of the request of an opened session, whose record stands at an index of a batch. */
export function sharedPart(items: any[], at: number): string {
  const part = items[at + SHARED_PART];
  return typeof part === "number" ? items[part] : part;
}

/**
 * Makes the next batch the one in work. Returns false, and drops the last one, if there is none.
 *
 * @param waits - as that of `calls.take()`
 */
export function nextBatch(waits: 0 | 1): boolean {
  let records = leftOver.shift();
  if (records === undefined) {
    const taken = calls.take(waits);
    if (taken !== undefined) {
      records = parse(taken);
      batch.length = typeof taken === "string" ? taken.length : taken[0].length;
    }
  }
  batch.at = 0;
  // A batch may be large, and the next one far away.
  batch.items = records?.items ?? [];
  batch.values = records?.values ?? [];
  batch.isLookedThrough = records === undefined;
  batch.leavers = null;
  return records !== undefined;
}

/** Number of the batches behind the one in work. */
export function waitingBatches(): number {
  return calls.waiting() + leftOver.length;
}

/** The work that is left. If it is none, the engine wakes this thread for the next batch. */
export function restOfWork(): Rest {
  const rest = calls.rest();
  return leftOver.length > 0 ? Rest.Batches : rest;
}

/** True if every record that there is has been dispatched. */
export function isWorkedOff(): boolean {
  return batch.at >= batch.items.length && leftOver.length === 0 && calls.waiting() === 0;
}

/**
 * Takes the bytes for streams out of all batches; the other records stay for later. It calls no
 * listener: the process, or a stream, is about to end.
 *
 * @param goOn - works off the records that stay, in case the process goes on
 */
export function takeWrites(goOn: () => void): [stream: number, data: Buffer][] {
  const writes: [number, Buffer][] = [];
  batch.items = withoutWrites(batch.items, batch.values, batch.at, writes);
  batch.leavers = null;
  batch.at = 0;
  for (let taken = calls.take(1); taken !== undefined; taken = calls.take(1)) {
    const { items, values } = parse(taken);
    const left = withoutWrites(items, values, 0, writes);
    if (left.length > 0) leftOver.push({ items: left, values, isLookedThrough: false });
  }
  if (leftOver.length > 0) setImmediate(goOn);
  return writes;
}

/** The records from an index on without the bytes for streams, which go to `writes`. */
function withoutWrites(
  items: any[],
  values: (string | Buffer)[],
  start: number,
  writes: [number, Buffer][],
): any[] {
  const left = [];
  for (let i = start; i < items.length; i += RECORD_LENGTHS[items[i]]) {
    if (items[i] === RecordCode.StreamWrite) {
      writes.push([items[i + 1], values[items[i + 2]] as Buffer]);
    } else {
      const record = items.slice(i, i + RECORD_LENGTHS[items[i]]);
      if (items[i] === RecordCode.Opened) record[SHARED_PART] = sharedPart(items, i);
      left.push(...record);
    }
  }
  return left;
}

/** Calls back for each record of an opened session that is not dispatched, at least once. */
export function eachOpened(callback: (items: any[], at: number) => void): void {
  for (const records of [batch, ...leftOver]) {
    if (records.isLookedThrough) continue;
    records.isLookedThrough = true;
    eachOpenedOf(records.items, records === batch ? batch.at : 0, callback);
  }
  const told = calls.openedAhead();
  if (told !== undefined) eachOpenedOf(JSON.parse(told), 0, callback);
}

function eachOpenedOf(
  items: any[],
  start: number,
  callback: (items: any[], at: number) => void,
): void {
  for (let i = start; i < items.length; i += RECORD_LENGTHS[items[i]]) {
    if (items[i] === RecordCode.Opened) callback(items, i);
  }
}
