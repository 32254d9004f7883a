import engine from "./engine.js";

export const { Server, Socket, Transport, attach, listen, parser, protocol, transports, uServer } =
  engine;
