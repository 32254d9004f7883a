/** The page on the HTTP server of a Socket.IO server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isListenedTo, type RequestEmitter, takeRequests } from "../engine/own-listeners";
import { invalidOption } from "../engine/validate";
import type { Server } from "../index";

/** Answers the requests below a path. */
interface Answering {
  /** @param root - path of the page, without a slash at its end */
  answer(req: IncomingMessage, res: ServerResponse, root: string): Promise<void>;
}

/**
 * Takes the requests for `path`, and those below it, from the other listeners of the HTTP server. Requests
 * that the native listener answers stay with it: the listener of the page shows no other request to anybody.
 *
 * @returns a function that gives them back
 * @throws an error for a path that cannot be used, or a server that is not attached
 */
export function mount(io: Server<any, any, any, any>, path: string, pages: Answering): () => void {
  const takes = 'a path as "/inspect", without a query';
  if (typeof path !== "string") throw invalidOption("path", takes, path);
  const root = path.replace(/\/+$/, "");
  if (!/^\/[^?#\s]+$/.test(root)) throw invalidOption("path", takes, path, "range");
  const enginePath = `${io.path()}/`;
  if (`${root}/`.startsWith(enginePath) || enginePath.startsWith(`${root}/`)) {
    const free = `a path beside ${JSON.stringify(io.path())}, which is the one of the server`;
    throw invalidOption("path", free, path, "range");
  }
  const server = io.httpServer as unknown as (RequestEmitter & object) | undefined;
  if (server === undefined) {
    throw new Error(
      "inspect(): options.path needs an HTTP server. Attach the Socket.IO server first, or use the handler.",
    );
  }
  // Listeners that see all requests go on seeing them.
  const isSeen = isListenedTo(server as any, "request");
  return takeRequests(
    server,
    (req, res) => {
      if (!isBelow(req.url, root)) return false;
      pages.answer(req, res, root);
      return true;
    },
    !isSeen,
  );
}

/** True for the URL of a root and for those below it. */
function isBelow(url: string | undefined, root: string): boolean {
  if (!url?.startsWith(root)) return false;
  const next = url[root.length];
  return next === undefined || next === "/" || next === "?" || next === "#";
}
