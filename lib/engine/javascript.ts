/**
 * The JavaScript engine, that of the package `engine.io`: for systems where the addon cannot be
 * loaded. The environment chooses it: `lib/engine/native/load.ts`.
 */
import { implementation } from "./native/load";

/** The classes of an engine, under the names that the entry exports. */
interface EngineClasses {
  Server: any;
  Socket: any;
  Transport: any;
  transports: any;
}

/** The classes of the JavaScript engine where the environment asks for it, else `null`. */
export const javascriptEngine: EngineClasses | null =
  implementation === "javascript" ? loadJavaScriptEngine() : null;

function loadJavaScriptEngine(): EngineClasses {
  const { Server: Base, Socket, Transport, transports } = require("engine.io");
  /** That of `engine.io`, with the members that the native engine adds to it. */
  class Server extends Base {
    get implementation(): string {
      return "javascript";
    }

    metrics(): never {
      throw nativeOnly("metrics()");
    }

    metricsText(): never {
      throw nativeOnly("metricsText()");
    }
  }
  return { Server, Socket, Transport, transports };
}

/** The error of a method that the JavaScript engine cannot offer. */
function nativeOnly(method: string): Error {
  const message = `${method} is offered by the native engine only, and SOCKET_IO_NATIVE_ENGINE chose the JavaScript one`;
  return Object.assign(new Error(message), { code: "ERR_SOCKET_IO_NATIVE_ONLY" });
}
