// The arguments of listeners and middlewares.
import type { IncomingMessage } from "node:http";
import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import {
  type DisconnectReason,
  type Event,
  type ExtendedError,
  type Namespace,
  Server,
  type Socket,
} from ".";

enum Name {
  Hello = "hello",
}
interface Incoming {
  hello: (name: string, age?: number) => void;
  list: (...items: number[]) => void;
  save: (item: { id: number }, done: (id: string) => void) => void;
}
interface Outgoing {
  news: (n: number) => void;
}
interface Between {
  tick: (n: number) => void;
}
interface Data {
  name: string;
}
type One = Socket<Incoming, Outgoing, Between, Data>;
type Space = Namespace<Incoming, Outgoing, Between, Data>;
const io = new Server<Incoming, Outgoing, Between, Data>();
declare const nsp: Space;

io.on("connection", (socket) => {
  expectType<One>(socket);
  expectType<Data>(socket.data);
  expectType<string>(socket.id);
  expectType<boolean>(socket.connected);
  expectType<boolean>(socket.disconnected);
  expectType<Set<string>>(socket.rooms);
  expectType<IncomingMessage>(socket.request);
  expectType<Date | string>(socket.handshake.time as Date | string);
  expectType<boolean>(socket.handshake.secure);
  expectType<number>(socket.handshake.issued);
  expectType<{ [key: string]: any }>(socket.handshake.auth);

  socket.on("hello", (name, age) => {
    expectType<string>(name);
    expectType<number | undefined>(age);
  });
  socket.once(Name.Hello, (name) => expectType<string>(name));
  socket.on("list", (...items) => expectType<number[]>(items));
  socket.on("save", ({ id }, done) => {
    expectType<number>(id);
    expectType<void>(done("x"));
    expectError(done(5));
  });
  expectError(socket.on("hello", (name: boolean) => name));
  expectError(socket.on("unknown", () => {}));
  expectError(socket.once("news", () => {}));

  socket.on("disconnect", (reason, description) => {
    expectType<DisconnectReason>(reason);
    expectType<any>(description);
  });
  socket.on("disconnecting", (reason) => expectType<DisconnectReason>(reason));
  socket.on("error", (error) => expectType<Error>(error));
  expectError(socket.on("disconnect", (reason: number) => reason));

  expectType<One>(socket.onAny((_event, ...args) => expectType<any[]>(args)));
  expectType<One>(socket.prependAny(() => {}));
  expectType<One>(socket.offAny());
  expectType<One>(socket.onAnyOutgoing((_event, ...args) => expectType<any[]>(args)));
  expectType<One>(socket.offAnyOutgoing(() => {}));
  expectError(socket.onAny("hello"));

  const middleware = (event: Event, next: (error?: Error) => void) => {
    expectType<string>(event[0]);
    next(new Error("no"));
  };
  expectType<One>(socket.use(middleware));
  expectError(socket.use((event: number) => event));
});
io.on("connect", (socket) => expectType<One>(socket));
io.on("new_namespace", (space) => expectType<Space>(space));
io.on("tick", (n) => expectType<number>(n));
io.of("/other").once("connection", (socket) => expectType<One>(socket));
nsp.on("tick", (n) => expectType<number>(n));
expectError(nsp.on("new_namespace", () => {}));
expectError(io.on("hello", () => {}));
expectError(io.on("disconnect", () => {}));
expectError(nsp.once("tick", (n: string) => n));

// middlewares of namespaces
io.use((socket, next) => {
  expectType<One>(socket);
  expectType<void>(next());
  const error: ExtendedError = new Error("no");
  error.data = { any: "thing" };
  next(error);
  next(Object.assign(new Error("no"), { data: { code: 5 } }));
  expectError(next("no"));
});
expectType<Server<Incoming, Outgoing, Between, Data>>(io.use(async () => {}));
expectType<Space>(nsp.use((_socket, next) => next()));
expectError(io.use("middleware"));
expectAssignable<Error>({} as ExtendedError);
expectAssignable<ExtendedError>(new TypeError("a plain one"));

// dynamic namespaces
expectAssignable<Space>(io.of(/^\/dynamic/));
io.of((name, auth, next) => {
  expectType<string>(name);
  expectType<{ [key: string]: any }>(auth);
  next(null, true);
  next(new Error("no"), false);
});
expectError(io.of(5));

// reasons
expectAssignable<DisconnectReason>("ping timeout");
expectAssignable<DisconnectReason>("server shutting down");
expectNotAssignable<DisconnectReason>("boredom");

// without types: anything
const untyped = new Server();
untyped.on("connection", (socket) => {
  socket.on("anything", (...args) => expectType<any[]>(args));
  socket.on("one", (value) => expectType<any>(value));
});
