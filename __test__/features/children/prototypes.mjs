// A server in a process whose built-in prototypes somebody has extended before anything is loaded.
// Arguments: port or attached, and the name of what was done (PRANKS).
const [, , form, prank] = process.argv;

const enumerable = (object, name, value) => {
  object[name] = value;
};

/** Each is something that a library of an application does, or has done in the past. */
const PRANKS = {
  none() {},
  "a property of every object": () => enumerable(Object.prototype, "polluted", "yes"),
  "a method of every object": () => enumerable(Object.prototype, "extend", () => {}),
  "an accessor of every object"() {
    Object.defineProperty(Object.prototype, "watched", {
      configurable: true,
      enumerable: true,
      get: () => "yes",
      set() {
        throw new Error("nobody sets this");
      },
    });
  },
  "a method of every array": () => enumerable(Array.prototype, "contains", () => false),
  "a property of every array": () => enumerable(Array.prototype, "polluted", ["yes"]),
  "a property of every function": () => enumerable(Function.prototype, "polluted", "yes"),
  "a property of every text": () => enumerable(String.prototype, "polluted", "yes"),
  "arrays with toJSON"() {
    Array.prototype.toJSON = function () {
      return this.slice();
    };
  },
  "BigInt with toJSON"() {
    BigInt.prototype.toJSON = function () {
      return `${this}`;
    };
  },
  "maps with toJSON"() {
    Map.prototype.toJSON = function () {
      return Object.fromEntries(this);
    };
  },
};
PRANKS[prank]();

const { default: http } = await import("node:http");
const { letGo, obey, tell } = await import("../../support/parent.mjs");
const { Server } = await import("../../support/subject.mjs");

const io = form === "port" ? new Server(0) : new Server(http.createServer());
if (form !== "port") io.httpServer.listen(0);

io.use((socket, next) => next(socket.handshake.auth.refuse ? new Error("refused") : undefined));
io.on("connection", (socket) => {
  socket.join("room");
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("value", (name, ack) => ack({ map: new Map([["a", 1]]), bigint: 5n }[name]));
  socket.on("all", (...args) => io.emit("all", ...args));
  socket.on("room", (...args) =>
    io
      .to("room")
      .except("nobody")
      .emit("room", ...args),
  );
  socket.on("keys", (ack) => {
    const { query, auth } = socket.handshake;
    ack(Object.keys(query).sort(), Object.keys(auth));
  });
});
io.of(/^\/dynamic/);

obey({
  async end() {
    io.httpServer.closeAllConnections();
    await io.close();
    letGo();
  },
});
const listening = () => tell("listening", { port: io.httpServer.address().port });
if (io.httpServer.listening) listening();
else io.httpServer.once("listening", listening);
