// Options, servers to attach to, and events between servers.
import type { Server as HttpServer } from "node:http";
import { createServer } from "node:http";
import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import { type Namespace, Server, type ServerOptions, type Socket } from ".";

type None = Record<never, never>;
interface Between {
  tick: (n: number) => void;
  count: (of: string, answer: (n: number) => void) => void;
}
const io = new Server<None, None, Between>();

// events between servers
expectType<boolean>(io.serverSideEmit("tick", 1));
expectType<boolean>(
  io.serverSideEmit("count", "all", (error, counts) => {
    expectType<Error>(error);
    expectType<number[]>(counts);
  }),
);
expectType<Promise<number[]>>(io.serverSideEmitWithAck("count", "all"));
expectType<boolean>(io.of("/x").serverSideEmit("tick", 1));
expectType<Promise<number[]>>(io.of("/x").serverSideEmitWithAck("count", "all"));
expectError(io.serverSideEmit("tick", "1"));
expectError(io.serverSideEmit("unknown"));
expectError(io.serverSideEmitWithAck("tick", 1));
expectError(io.serverSideEmitWithAck("count"));
expectError(io.serverSideEmit("count", "all", (counts: number[]) => counts));

// servers
expectType<Server<None, None, Between>>(io.attach(3000));
expectType<Server<None, None, Between>>(io.listen(createServer(), { path: "/x" }));
expectType<Promise<void>>(io.close());
expectType<Promise<void>>(io.close((error) => expectType<Error | undefined>(error)));
expectType<string>(io.path());
expectType<Server<None, None, Between>>(io.path("/x"));
expectType<boolean>(io.serveClient());
expectType<number>(io.connectTimeout());
expectError(new Server("localhost"));
expectError(io.attach());
expectError(io.path(5));
expectError(new Server(3000, { unknown: true }));
expectAssignable<{ listening: boolean }>(io.httpServer);
expectType<HttpServer>(createServer());

// options: those of the engine and of attach() too
expectAssignable<Partial<ServerOptions>>({
  transports: ["websocket"],
  connectionStateRecovery: {},
  perMessageDeflate: true,
  httpCompression: false,
  cookie: true,
  cors: (_req: any, callback: (error: null, options: object) => void) => callback(null, {}),
  allowRequest: (_req: any, callback: (error: string | null, ok: boolean) => void) =>
    callback(null, true),
  destroyUpgradeTimeout: 5,
  wsEngine: class {},
  initialPacket: "welcome",
});
const wrong = {
  transports: ["pigeon"],
  pingInterval: "often",
  maxHttpBufferSize: "1mb",
  cookie: "io",
  allowEIO3: "yes",
  path: 5,
  serveClient: "no",
  connectTimeout: {},
  allowRequest: true,
} as const;
expectNotAssignable<ServerOptions["transports"]>(wrong.transports);
expectNotAssignable<ServerOptions["pingInterval"]>(wrong.pingInterval);
expectNotAssignable<ServerOptions["maxHttpBufferSize"]>(wrong.maxHttpBufferSize);
expectNotAssignable<ServerOptions["cookie"]>(wrong.cookie);
expectNotAssignable<ServerOptions["allowEIO3"]>(wrong.allowEIO3);
expectNotAssignable<ServerOptions["path"]>(wrong.path);
expectNotAssignable<ServerOptions["serveClient"]>(wrong.serveClient);
expectNotAssignable<ServerOptions["connectTimeout"]>(wrong.connectTimeout);
expectNotAssignable<ServerOptions["allowRequest"]>(wrong.allowRequest);

// the members that others use
expectType<Namespace<None, None, Between>>(io.sockets);
expectType<Map<string, Socket<None, None, Between>>>(
  io.sockets.sockets as Map<string, Socket<None, None, Between>>,
);
expectType<Map<string, Set<string>>>(io.sockets.adapter.rooms);
expectType<Map<string, Set<string>>>(io.of("/").adapter.sids);
expectType<number>(io.engine.clientsCount);
