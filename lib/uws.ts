/**
 * Serving through µWebSockets.js: the engine of the `engine.io` package, if it is installed, drives
 * an application of that library. Neither is a dependency.
 */
import { readFileSync } from "node:fs";
import debugModule from "debug";
import { clientFile, clientFileHeaders, clientFilePath } from "./client-files";

const debug = debugModule("socket.io:adapter-uws");

/**
 * Attaches an engine to `app` and returns it.
 *
 * @param path - prefix of the client bundles, if they are to be served
 * @throws Error when the engine is not installed
 */
export function attachUwsApp(app: any, opts: any, path?: () => string): unknown {
  const engine = new (loadEngine())(opts);
  if (debug.enabled) debug("attaching to a uWebSockets.js app with opts %j", opts);
  engine.attach(app, opts);
  if (path) app.get(`${path()}/*`, (res: any, req: any) => serve(path(), res, req));
  return engine;
}

/**
 * The engine class for µWebSockets.js.
 *
 * @throws Error when the package `engine.io` is not installed
 */
export function loadEngine(): any {
  try {
    return require("engine.io").uServer;
  } catch (cause) {
    throw new Error("attachApp() needs the packages engine.io and uWebSockets.js", { cause });
  }
}

function serve(path: string, res: any, req: any): void {
  const name = clientFile(req.getUrl(), path);
  if (name === undefined) {
    // Not a bundle: the next route of the application.
    req.setYield(true);
    return;
  }
  const headers = clientFileHeaders(name);
  const match = req.getHeader("if-none-match");
  if (match === headers.ETag || match === `W/${headers.ETag}`) {
    res.writeStatus("304 Not Modified").endWithoutBody();
    return;
  }
  res.writeStatus("200 OK");
  for (const [key, value] of Object.entries(headers)) res.writeHeader(key.toLowerCase(), value);
  res.end(readFileSync(clientFilePath(name)));
}
