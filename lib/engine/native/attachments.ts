/** Puts binary attachments where a packet's placeholders stand (Socket.IO protocol 5). */

/**
 * Replaces every `{"_placeholder":true,"num":n}` inside `data` by attachment `n`, in place and
 * without recursion: the nesting is the client's choice.
 *
 * @throws if a placeholder names no attachment
 */
export function placeAttachments(data: any, attachments: Buffer[]): any {
  const root = [data];
  const open: any[] = [root];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    if (Array.isArray(parent)) {
      for (let i = 0; i < parent.length; i++) {
        const value = parent[i];
        if (typeof value !== "object" || value === null) continue;
        if (isPlaceholder(value)) parent[i] = attachmentOf(value.num, attachments);
        else open.push(value);
      }
      continue;
    }
    for (const key of Object.keys(parent)) {
      const value = parent[key];
      if (typeof value !== "object" || value === null) continue;
      // An own key named __proto__ would be set as the prototype by plain assignment.
      if (isPlaceholder(value)) {
        Object.defineProperty(parent, key, {
          value: attachmentOf(value.num, attachments),
          configurable: true,
          enumerable: true,
          writable: true,
        });
      } else {
        open.push(value);
      }
    }
  }
  return root[0];
}

const isPlaceholder = (value: any): boolean =>
  value._placeholder === true && Object.hasOwn(value, "_placeholder");

function attachmentOf(num: unknown, attachments: Buffer[]): Buffer {
  if (typeof num === "number" && num >= 0 && num < attachments.length) return attachments[num];
  throw new Error("illegal attachments");
}
