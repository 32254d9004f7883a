/**
 * Polling by script tags, for pages that may not ask across origins: payloads are arguments of a
 * function call, posts are forms. The same in both revisions of the protocol.
 */
import { parse } from "node:querystring";
import { engine } from "../native/binding";
import type { Socket } from "./socket";
import { Polling } from "./transports";

/** A polling session that was opened with the query parameter `j`. */
export class Jsonp extends Polling {
  private readonly head: string;

  /** @param index - the client's function; only its digits count, as it becomes code */
  constructor(conn: Socket, index: string) {
    super(conn);
    this.head = `___eio[${index.replace(/\D/g, "")}](`;
  }

  override wrap(payload: string | Buffer): string {
    // These two end a line in scripts older than ES2019, where a string must not.
    const text = JSON.stringify(payload).replace(/[\u2028\u2029]/g, (c) =>
      c === "\u2028" ? "\\u2028" : "\\u2029",
    );
    return `${this.head}${text});`;
  }

  override push(body: Buffer, isBinary: boolean): string | Buffer | null {
    const { d } = isBinary ? {} : parse(body.toString());
    if (typeof d !== "string") {
      engine.endPost(this.conn._handle);
      return null;
    }
    // Forms change line ends, so clients write them as "\n", and what was "\n" as "\\n".
    const payload = d.replace(/(\\?)\\n/g, (_, escaped) => (escaped ? "\\n" : "\n"));
    return engine.push(this.conn._handle, Buffer.from(payload));
  }
}
