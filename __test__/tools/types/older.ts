// An application whose compiler does not know the declarations of the package engine.io.
import { createServer } from "node:http";
import { Server, type Socket } from "socket.io-native";
import { attach, type Socket as Conn, transports } from "socket.io-native/engine";

const io = new Server(createServer(), { httpCompression: { threshold: 2048 } });

export function describe(socket: Socket): string {
  const { conn } = socket;
  conn.once("upgrade", (transport) => console.log(transport.name));
  conn.on("packet", ({ type, data }: { type: string; data: unknown }) => console.log(type, data));
  return `${conn.transport.name} ${conn.remoteAddress} ${conn.protocol}`;
}

const { engine } = io;
engine.on("connection_error", (error) => console.log(error.code, error.message));
engine.on("initial_headers", (headers, req) => console.log(headers, req.url));
engine.opts.pingInterval = 5000;
engine.generateId = () => "id";
export const count: number = engine.clientsCount;
export const text: string = engine.metricsText();

const own = attach(createServer(), { path: "/orders" });
own.on("connection", (conn: Conn) => conn.send("welcome"));
io.bind(own);
export const names = Object.keys(transports);
