import { createReadStream } from "node:fs";
import Fastify from "fastify";
import { Server } from "socket.io-native";

const app = Fastify({ forceCloseConnections: true });
const io = new Server(app.server);

app.decorate("io", io);
// Fastify closes the HTTP server itself
app.addHook("preClose", () => io.close({ keepHttpServer: true }));

app.get("/", (_request, reply) => reply.type("text/html").send(createReadStream("index.html")));

const body = {
  type: "object",
  required: ["text"],
  properties: { text: { type: "string", minLength: 1, maxLength: 1000 } },
};
app.post("/messages", { schema: { body } }, async (request) => {
  app.io.emit("message", request.body.text);
  return { clients: app.io.of("/").sockets.size };
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => app.close());

await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log(`Open http://localhost:${app.server.address().port}`);
