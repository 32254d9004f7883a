// The engine alone.
import { createServer } from "node:http";
import { expectAssignable, expectError, expectType } from "tsd";
import { Server as SocketServer } from ".";
import {
  type AttachOptions,
  attach,
  listen,
  parser,
  protocol,
  Server,
  type ServerOptions,
  type Socket,
  type Transport,
  transports,
} from "./engine";

expectType<4>(protocol);
expectType<Server>(attach(createServer(), { path: "/x", pingInterval: 5 }));
expectType<Server>(listen(3000));
expectType<Server>(listen(3000, { cookie: true }, () => {}));
expectError(listen("3000"));
expectError(attach(3000, {}));

const engine = new Server({ pingTimeout: 5, transports: ["websocket"] });
expectError(new Server({ pingTimeout: "5" }));
expectError(new Server({ unknown: 5 }));
expectType<void>(engine.attach(createServer(), { destroyUpgrade: false }));
expectType<number>(engine.clientsCount);
expectType<string[]>(engine.upgrades("polling"));
expectType<Server>(engine.close());
expectType<Promise<any>>(engine.onWebTransportSession({}));
expectType<number>(Server.errors.FORBIDDEN as number);
engine.use((_req: unknown, _res: unknown, next: () => void) => next());
engine.generateId = (req) => String(req.url);
engine.generateId = async () => "id";
const routed = createServer((req, res) => engine.handleRequest(req, res));
routed.on("upgrade", (req, socket, head) => engine.handleUpgrade(req, socket, head));
engine.on("connection", (socket: Socket) => {
  expectType<number>(socket.protocol);
  expectType<string>(socket.remoteAddress);
  expectType<boolean>(socket.upgraded);
  expectAssignable<string>(socket.readyState);
  expectAssignable<Transport>(socket.transport);
  expectType<string>(socket.transport.name);
  expectType<Socket>(socket.send("text"));
  expectType<Socket>(
    socket.write(Buffer.alloc(1), { compress: false }, (transport) => {
      expectType<Transport>(transport);
    }),
  );
  expectType<void>(socket.close(true));
  expectError(socket.close("now"));
});

expectType<SocketServer>(new SocketServer().bind(engine));

expectAssignable<AttachOptions>({ path: "/x", addTrailingSlash: false, destroyUpgradeTimeout: 5 });
expectAssignable<ServerOptions>({ allowEIO3: true, initialPacket: "x", perMessageDeflate: true });
expectAssignable<object>(transports.polling);
expectAssignable<object>(transports.websocket);
expectAssignable<object>(transports.webtransport);

parser.encodePacket({ type: "message", data: "x" }, true, (encoded) => expectType<any>(encoded));
parser.encodePayload([{ type: "ping" }], (payload) => expectType<string>(payload));
const [packet] = parser.decodePayload("4x");
expectAssignable<string>(packet.type);
expectError(parser.encodePacket({ type: "unknown" }, true, () => {}));
