/** Values of clients and of the application as short text: an answer is bounded whatever they hold. */

/** The longest text of a value, in UTF-16 code units. */
const MAX_TEXT = 200;

/** The text of a value, cut with an ellipsis. It runs no code of the application for objects. */
export function text(value: unknown, max = MAX_TEXT): string {
  const whole = typeof value === "object" && value !== null ? "[object]" : String(value);
  return whole.length > max ? `${whole.slice(0, max - 1)}…` : whole;
}
