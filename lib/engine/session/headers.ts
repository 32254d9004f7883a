/** Headers that the application adds to answers. */
import { validateHeaderName, validateHeaderValue } from "node:http";

/**
 * Checks headers before any of them is written: a line end in one could forge the rest of the
 * answer, and Node does not forget the others of an answer that it refused to write.
 *
 * @throws TypeError if one cannot be written
 */
export function checkHeaders(headers: Record<string, any>): void {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    for (const one of [value].flat()) validateHeaderValue(name, String(one));
  }
}

/** The lines of headers, without line ends; one for each value of those that have several. */
export function headerLines(headers: Iterable<[name: string, value: any]>): string[] {
  return [...headers].flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
}
