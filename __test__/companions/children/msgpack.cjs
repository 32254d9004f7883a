// A server that speaks MessagePack, with a parser from npm. The argument is the form: "port" or
// "attached".
const http = require("node:http");
const { Server } = require("socket.io");
const parser = require("socket.io-msgpack-parser");

const attached = process.argv[2] === "attached";
const io = new Server(attached ? http.createServer() : 0, { parser });
if (attached) io.httpServer.listen(0, "127.0.0.1");

io.on("connection", (socket) => {
  socket.join("room");
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("tell", (...args) => io.to("room").emit("told", ...args));
});

const tell = () => process.send({ type: "listening", port: io.httpServer.address().port });
if (io.httpServer.listening) tell();
else io.httpServer.once("listening", tell);
