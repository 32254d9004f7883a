// The events that may be emitted, and their arguments.
import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import type { DefaultEventsMap } from ".";
import { type BroadcastOperator, type Namespace, Server, type Socket } from ".";

enum Name {
  News = "news",
}
interface Incoming {
  hello: (name: string) => void;
}
interface Outgoing {
  noArg: () => void;
  news: (n: number, text?: string) => void;
  list: (...items: number[]) => void;
  either: (value: string | number) => void;
  message: (text: string, n: number) => void;
  ask: (question: string, answer: (yes: boolean, why: string) => void) => void;
}
const io = new Server<Incoming, Outgoing>();
declare const socket: Socket<Incoming, Outgoing>;
declare const nsp: Namespace<Incoming, Outgoing>;

// the arguments of every emitter
expectType<boolean>(io.emit("noArg"));
expectType<boolean>(nsp.emit("news", 1));
expectType<boolean>(socket.emit("news", 1, "text"));
expectType<boolean>(io.to("room").emit("list", 1, 2, 3));
expectType<boolean>(socket.broadcast.emit("either", "a"));
expectType<boolean>(io.emit(Name.News, 1));
expectType<boolean>(socket.emit(Name.News, 1));
expectError(io.emit("noArg", 1));
expectError(nsp.emit("news"));
expectError(nsp.emit("news", 1, 2));
expectError(socket.emit("news", "1"));
expectError(io.to("room").emit("list", "1"));
expectError(socket.broadcast.emit("either", true));
expectError(io.emit("hello", "name"));
expectError(socket.emit("unknown"));
expectError(io.in("room").emit("unknown"));

// send and write are the event named message
expectType<Server<Incoming, Outgoing>>(io.send("text", 1));
expectType<Namespace<Incoming, Outgoing>>(nsp.write("text", 1));
expectType<Socket<Incoming, Outgoing>>(socket.send("text", 1));
expectError(io.send("text"));
expectError(nsp.write(1, "text"));
expectError(socket.send());

// only a socket has somebody to ask without a timeout
expectType<boolean>(
  socket.emit("ask", "why", (yes, why) => {
    expectType<boolean>(yes);
    expectType<string>(why);
  }),
);
expectError(io.emit("ask", "why", () => {}));
expectError(nsp.emit("ask", "why", () => {}));
expectError(socket.emit("ask", "why"));
expectError(socket.emit("ask", "why", (yes: string) => yes));

// chains
expectType<Socket<Incoming, Outgoing>>(socket.volatile);
expectType<Socket<Incoming, Outgoing>>(socket.compress(true));
expectAssignable<BroadcastOperator<any, any>>(socket.to("a").in(["b"]).except("c").volatile.local);
expectAssignable<BroadcastOperator<any, any>>(io.except(["a"]).compress(false).timeout(5));
expectError(io.to(5));
expectError(io.to());
expectError(io.compress("yes"));
expectError(socket.timeout("soon"));
expectError(io.to("a").on("hello", () => {}));

// a room of many, and who is in it
expectType<void>(io.socketsJoin("a"));
expectType<void>(nsp.socketsLeave(["a", "b"]));
expectType<void>(io.in("a").disconnectSockets(true));
expectType<Promise<Set<string>>>(io.allSockets());
expectType<void | Promise<void>>(socket.join(["a"]));
expectType<void | Promise<void>>(socket.leave("a"));
expectError(socket.leave(["a"]));
expectType<Socket<Incoming, Outgoing>>(socket.disconnect());
expectError(socket.disconnect("now"));

// without types: anything
const untyped = new Server();
expectType<Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>(untyped);
expectType<boolean>(untyped.emit("anything", 1, { two: [3] }, () => {}));
expectType<boolean>(untyped.to("room").emit("anything"));
expectError(untyped.emit());

// what clients send is also what they get, if nothing else is said
const both = new Server<Outgoing>();
expectType<boolean>(both.emit("news", 1));
expectAssignable<Server<Outgoing, Outgoing>>(both);
expectNotAssignable<Server>(socket);
