// Acknowledgements: callbacks and promises, with and without a timeout, from one and from many.
import { expectError, expectType } from "tsd";
import { type Namespace, type RemoteSocket, Server, type Socket } from ".";

type None = Record<never, never>;
interface Outgoing {
  news: (n: number) => void;
  done: (finished: () => void) => void;
  ask: (question: string, answer: (yes: boolean, why: string) => void) => void;
  risk: (answer: (error: Error, result: number) => void) => void;
  maybe: (answer?: (n: number) => void) => void;
  list: (...items: number[]) => void;
}
interface Data {
  name: string;
}
const io = new Server<None, Outgoing, None, Data>();
declare const socket: Socket<None, Outgoing, None, Data>;
declare const nsp: Namespace<None, Outgoing, None, Data>;

// one socket
expectType<Promise<boolean>>(socket.emitWithAck("ask", "why"));
expectType<Promise<undefined>>(socket.emitWithAck("done"));
expectType<Promise<number>>(socket.emitWithAck("risk"));
expectError(socket.emitWithAck("ask"));
expectError(socket.emitWithAck("ask", "why", () => {}));
expectError(socket.emitWithAck("news", 1));
expectError(socket.emitWithAck("unknown"));
expectError(socket.emitWithAck("maybe"));
expectError(socket.emitWithAck("list", 1));

// one socket, with a timeout
socket.timeout(5).emit("ask", "why", (error, yes, why) => {
  expectType<Error>(error);
  expectType<boolean>(yes);
  expectType<string>(why);
});
socket.timeout(5).emit("done", (error) => expectType<Error>(error));
expectType<Promise<boolean>>(socket.timeout(5).emitWithAck("ask", "why"));
expectError(socket.timeout(5).emit("ask", "why", (yes: boolean) => yes));
expectError(socket.timeout(5).emitWithAck("news", 1));

// many: an array of the first arguments
for (const many of [io.timeout(5), nsp.timeout(5), io.to("room").timeout(5)]) {
  many.emit("ask", "why", (error, answers) => {
    expectType<Error>(error);
    expectType<boolean[]>(answers);
  });
  expectType<Promise<boolean[]>>(many.emitWithAck("ask", "why"));
  expectError(many.emit("ask", "why", (_error: Error, yes: boolean) => yes));
  expectError(many.emitWithAck("news", 1));
}
expectType<Promise<boolean[]>>(io.timeout(5).timeout(10).emitWithAck("ask", "why"));
expectType<Promise<boolean[]>>(io.timeout(5).to("room").local.emitWithAck("ask", "why"));
expectError(io.to("room").emitWithAck("ask", "why"));
expectError(nsp.volatile.emitWithAck("ask", "why"));
expectError(io.emitWithAck("ask", "why"));
expectError(nsp.emitWithAck("ask", "why"));
io.to("room").emit("ask", "why", (answers) => expectType<boolean[]>(answers));

// others, from a socket
socket.timeout(5).broadcast.emit("ask", "why", (error, answers) => {
  expectType<Error>(error);
  expectType<boolean[]>(answers);
});
socket.broadcast.timeout(5).emit("ask", "why", (error, answers) => {
  expectType<Error>(error);
  expectType<boolean[]>(answers);
});
expectType<Promise<boolean[]>>(socket.to("room").timeout(5).emitWithAck("ask", "why"));
expectError(socket.to("room").emitWithAck("ask", "why"));

// sockets of any server
const remote = io.fetchSockets();
expectType<Promise<RemoteSocket<Outgoing, Data>[]>>(remote);
expectType<Promise<RemoteSocket<Outgoing, Data>[]>>(nsp.fetchSockets());
remote.then(([one]) => {
  expectType<Data>(one.data);
  expectType<string>(one.id);
  expectType<Set<string>>(one.rooms);
  expectType<boolean>(one.emit("news", 1));
  expectType<void>(one.join("room"));
  expectType<void>(one.leave("room"));
  one.timeout(5).emit("ask", "why", (error, answers) => {
    expectType<Error>(error);
    expectType<boolean>(answers);
  });
  expectError(one.emit("news", "1"));
  expectError(one.emit("unknown"));
  expectError(one.data.age);
  expectError(one.on("news", () => {}));
});

// without types: anything
const untyped = new Server();
expectType<Promise<any>>(untyped.timeout(5).emitWithAck("anything", 1));
untyped.on("connection", (one) => {
  expectType<Promise<any>>(one.emitWithAck("anything", 1));
  expectType<any>(one.data);
  one.timeout(5).emit("anything", (...args: any[]) => args);
});

// one event without types, and the rules are loose for all
interface Loose extends Outgoing {
  anything: (...args: any[]) => void;
}
const loose = new Server<None, Loose>();
expectType<boolean>(loose.emit("news", 1));
expectType<boolean>(loose.emit("ask", "why", (yes) => expectType<boolean>(yes)));
expectType<Promise<boolean[]>>(loose.to("room").emitWithAck("ask", "why"));
expectType<Promise<any>>(loose.timeout(5).emitWithAck("anything", 1));
expectError(loose.emit("news", "1"));
expectError(loose.emit("unknown"));
