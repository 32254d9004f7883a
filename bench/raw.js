"use strict";
// A limit, not a peer: a bare WebSocket echo, no Engine.IO and no Socket.IO above it.
//   ENGINE=ws | uws; PEER_DIR as in server.js

const path = require("node:path");
const http = require("node:http");
const { createRequire } = require("node:module");
const { loadUws } = require("./uws.js");

const peerDir = path.resolve(process.env.PEER_DIR || path.join(__dirname, ".."));
const load = createRequire(path.join(peerDir, "x.js"));
const host = "127.0.0.1";

function announce(port, name) {
  const { version } = load(`${name}/package.json`);
  const line = { port, pid: process.pid, version: `${name} ${version}` };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (process.env.ENGINE === "uws") {
  const name = "uWebSockets.js";
  const uws = loadUws(load);
  uws
    .App()
    .ws("/*", {
      maxPayloadLength: 1 << 20,
      message: (ws, message, isBinary) => {
        // As a Socket.IO server must, turn text into a JavaScript string and back.
        if (isBinary) ws.send(message, true);
        else ws.send(Buffer.from(message).toString(), false);
      },
    })
    .listen(host, 0, (token) => announce(uws.us_socket_local_port(token), name));
} else {
  const { WebSocketServer } = load("ws");
  const server = http.createServer();
  const wss = new WebSocketServer({ server, perMessageDeflate: false });
  wss.on("connection", (ws) => {
    ws.on("message", (data, isBinary) => {
      if (isBinary) ws.send(data);
      else ws.send(data.toString());
    });
  });
  server.listen(0, host, () => announce(server.address().port, "ws"));
}

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
