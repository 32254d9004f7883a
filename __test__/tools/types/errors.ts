// Code that must not compile: each directive fails the compilation if its line has no error.
import { Server } from "socket.io-native";

interface ClientToServer {
  hello: (name: string) => void;
}
interface ServerToClient {
  news: (n: number) => void;
  ask: (question: string, answer: (yes: boolean) => void) => void;
}
interface Between {
  ping: (n: number) => void;
}
interface Data {
  name: string;
}

const io = new Server<ClientToServer, ServerToClient, Between, Data>();

// @ts-expect-error an option of another type
export const wrongOption = new Server({ pingInterval: "often" });
// @ts-expect-error an option that does not exist
export const wrongName = new Server({ pingIntervall: 5 });
// @ts-expect-error no such transport
export const wrongTransport = new Server({ transports: ["smoke"] });
// @ts-expect-error no server
export const wrongServer = new Server().attach("localhost");

// @ts-expect-error no such event
io.emit("nothing");
// @ts-expect-error an argument of another type
io.emit("news", "1");
// @ts-expect-error an argument too few
io.emit("news");
// @ts-expect-error there is no event named message to send
io.send("text");
// @ts-expect-error not an event between servers
io.on("news", () => {});
// @ts-expect-error not an event between servers
io.serverSideEmit("news", 1);
// @ts-expect-error without a timeout nobody answers
export const withoutTimeout = io.emitWithAck("ask", "why?");

io.on("connection", (socket) => {
  // @ts-expect-error not an event of clients
  socket.on("news", () => {});
  // @ts-expect-error its argument is a string
  socket.on("hello", (name: number) => console.log(name));
  // @ts-expect-error no such event
  socket.emit("hello", "x");
  // @ts-expect-error the answer is a boolean
  socket.emit("ask", "why?", (yes: string) => console.log(yes));
  // @ts-expect-error after a timeout the first argument is an error
  socket.timeout(5).emit("ask", "why?", (yes: boolean) => console.log(yes));
  // @ts-expect-error its data has no age
  console.log(socket.data.age);
  // @ts-expect-error an event without acknowledgement
  socket.emitWithAck("news", 1);
  // @ts-expect-error no such room
  socket.join(5);
  // @ts-expect-error the id is read only
  socket.id = "x";
});
