// The types of the package engine.io, as code that is written for socket.io names them.
import { createServer } from "node:http";
import type {
  BaseServer,
  Server as EngineServer,
  Socket as EngineSocket,
  Transport,
} from "engine.io";
import { Server as Engine } from "engine.io";
import { Server, type ServerOptions, type Socket } from "socket.io-native";

const io = new Server();

// what published code keeps of a connection
const sockets = new Map<string, EngineSocket>();
export function track(socket: Socket): EngineSocket {
  const conn: EngineSocket = socket.conn;
  const clientConn: EngineSocket = socket.client.conn;
  const transport: Transport = conn.transport;
  sockets.set(socket.id, conn);
  conn.on("upgrade", (next: Transport) => console.log(next.name, transport.name));
  conn.once("close", (reason: string) => console.log(reason, clientConn === conn));
  return conn;
}

// the engine
export const engine: EngineServer = io.engine;
export const base: BaseServer = io.engine;
export const count = (server: BaseServer): number => server.clientsCount;
count(io.engine);
io.engine.on("connection", (socket: EngineSocket) => console.log(socket.remoteAddress));
io.engine.opts.pingInterval = 5000;

// an engine of that package, as the guides for Nuxt and Nitro bind it
const bound = new Engine({ pingInterval: 10_000 });
io.bind(bound);
io.engine = bound as typeof io.engine;
createServer((req, res) => bound.handleRequest(req as any, res));

// options of one package for the other
const options: Partial<ServerOptions> = {
  httpCompression: { threshold: 2048, level: 1 },
  httpRequestBodyTimeout: 5000,
  maxBufferedChunks: 100,
  perMessageDeflate: { threshold: 1024, zlibDeflateOptions: { level: 1 } },
};
new Engine(options as ServerOptions);
export const off: Partial<ServerOptions> = { httpCompression: false, perMessageDeflate: true };
