// Types imported from inside the package, as older code does where the resolution allows it.
import type { Server } from "socket.io-native";
import type { BroadcastOperator, RemoteSocket } from "socket.io-native/dist/broadcast-operator";
import type { Client } from "socket.io-native/dist/client";
import type { ServerOptions } from "socket.io-native/dist/index";
import type { ExtendedError, Namespace } from "socket.io-native/dist/namespace";
import type { ParentNamespace } from "socket.io-native/dist/parent-namespace";
import type { Event, Socket } from "socket.io-native/dist/socket";
import type { DisconnectReason, Handshake } from "socket.io-native/dist/socket-types";
import type {
  DecorateAcknowledgements,
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  StrictEventEmitter,
} from "socket.io-native/dist/typed-events";

interface Events extends EventsMap {
  hello: (name: string) => void;
}
export type Names = EventNames<Events>;
export type Params = EventParams<Events, "hello">;
export type Decorated = DecorateAcknowledgements<Events>;
export type Emitter = StrictEventEmitter<Events, Events>;
export type Options = Partial<ServerOptions>;

export function see(
  io: Server<Events, Events, DefaultEventsMap, any>,
  socket: Socket<Events>,
  handshake: Handshake,
  reason: DisconnectReason,
  [event]: Event,
): void {
  const nsp: Namespace<Events> = io.of("/");
  const error: ExtendedError = new Error(reason);
  error.data = handshake.headers.host;
  const operator: BroadcastOperator<any, any> = nsp.to(socket.id);
  const client: Client<any, any, any> = socket.client;
  const parent: ParentNamespace<any> | undefined = undefined;
  const remote: RemoteSocket<Events, any>[] = [];
  console.log(
    event,
    operator,
    client.conn.protocol,
    parent,
    remote,
    handshake.address,
    handshake.auth,
  );
}
