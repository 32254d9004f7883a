// The options of close(), which only this package has.

import { type CloseOptions, Server } from "socket.io-native";
import { expectError, expectType } from "tsd";

const io = new Server();

expectType<Promise<void>>(io.close({}));
expectType<Promise<void>>(io.close({ timeout: 5000, keepHttpServer: true }));
expectType<Promise<void>>(
  io.close({ timeout: 5000 }, (error) => expectType<Error | undefined>(error)),
);
expectError(io.close({ timeout: "soon" }));
expectError(io.close({ keepHttpServer: 1 }));
expectError(io.close({ unknown: true }));

declare const options: CloseOptions;
expectType<number | undefined>(options.timeout);
expectType<boolean | undefined>(options.keepHttpServer);
