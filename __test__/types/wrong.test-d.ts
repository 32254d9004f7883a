// Each expectation is wrong.
import { expectError, expectType } from "tsd";
import { Server } from ".";

const io = new Server<{ hello: (name: string) => void }>();
expectType<string>(io.engine.clientsCount);
expectType<(name: number) => void>((name: string) => name);
expectError(io.emit("hello", "name"));
expectType<Promise<string>>(io.close());
