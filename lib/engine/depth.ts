/** The nesting of packets that are decoded in JavaScript: `src/sio/json.rs` has that of all others. */

/** Type, attachments, namespace and id, in front of the data. */
const HEADER = /^\d?(?:\d*-)?(?:\/[^,]*,?)?\d*/;

/** The error of a packet that is nested too deeply. */
export const TOO_DEEP = "data is nested too deeply";

/** True if the data of a packet, as text, has more than `max` arrays and objects inside each other. */
export function isDeeper(packet: string, max: number): boolean {
  // Each has an end too; most packets are too short.
  if (packet.length / 2 <= max) return false;
  let depth = 0;
  let isText = false;
  for (let at = HEADER.exec(packet)?.[0].length ?? 0; at < packet.length; at++) {
    switch (packet.charCodeAt(at)) {
      case 0x22: // "
        isText = !isText;
        break;
      case 0x5c: // backslash
        at++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (!isText && ++depth > max) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (!isText) depth--;
        break;
    }
  }
  return false;
}
