// The forms in which a server meets its clients: attached to an HTTP server, or on a port.
import { closeServer, serve } from "./server.mjs";
import { Server } from "./subject.mjs";
import { defer, once } from "./wait.mjs";

/** Gives every connection an `echo`. */
export function answer(served) {
  served.io.on("connection", (socket) => socket.on("echo", (value, ack) => ack(value)));
  return served;
}

/** By name: `serve(t, options)` resolves with `{ io, httpServer, port }`; its sockets echo. */
export const FORMS = {
  attached: async (t, options) => answer(await serve(t, options)),
  port: async (t, options = {}) => {
    const io = new Server(options);
    io.listen(0, { host: "127.0.0.1", ...options });
    const { httpServer } = io;
    defer(t, () => closeServer(io));
    if (!httpServer.listening) await once(httpServer, "listening");
    return answer({ io, httpServer, port: httpServer.address().port });
  },
};
