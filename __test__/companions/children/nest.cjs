// A NestJS application with gateways on the port of its HTTP server and on one of their own (the
// argument). Decorators are called as the functions they are, for want of a compiler.
require("reflect-metadata");
const { Controller, Get, Module, UseGuards } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { IoAdapter } = require("@nestjs/platform-socket.io");
const websockets = require("@nestjs/websockets");
const { from, map } = require("rxjs");

const { Ack, ConnectedSocket, MessageBody, SubscribeMessage } = websockets;
const { WebSocketGateway, WebSocketServer, WsException } = websockets;

const tell = (type, rest) => process.send({ type, ...rest });

/** Decorates a method: with `decorators`, and its parameters in turn. */
function method({ prototype }, name, decorators, parameters = []) {
  const types = parameters.map(() => Object);
  Reflect.defineMetadata("design:paramtypes", types, prototype, name);
  for (const [at, parameter] of parameters.entries()) parameter(prototype, name, at);
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  Reflect.decorate(decorators, prototype, name, descriptor);
}

class Life {
  constructor() {
    this.server = undefined;
  }
  afterInit(server) {
    tell("init", { gateway: this.constructor.name, given: server.constructor.name });
  }
  handleConnection(socket) {
    tell("connection", { gateway: this.constructor.name, id: socket.id, nsp: socket.nsp.name });
  }
  handleDisconnect(socket) {
    tell("disconnect", { gateway: this.constructor.name, id: socket.id });
  }
}

class Chat extends Life {
  hello(name, socket) {
    return `hello ${name}, you are ${socket.id}`;
  }
  answers(data, ack) {
    ack({ got: data });
  }
  replies(data) {
    return { event: "reply", data };
  }
  counts() {
    return from([1, 2, 3]).pipe(map((data) => ({ event: "count", data })));
  }
  async join(room, socket) {
    await socket.join(room);
    this.server.to(room).emit("joined", socket.id);
    return [...socket.rooms];
  }
  refuses() {
    throw new WsException("not like this");
  }
  fails() {
    throw new Error("a secret");
  }
  guarded() {
    return "never";
  }
  everybody(data) {
    this.server.emit("everybody", data);
  }
}
const Refusing = class {
  canActivate(context) {
    const client = context.switchToWs().getClient();
    return client.handshake.auth.token === "let me in";
  }
};
method(Chat, "hello", [SubscribeMessage("hello")], [MessageBody(), ConnectedSocket()]);
method(Chat, "answers", [SubscribeMessage("answers")], [MessageBody(), Ack()]);
method(Chat, "replies", [SubscribeMessage("replies")], [MessageBody()]);
method(Chat, "counts", [SubscribeMessage("counts")]);
method(Chat, "join", [SubscribeMessage("join")], [MessageBody(), ConnectedSocket()]);
method(Chat, "refuses", [SubscribeMessage("refuses")]);
method(Chat, "fails", [SubscribeMessage("fails")]);
method(Chat, "guarded", [UseGuards(new Refusing()), SubscribeMessage("guarded")]);
method(Chat, "everybody", [SubscribeMessage("everybody")], [MessageBody()]);
WebSocketServer()(Chat.prototype, "server");
WebSocketGateway({ cors: { origin: "http://page" } })(Chat);

class News extends Life {
  hello(name) {
    return `news for ${name} in ${this.server.name}`;
  }
}
method(News, "hello", [SubscribeMessage("hello")], [MessageBody()]);
WebSocketServer()(News.prototype, "server");
WebSocketGateway({ namespace: "news" })(News);

class Apart extends Life {
  hello(name) {
    return `${name} is apart`;
  }
}
method(Apart, "hello", [SubscribeMessage("hello")], [MessageBody()]);
WebSocketServer()(Apart.prototype, "server");
WebSocketGateway(Number(process.argv[2]), { path: "/apart", transports: ["polling"] })(Apart);

class Pages {
  index() {
    return "a page";
  }
}
method(Pages, "index", [Get("/")]);
Controller()(Pages);

class Application {}
Module({ controllers: [Pages], providers: [Chat, News, Apart] })(Application);

/** As an application extends the adapter: options of its own. */
class Adapter extends IoAdapter {
  createIOServer(port, options) {
    return super.createIOServer(port, { ...options, pingInterval: 12_000 });
  }
}

async function main() {
  const app = await NestFactory.create(Application, { logger: false, abortOnError: false });
  app.useWebSocketAdapter(new Adapter(app));
  await app.listen(0, "127.0.0.1");
  process.on("message", async ({ type }) => {
    if (type !== "close") return;
    await app.close();
    tell("closed");
    process.disconnect();
  });
  tell("listening", { port: app.getHttpServer().address().port });
}

main();
