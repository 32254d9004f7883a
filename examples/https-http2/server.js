import { createReadStream, readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import { Server } from "socket.io-native";

const httpServer = createSecureServer({
  key: readFileSync("certificate/key.pem"),
  cert: readFileSync("certificate/cert.pem"),
  // clients without HTTP/2 use HTTP/1.1 on the same port
  allowHTTP1: true,
  // browsers open WebSockets over HTTP/2 (RFC 8441)
  settings: { enableConnectProtocol: true },
});
httpServer.on("request", (req, res) => {
  if (req.url !== "/") return res.writeHead(404).end();
  res.writeHead(200, { "Content-Type": "text/html" });
  createReadStream("index.html").pipe(res);
});

const io = new Server(httpServer);

io.on("connection", (socket) => {
  const { transport, request } = socket.conn;
  socket.emit("how", { transport: transport.name, http: request.httpVersion });
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Open https://localhost:${httpServer.address().port}`);
});
