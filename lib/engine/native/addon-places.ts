/** The files and packages that may hold the addon for this system. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** The folder of the package. */
const ROOT = path.join(__dirname, "..", "..", "..");

const load = createRequire(__filename);

/** The systems for which a package with the addon is published: the targets of package.json. */
const PUBLISHED: readonly string[] = [
  ...["linux-x64-gnu", "linux-x64-musl", "linux-arm64-gnu", "linux-arm64-musl"],
  ...["darwin-x64", "darwin-arm64", "win32-x64-msvc", "win32-arm64-msvc"],
];

/** The C library of a Linux with its version, as far as Node tells; `undefined` elsewhere. */
export function libcOf(): string | undefined {
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

/** The name of this system in the names of addons, such as "linux-x64-gnu". */
export function systemOf(libc: string | undefined): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === "linux") return `${base}-${libc === "musl" ? "musl" : "gnu"}`;
  return process.platform === "win32" ? `${base}-msvc` : base;
}

/** The package that holds the addon for a system; `undefined` if none is published. */
export const packageFor = (system: string): string | undefined =>
  PUBLISHED.includes(system) ? packageOf(system) : undefined;

const packageOf = (system: string) => `socket.io-native-${system}`;

/** The file and the package of the addon for one system. */
const placesOf = (system: string) => [
  path.join(ROOT, `socket.io-native.${system}.node`),
  packageOf(system),
];

/** The files and packages in which the addon for a system may be, in the loader's order. */
export function placesFor(system: string): string[] {
  const given = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const universal = process.platform === "darwin" ? ["darwin-universal"] : [];
  return [...(given ? [given] : []), ...[...universal, system].flatMap(placesOf)];
}

/** The packages for other systems that are installed, as in a `node_modules` made elsewhere. */
export const packagesForOthers = (system: string): string[] =>
  PUBLISHED.filter((one) => one !== system)
    .map(packageOf)
    .filter((name) => fileOf(name) !== undefined);

/** The version of this package; `undefined` in a bundle, where its manifest is not found. */
export const ownVersion = (): string | undefined => versionIn(path.join(ROOT, "package.json"));

/**
 * Refuses a package with the addon that is of another version than this package: what both sides of
 * the boundary share may differ.
 *
 * @throws Error for such a package
 */
export function refuseOtherVersion(): void {
  const own = ownVersion();
  for (const [file, name] of candidates().map(placesOf)) {
    // The loader takes a file of this package first.
    if (existsSync(file)) return;
    const installed = versionIn(`${name}/package.json`);
    if (own === undefined || installed === undefined || installed === own) continue;
    throw new Error(`${name} is installed in version ${installed}, but ${own} is needed`);
  }
}

/** The systems that this one may be. To know its C library takes a report of Node, which takes long. */
function candidates(): string[] {
  const base = `${process.platform}-${process.arch}`;
  return PUBLISHED.filter((system) => system === base || system.startsWith(`${base}-`));
}

function versionIn(manifest: string): string | undefined {
  try {
    return load(manifest).version;
  } catch {
    return undefined;
  }
}

/** The error with which a file or package is not loaded. */
export function whyNot(place: string): string {
  if (path.isAbsolute(place) && !existsSync(place)) return "there is no such file";
  const file = fileOf(place);
  if (file !== undefined && isTruncated(file)) return TRUNCATED;
  try {
    load(place);
    return "it can be loaded, but the loader refuses it";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "MODULE_NOT_FOUND" && !path.isAbsolute(place)) {
      return versionIn(`${place}/package.json`) === undefined
        ? NOT_INSTALLED
        : "it is installed without its file";
    }
    return firstLine(error);
  }
}

/** The reason for a package that is not there. */
export const NOT_INSTALLED = "it is not installed";

const TRUNCATED = "the file is truncated";

/** The first line of an error's message. */
export const firstLine = (error: unknown): string =>
  String((error as Error)?.message ?? error).split("\n", 1)[0];

/**
 * Refuses a shorter file than its header says, as an interrupted installation leaves it: the loader
 * of Linux ends the process by a signal when it maps one.
 *
 * @throws Error for such a file
 */
export function refuseTruncated(): void {
  if (process.platform !== "linux") return;
  for (const place of candidates().flatMap(placesOf)) {
    const file = fileOf(place);
    if (file !== undefined && isTruncated(file)) throw new Error(`${file}: ${TRUNCATED}`);
  }
}

/** The file of a place, if there is one. */
function fileOf(place: string): string | undefined {
  if (path.isAbsolute(place)) return existsSync(place) ? place : undefined;
  try {
    return load.resolve(place);
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
