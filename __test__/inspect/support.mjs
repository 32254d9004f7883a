// A server with the page `socket.io-native/inspect`, and requests for it.
import http from "node:http";
import { createRequire } from "node:module";
import { serve } from "../support/server.mjs";
import { defer, once } from "../support/wait.mjs";

export const { inspect } = createRequire(import.meta.url)("../../inspect.js");

/** The header that the page sends with an action. */
export const ACTION = { "x-socketio-inspect": "1" };

/** A server with the page at /inspect: what `serve()` gives, the page and `get(path, options)`. */
export async function served(t, { server, ...options } = {}) {
  const one = await serve(t, server);
  const page = inspect(one.io, { path: "/inspect", ...options });
  defer(t, () => page.close());
  return { ...one, page, get: requestsTo(one.port) };
}

/** A function that sends a request below /inspect: resolves with the status, headers, text and JSON. */
export function requestsTo(port, base = "/inspect/") {
  return (path, { method = "GET", headers = {}, host = "127.0.0.1" } = {}) =>
    request({ port, host, method, headers, path: path.startsWith("/") ? path : base + path });
}

async function request(options) {
  const req = http.request({ agent: false, ...options });
  req.end();
  const [res] = await once(req, "response");
  let text = "";
  for await (const chunk of res.setEncoding("utf8")) text += chunk;
  const json = () => JSON.parse(text);
  return { status: res.statusCode, headers: res.headers, text, json };
}

/** A query of names and values. */
export const query = (values) => `?${new URLSearchParams(values)}`;
