/**
 * The JSON text of values whose nesting is deeper than the stack, for which `JSON.stringify` throws: a
 * client chooses the nesting of what an application may send back.
 */

/** A container whose members are being written. */
interface Frame {
  value: any;
  /** The keys of an object; undefined for an array. */
  keys: string[] | undefined;
  next: number;
  /** True before the first member is written. */
  empty: boolean;
}

/**
 * Returns the text that `JSON.stringify` would give with a stack that is large enough, or `undefined`
 * for a circular value and for one that holds binary data or a `toJSON()`.
 *
 * @throws TypeError for what JSON cannot express
 */
export function stringifyDeep(root: object): string | undefined {
  const parts: string[] = [];
  const frames: Frame[] = [];
  const open = new Set<object>();

  const enter = (value: object): boolean => {
    if (open.has(value) || !isPlain(value)) return false;
    const isArray = Array.isArray(value);
    open.add(value);
    parts.push(isArray ? "[" : "{");
    frames.push({ value, keys: isArray ? undefined : Object.keys(value), next: 0, empty: true });
    return true;
  };

  if (!enter(root)) return undefined;
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const { value, keys } = frame;
    if (frame.next === (keys ?? value).length) {
      parts.push(keys === undefined ? "]" : "}");
      open.delete(value);
      frames.pop();
      continue;
    }
    const key = keys === undefined ? frame.next : keys[frame.next];
    frame.next++;
    const member = value[key];
    const isContainer = typeof member === "object" && member !== null && !isBoxed(member);
    const text = isContainer ? "" : (JSON.stringify(member) ?? (keys ? undefined : "null"));
    // members that JSON leaves out of objects
    if (text === undefined) continue;
    if (!frame.empty) parts.push(",");
    frame.empty = false;
    if (keys !== undefined) parts.push(JSON.stringify(key), ":");
    if (isContainer && !enter(member)) return undefined;
    parts.push(text);
  }
  return parts.join("");
}

const isBoxed = (value: object): boolean =>
  value instanceof Number || value instanceof String || value instanceof Boolean;

function isPlain(value: any): boolean {
  return (
    typeof value.toJSON !== "function" &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof ArrayBuffer) &&
    !(value instanceof Blob)
  );
}
