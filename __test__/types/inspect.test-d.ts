// The entry `socket.io-native/inspect`.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server } from "socket.io-native";
import { type InspectOptions, type Inspector, inspect } from "socket.io-native/inspect";
import { expectError, expectType } from "tsd";

interface Events {
  order: (dish: string) => void;
}

const page = inspect(new Server<Events, Events, Events, { name: string }>());
expectType<Inspector>(page);
expectType<(req: IncomingMessage, res: ServerResponse) => Promise<void>>(page.handler);
expectType<void>(page.close());

const options: InspectOptions = {
  path: "/inspect",
  authorize: async (req) => req.method === "GET",
};
inspect(new Server(), options);
inspect(new Server(), { authorize: () => true });

expectError(inspect());
expectError(inspect(new Server(), { path: 7 }));
expectError(inspect(new Server(), { authorize: () => "yes" }));
expectError(inspect(new Server(), { autorize: () => true }));
