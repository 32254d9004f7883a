/**
 * Loads the addon, or leaves it out where the environment asks for the JavaScript engine. An addon
 * that cannot be loaded is an error: the other engine is chosen by the user only.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** The engines: the addon, or the package `engine.io`. */
export type Implementation = "native" | "javascript";

/** The environment variable that chooses the engine. */
const SWITCH = "SOCKET_IO_NATIVE_ENGINE";

/** The oldest major version of Node that is supported. */
const OLDEST_NODE = 20;

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
    return require("../../../binding.js");
  } catch (cause) {
    const error = new Error(explanation(cause), { cause });
    throw Object.assign(error, { code: "ERR_SOCKET_IO_NATIVE_ADDON" });
  }
}

/** The message for an addon that cannot be loaded: the system, the places, and the way out. */
function explanation(cause: unknown): string {
  const libc = libcOf();
  const places = placesFor(libc).map((place) => `${place}: ${whyNot(place)}`);
  const told = places.join("\n");
  // The loader may know more: in a bundle, the addon lies elsewhere.
  const others = errorsOf(cause).filter((text) => !told.includes(text));
  const { platform, arch, version, versions } = process;
  const system = [
    `${platform} ${arch}`,
    ...(libc === undefined ? [] : [libc]),
    `Node ${version}`,
    `Node-API ${versions.napi ?? "unknown"}`,
  ];
  const isOld = Number.parseInt(versions.node, 10) < OLDEST_NODE;
  return [
    "The native addon of socket.io-native cannot be loaded.",
    `System: ${system.join(", ")}`,
    ...(isOld ? [`This Node is too old: the package needs Node ${OLDEST_NODE} or newer.`] : []),
    "Looked for:",
    ...[...places, ...others].map((line) => `  ${line}`),
    `Set the environment variable ${SWITCH}=javascript to serve with the JavaScript engine instead, which is slower.`,
  ].join("\n");
}

/** The C library of a Linux with its version, as far as Node tells; `undefined` elsewhere. */
function libcOf(): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const report = process.report as typeof process.report & { excludeNetwork?: boolean };
    report.excludeNetwork = true;
    const { header, sharedObjects } = report.getReport() as any;
    if (header.glibcVersionRuntime) return `glibc ${header.glibcVersionRuntime}`;
    if (sharedObjects.some((file: string) => /ld-musl-|libc\.musl-/.test(file))) return "musl";
  } catch {
    // Another runtime than Node.
  }
  return "unknown C library";
}

/** The files and packages in which the addon for this system may be. */
function placesFor(libc: string | undefined): string[] {
  const { platform, arch, env } = process;
  const base = `${platform}-${arch}`;
  let names = [base];
  if (platform === "linux") names = [`${base}-${libc === "musl" ? "musl" : "gnu"}`];
  if (platform === "win32") names = [`${base}-msvc`];
  if (platform === "darwin") names = ["darwin-universal", base];
  const given = env.NAPI_RS_NATIVE_LIBRARY_PATH;
  return [...(given ? [given] : []), ...names.flatMap(placesOf)];
}

/** The file and the package of the addon for one system. */
const placesOf = (system: string) => [
  path.join(__dirname, "..", "..", "..", `socket.io-native.${system}.node`),
  `socket.io-native-${system}`,
];

/**
 * Refuses a shorter file than its header says, as an interrupted installation leaves it: the loader
 * of Linux ends the process by a signal when it maps one.
 *
 * @throws Error for such a file
 */
function refuseTruncated(): void {
  if (process.platform !== "linux") return;
  const base = `linux-${process.arch}`;
  for (const place of [`${base}-gnu`, `${base}-musl`].flatMap(placesOf)) {
    const file = fileOf(place);
    if (file !== undefined && isTruncated(file)) throw new Error(`${file}: ${TRUNCATED}`);
  }
}

const TRUNCATED = "the file is truncated";

/** The file of a place, if there is one. */
function fileOf(place: string): string | undefined {
  if (path.isAbsolute(place)) return existsSync(place) ? place : undefined;
  try {
    return createRequire(__filename).resolve(place);
  } catch {
    return undefined;
  }
}

/** Returns true for a 64-bit ELF file that ends before its table of sections does. */
function isTruncated(file: string): boolean {
  const header = Buffer.alloc(64);
  const fd = openSync(file, "r");
  try {
    const length = readSync(fd, header, 0, header.length, 0);
    const isElf = header.readUInt32BE(0) === 0x7f454c46;
    const isLittle64 = header[4] === 2 && header[5] === 1;
    if (!isElf || !isLittle64) return false;
    const sections = header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c);
    const end = Number(header.readBigUInt64LE(0x28)) + sections;
    return length < header.length || fstatSync(fd).size < end;
  } finally {
    closeSync(fd);
  }
}

/** The error with which a file or package is not loaded. */
function whyNot(place: string): string {
  if (path.isAbsolute(place) && !existsSync(place)) return "there is no such file";
  const file = fileOf(place);
  if (file !== undefined && isTruncated(file)) return TRUNCATED;
  try {
    createRequire(__filename)(place);
    return "it can be loaded, but the loader refuses it";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "MODULE_NOT_FOUND" && !path.isAbsolute(place)) return "it is not installed";
    return firstLine(error);
  }
}

/** The errors of the generated loader, which are chained; those of missing modules are left out. */
function errorsOf(error: unknown): string[] {
  const found: string[] = [];
  for (let at: any = error; at instanceof Error; at = at.cause) {
    const text = firstLine(at);
    if (!/^Cannot find (module|native binding)/.test(text)) found.push(text);
  }
  return found;
}

const firstLine = (error: unknown) => String((error as Error)?.message ?? error).split("\n", 1)[0];

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
