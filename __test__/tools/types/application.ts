// A typed application, as people write them: it has to compile, nothing more.
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import {
  type BroadcastOperator,
  type DefaultEventsMap,
  type DisconnectReason,
  type Event,
  type ExtendedError,
  Namespace,
  type RemoteSocket,
  Server,
  type ServerOptions,
  Socket,
} from "socket.io-native";

interface ClientToServer {
  hello: () => void;
  join: (room: string, done: (error: string | null, members: number) => void) => void;
  message: (text: string) => void;
}
interface ServerToClient {
  noArg: () => void;
  news: (a: number, b: string, c: Buffer) => void;
  message: (text: string) => void;
  ask: (question: string, answer: (yes: boolean) => void) => void;
}
interface Between {
  ping: (n: number) => void;
  count: (answer: (n: number) => void) => void;
}
interface Data {
  name: string;
  age: number;
}
type Sockets = Socket<ClientToServer, ServerToClient, Between, Data>;
type IO = Server<ClientToServer, ServerToClient, Between, Data>;

const options: Partial<ServerOptions> = {
  path: "/mine",
  serveClient: false,
  connectTimeout: 45_000,
  cleanupEmptyChildNamespaces: true,
  connectionStateRecovery: { maxDisconnectionDuration: 1000, skipMiddlewares: true },
  transports: ["polling", "websocket"],
  cors: { origin: ["https://a.example", /b\.example$/], credentials: true },
  cookie: { name: "io", path: "/", httpOnly: true, sameSite: "lax", maxAge: 10 },
  pingInterval: 25_000,
  pingTimeout: 20_000,
  upgradeTimeout: 10_000,
  maxHttpBufferSize: 1e6,
  perMessageDeflate: { threshold: 1024 },
  httpCompression: { threshold: 1024 },
  allowUpgrades: true,
  allowEIO3: false,
  allowRequest: (req, callback) => callback(null, req.headers.origin !== undefined),
  destroyUpgrade: true,
  destroyUpgradeTimeout: 1000,
  addTrailingSlash: false,
};

const io: IO = new Server<ClientToServer, ServerToClient, Between, Data>(createServer(), options);
export const others = [
  new Server(),
  new Server(3000),
  new Server(3000, { cors: { origin: "*" } }),
  new Server({ cors: { origin: true } }),
  new Server(createHttpsServer()),
  new Server(createSecureServer({ allowHTTP1: true })),
  new Server().attach(createServer(), { path: "/x" }),
  new Server().listen(3000),
];

// middlewares, connections, what a socket tells
io.use((socket, next) => {
  const token: any = socket.handshake.auth.token;
  const query: string | string[] | undefined = socket.handshake.query.room;
  const agent: string | undefined = socket.handshake.headers["user-agent"];
  if (!token || !query || !agent) {
    const error: ExtendedError = Object.assign(new Error("not authorised"), { data: { code: 1 } });
    return next(error);
  }
  socket.data.name = String(token);
  socket.data.age = 5;
  next();
});

io.on("connection", (socket: Sockets) => {
  const id: string = socket.id;
  const rooms: Set<string> = socket.rooms;
  const recovered: boolean = socket.recovered;
  const { name }: Data | Partial<Data> = socket.data;

  socket.on("hello", () => socket.emit("noArg"));
  socket.on("join", async (room, done) => {
    const asked: string = room;
    await socket.join(asked);
    done(null, rooms.size);
  });
  socket.on("disconnect", (reason: DisconnectReason, description) => {
    if (reason === "transport close") console.log(id, name, recovered, description);
  });
  socket.on("disconnecting", (reason) => socket.leave(reason));
  socket.on("error", (error: Error) => console.error(error.message));
  socket.onAny((event: string, ...args: any[]) => console.log(event, args));
  socket.use((event: Event, next: (error?: Error) => void) => {
    const first: string = event[0];
    next(first === "hello" ? undefined : new Error(first));
  });

  socket.emit("news", 1, "2", Buffer.from([3]));
  socket.emit("ask", "why?", (yes) => console.log(yes === true));
  socket.timeout(1000).emit("ask", "why?", (error: Error, yes: boolean) => console.log(error, yes));
  socket.broadcast.to("room").except("other").emit("news", 1, "2", Buffer.alloc(1));
  socket.to(["a", "b"]).volatile.compress(false).emit("noArg");
  socket.send("text");
  socket.conn.on("upgrade", (transport) => console.log(transport.name));
  console.log(socket.conn.transport.name, socket.request.headers.cookie, socket.nsp.name);
  socket.disconnect(true);
});

// everybody, acknowledgements, other servers
io.emit("news", 1, "2", Buffer.alloc(1));
io.to("room").emit("noArg");
io.send("text");
io.timeout(1000).emit("ask", "why?", (error: Error, answers: boolean[]) => {
  console.log(error, answers.length);
});
const operator: BroadcastOperator<any, Data> = io.in("room");
operator.disconnectSockets();

export async function administer(): Promise<number> {
  const answers: boolean[] = await io.timeout(1000).emitWithAck("ask", "why?");
  const remote: RemoteSocket<ServerToClient, Data>[] = await io.in("room").fetchSockets();
  for (const socket of remote) {
    const { name }: Data = socket.data;
    socket.emit("message", name);
    socket.join("other");
    socket.disconnect();
  }
  const [first] = await io.fetchSockets();
  const yes: boolean = await (io.sockets.sockets.get(first.id) as Sockets).emitWithAck("ask", "?");
  const counts: number[] = await io.serverSideEmitWithAck("count");
  io.serverSideEmit("ping", 1);
  io.on("ping", (n: number) => console.log(n));
  io.socketsJoin(["a", "b"]);
  io.socketsLeave("a");
  await io.close();
  return answers.length + counts.length + Number(yes);
}

// namespaces
const nsp: Namespace<ClientToServer, ServerToClient, Between, Data> = io.of("/admin");
nsp.use((socket, next) => (socket.data.age > 17 ? next() : next(new Error("too young"))));
nsp.on("connection", (socket) => socket.on("message", (text) => nsp.emit("message", text)));
io.of(/^\/dynamic-\d+$/).on("connection", (socket) => console.log(socket.nsp.name));
io.of((name, _auth, next) => next(null, name === "/x")).use((_socket, next) => next());
console.log(nsp.adapter.rooms.get("room")?.size, nsp.sockets.size, io.of("/").name);

// the engine and the HTTP server
io.engine.use((req: any, res: any, next: () => void) => {
  res.setHeader("x-id", String(req.id));
  next();
});
io.engine.on("initial_headers", (headers, _req) => {
  headers["set-cookie"] = "a=b";
});
io.engine.on("connection_error", (error) => console.log(error.code, error.message));
io.engine.generateId = () => "id";
console.log(io.engine.clientsCount, io.httpServer.listening, io.path().length);

// functions that take the classes, typed and not
export function greet(server: Server, socket: Socket, text: string): void {
  server.to(socket.id).emit("anything", text, { any: ["thing"] });
  socket.on("whatever", (...args) => console.log(args));
}
export function typed<E extends DefaultEventsMap>(server: Server<E>): number {
  return server.engine.clientsCount;
}
greet(new Server(), {} as Socket, "x");

export { Socket as AlsoSocket };
export const isSocket = (value: unknown): value is Socket => value instanceof Socket;
export const isNamespace = (value: unknown): value is Namespace => value instanceof Namespace;
