// The engine alone: its objects go where those of the package engine.io go.
import { createServer } from "node:http";
import type { BaseServer, Server as EngineServer, Socket as EngineSocket } from "engine.io";
import { Server } from "socket.io-native";
import {
  attach,
  Server as Engine,
  listen,
  type Socket,
  type Transport,
} from "socket.io-native/engine";

const own = new Engine({ native: { maxConnections: 5 } });
export const engines: EngineServer[] = [own, attach(createServer()), listen(3000)];
export const bases: BaseServer[] = [own];
own.on("connection", (socket: Socket) => {
  const same: EngineSocket = socket;
  const transport: Transport = same.transport;
  console.log(transport.name, own.metrics().panics);
});
export class Traced extends Engine {
  override close(): this {
    return super.close();
  }
}
const io = new Server({ native: { maxConnections: 5 } });
io.bind(new Traced());
console.log(io.engine.metrics().panics, io.engine.metricsText());
