// A server that counts its sockets and may run short of descriptors.
// Arguments: the form of the server, its most open descriptors (0: as many as the system gives).
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";

const [form, limit] = process.argv.slice(2);
await (limit > 0 ? confine() : serve());

/** Runs this file once more, in a process that has few descriptors, and passes messages on. */
function confine() {
  const command = `ulimit -n ${Number(limit)} && exec "$0" "$@"`;
  const again = [process.execPath, fileURLToPath(import.meta.url), form, "0"];
  const server = spawn("sh", ["-c", command, ...again], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  server.on("message", (message) => process.send(message));
  process.on("message", (message) => server.send(message));
  process.on("disconnect", () => server.kill("SIGKILL"));
  server.on("exit", (code) => process.exit(code ?? 1));
}

async function serve() {
  const io = await startServer(form);
  const seen = { connected: 0, disconnected: 0, spam: 0, thrown: [] };
  /** An error of a listener comes as one or the other; anything else is to end the process. */
  const survive = () => {
    for (const event of ["uncaughtException", "unhandledRejection"]) {
      process.on(event, (error) => seen.thrown.push(error.message));
    }
  };
  const busy = (ms) => {
    const end = Date.now() + ms;
    while (Date.now() < end);
  };

  io.on("connection", (socket) => {
    seen.connected++;
    socket.on("disconnect", () => seen.disconnected++);
    socket.on("echo", (value, ack) => ack(value));
    socket.on("slow", () => busy(5));
  });

  obey({
    /** The first packet with "spam" throws in its listener, with more behind it; the next ones take their time. */
    throwOnSpam() {
      survive();
      io.engine.on("connection", (conn) =>
        conn.on("message", (data) => {
          if (!String(data).includes("spam")) return;
          if (++seen.spam > 1) return seen.spam < 60 && busy(10);
          tell("throwing");
          busy(300);
          throw new Error("a listener threw");
        }),
      );
      tell("ready");
    },
    /** The next connection throws in the listener of the engine. */
    throwOnConnection() {
      survive();
      io.engine.once("connection", () => {
        throw new Error("a listener threw");
      });
      tell("ready");
    },
    /** Is busy for a while, and then looks how many connections there are. */
    look() {
      tell("looking");
      setTimeout(() => {
        busy(500);
        try {
          tell("looked", { clients: io.engine.clientsCount });
        } catch (error) {
          tell("looked", { error: error.message });
        }
      }, 50); // the message has to be on its way before the thread is busy
    },
    /** Sends `count` events of `bytes` to everybody; tells how far memory grew, in bytes. */
    async broadcast({ count, bytes }) {
      const text = "x".repeat(bytes);
      const before = process.memoryUsage.rss();
      for (let i = 0; i < count; i++) {
        io.emit("large", text);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      tell("grown", { grown: process.resourceUsage().maxRSS * 1024 - before });
    },
    report() {
      io.httpServer.getConnections((_error, connections) =>
        tell("report", { ...seen, connections, clients: io.engine.clientsCount }),
      );
    },
    async end() {
      await io.close();
      letGo();
    },
  });
  tell("listening", { port: io.httpServer.address().port });
}
