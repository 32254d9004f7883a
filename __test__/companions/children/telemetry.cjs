// A server under OpenTelemetry's instrumentation, which patches `socket.io` as it is loaded. The
// argument is the form of the server: "port" or "attached".
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { SocketIoInstrumentation } = require("@opentelemetry/instrumentation-socket.io");
const {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} = require("@opentelemetry/sdk-trace-base");
const http = require("node:http");

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
const instrumentation = new SocketIoInstrumentation({
  onIgnoreEventList: ["unseen"],
  emitIgnoreEventList: ["unseen"],
  emitHook: (span, { payload }) => span.setAttribute("said", JSON.stringify(payload)),
  onHook: (span, { payload }) => span.setAttribute("heard", JSON.stringify(payload.slice(0, 1))),
});
registerInstrumentations({ tracerProvider, instrumentations: [instrumentation] });

const { Server } = require("socket.io");

async function main(form) {
  const httpServer = http.createServer();
  const io = form === "port" ? new Server(0) : new Server(httpServer);
  if (form !== "port") httpServer.listen(0, "127.0.0.1");
  if (!io.httpServer.listening) await new Promise((done) => io.httpServer.once("listening", done));
  for (const nsp of [io, io.of("/chat")]) {
    nsp.on("connection", (socket) => {
      socket.join("room");
      socket.on("hello", (name, answer) => {
        socket.emit("welcome", name);
        answer("hi");
      });
      socket.on("unseen", (answer) => answer());
      socket.on("fails", () => {
        throw new Error("no");
      });
    });
  }
  const ACTIONS = {
    broadcast() {
      io.emit("all", 1);
      io.to("room").emit("to room", Buffer.from("bytes"));
      io.of("/chat").to("room").except("nobody").emit("to chat");
      io.emit("unseen");
    },
    spans() {
      const spans = exporter.getFinishedSpans().map(({ name, kind, attributes, status }) => ({
        name,
        kind,
        attributes: { ...attributes },
        failed: status.message,
      }));
      process.send({ type: "spans", spans });
    },
  };
  process.on("message", ({ type }) => ACTIONS[type]());
  process.on("uncaughtException", (error) =>
    process.send({ type: "failed", message: error.message }),
  );
  process.send({ type: "listening", port: io.httpServer.address().port });
}

main(process.argv[2]);
