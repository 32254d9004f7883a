import {
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from "@nestjs/websockets";
import type { Server, Socket } from "socket.io";

@WebSocketGateway({ namespace: "/chat" })
export class ChatGateway implements OnGatewayConnection {
  @WebSocketServer()
  server!: Server;

  handleConnection(client: Socket) {
    client.emit("welcome", client.id);
  }

  @SubscribeMessage("join")
  async join(client: Socket, room: string) {
    await client.join(room);
    client.to(room).emit("joined", client.id);
    return { joined: room };
  }

  @SubscribeMessage("message")
  message(client: Socket, { room, text }: { room: string; text: string }) {
    if (!client.rooms.has(room)) throw new WsException(`You are not in ${room}`);
    this.server.to(room).emit("message", { from: client.id, text });
    return { delivered: true };
  }
}
