/**
 * The JSON text of packets that are long strings for the most part: `JSON.stringify` looks at each of
 * their characters in turn, the native engine at many at once.
 */
import { types } from "node:util";
import { calls } from "./engine/native/binding";

/** The length of a long string, in UTF-16 units. */
export const LONG = 256;

/**
 * Returns the text that `JSON.stringify` would give, or `undefined` where it is to be asked: for arrays
 * with a `toJSON()`, and with the JavaScript engine.
 *
 * @param root - holds no object with a `toJSON()`, and no circle
 * @throws TypeError for what JSON cannot express; RangeError for a nesting deeper than the stack
 */
export function stringifyLong(root: unknown): string | undefined {
  if (calls.quote === undefined) return undefined;
  try {
    return textOf(root);
  } catch (error) {
    if (error === HAS_TO_JSON) return undefined;
    throw error;
  }
}

/** Thrown for an array with a `toJSON()`, which must hear its key. */
const HAS_TO_JSON = Symbol("toJSON");

/** The text of a value; undefined for what JSON leaves out. */
function textOf(value: any): string | undefined {
  if (typeof value === "string") {
    if (value.length < LONG) return JSON.stringify(value);
    return calls.quote(value, value.length) ?? `"${value}"`;
  }
  if (typeof value !== "object" || value === null || isWhole(value)) return JSON.stringify(value);
  return Array.isArray(value) ? textOfArray(value) : textOfObject(value);
}

/** True for objects that JSON takes for what is inside them. */
const isWhole = (value: object): boolean =>
  types.isBoxedPrimitive(value) || ((JSON as any).isRawJSON?.(value) ?? false);

function textOfArray(array: any): string {
  if (typeof array.toJSON === "function") throw HAS_TO_JSON;
  let text = "[";
  const { length } = array;
  for (let i = 0; i < length; i++) {
    if (i > 0) text += ",";
    text += textOf(array[i]) ?? "null";
  }
  return `${text}]`;
}

function textOfObject(object: any): string {
  let text = "{";
  for (const key of Object.keys(object)) {
    const member = textOf(object[key]);
    if (member === undefined) continue;
    if (text.length > 1) text += ",";
    text += `${JSON.stringify(key)}:${member}`;
  }
  return `${text}}`;
}
