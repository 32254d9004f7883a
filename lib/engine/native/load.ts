/**
 * Loads the addon, or leaves it out where the environment asks for the JavaScript engine. An addon
 * that cannot be loaded is an error: the other engine is chosen by the user only.
 */
import { explain } from "./addon-error";
import { refuseOtherVersion, refuseTruncated } from "./addon-places";

/** The engines: the addon, or the package `engine.io`. */
export type Implementation = "native" | "javascript";

/** The environment variable that chooses the engine. */
const SWITCH = "SOCKET_IO_NATIVE_ENGINE";

/** The sentence that tells how to serve without the addon. */
const CHOICE = `Set the environment variable ${SWITCH}=javascript to serve with the JavaScript engine instead, which is slower.`;

/** The engine that the environment asks for. */
export const implementation: Implementation = chosen();

/**
 * Reads the environment.
 *
 * @throws TypeError for a value that names no engine
 */
function chosen(): Implementation {
  const value = process.env[SWITCH];
  if (value === "javascript") return value;
  if (value === undefined || value === "" || value === "native") return "native";
  throw new TypeError(`${SWITCH} must be "native" or "javascript", but is "${value}"`);
}

/**
 * The addon, or `null` for the JavaScript engine, of which a warning tells.
 *
 * @throws Error with the code `ERR_SOCKET_IO_NATIVE_ADDON` when the addon cannot be loaded
 */
export function loadAddon(): typeof import("../../../binding") | null {
  if (implementation === "javascript") {
    process.emitWarning(
      `socket.io-native serves with the JavaScript engine of the package engine.io, because ${SWITCH} asks for it`,
      { code: "SOCKET_IO_NATIVE_JAVASCRIPT" },
    );
    return null;
  }
  try {
    refuseTruncated();
    refuseOtherVersion();
    return require("../../../binding.js");
  } catch (cause) {
    const error = new Error(explain(cause, CHOICE), { cause });
    throw Object.assign(error, { code: "ERR_SOCKET_IO_NATIVE_ADDON" });
  }
}

/**
 * Stands for a part of the addon that is not loaded: nothing of the JavaScript engine uses one.
 *
 * @throws Error when a member of it is read, or when it is constructed
 */
export function absent<Part extends object>(name: string): Part {
  const refuse = (): never => {
    throw new Error(`${name} is a part of the native engine, which is not loaded`);
  };
  return new Proxy(refuse as unknown as Part, { get: refuse, construct: refuse });
}
