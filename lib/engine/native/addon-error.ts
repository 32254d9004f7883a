/** The message for an addon that cannot be loaded: the system, the places, and the way out. */
import {
  firstLine,
  libcOf,
  NOT_INSTALLED,
  ownVersion,
  packageFor,
  packagesForOthers,
  placesFor,
  systemOf,
  whyNot,
} from "./addon-places";

/** The oldest major version of Node that is supported. */
const OLDEST_NODE = 20;

/** The oldest glibc that the published addons run on. */
const OLDEST_GLIBC = "2.17";

/** Explains why the addon is not loaded; `cause` is the loader's error, `choice` how to go without it. */
export function explain(cause: unknown, choice: string): string {
  const libc = libcOf();
  const system = systemOf(libc);
  const expected = packageFor(system);
  const reasons = placesFor(system).map((place) => [place, whyNot(place)] as const);
  const places = reasons.map(([place, reason]) => `${place}: ${reason}`);
  const told = places.join("\n");
  // The loader may know more: in a bundle, the addon lies elsewhere.
  const others = errorsOf(cause).filter((text) => !told.includes(text));
  const { platform, arch, version, versions } = process;
  const words = [
    `${platform} ${arch}`,
    ...(libc === undefined ? [] : [libc]),
    `Node ${version}`,
    `Node-API ${versions.napi ?? "unknown"}`,
  ];
  const isOld = Number.parseInt(versions.node, 10) < OLDEST_NODE;
  const missing = reasons.some(([place, reason]) => place === expected && reason === NOT_INSTALLED);
  return [
    "The native addon of socket.io-native cannot be loaded.",
    `System: ${words.join(", ")}`,
    `Package expected: ${expected === undefined ? "none, as no addon is published for this system" : pinned(expected)}`,
    ...(isOld ? [`This Node is too old: the package needs Node ${OLDEST_NODE} or newer.`] : []),
    "Looked for:",
    ...[...places, ...others].map((line) => `  ${line}`),
    ...waysOut(expected, missing, packagesForOthers(system), [told, ...others].join("\n")),
    choice,
  ].join("\n");
}

/** A package with this version, as a package manager is asked for it. */
function pinned(name: string): string {
  const version = ownVersion();
  return version === undefined ? name : `${name}@${version}`;
}

/** The lines that say what mends it. */
function waysOut(
  expected: string | undefined,
  missing: boolean,
  others: string[],
  told: string,
): string[] {
  if (expected === undefined) {
    return ["To mend it: build the addon on this system, from a clone of the repository."];
  }
  if (/GLIBC_[\d.]+' not found/.test(told)) {
    return [
      `The C library is too old for this file. To mend it: use a system with glibc ${OLDEST_GLIBC} or newer, and the published package: npm install ${pinned(expected)}`,
    ];
  }
  if (/is installed in version/.test(told)) {
    return [`To mend it: npm install --save-optional ${pinned(expected)}`];
  }
  if (!missing) {
    return [
      "To mend it: remove the folder node_modules, and run the installation again on this system, as with: npm ci",
    ];
  }
  const made =
    others.length > 0
      ? [
          `Installed is ${others.join(", ")}: node_modules was made on, or for, another system. Install on the system that runs it.`,
        ]
      : [];
  return [
    ...made,
    "It is an optional dependency. npm leaves it out when package-lock.json was written on another system (https://github.com/npm/cli/issues/4828), and every package manager does when optional dependencies are switched off.",
    "To mend it, with optional dependencies on: rm -rf node_modules package-lock.json && npm install",
    `Or name it: npm install --save-optional ${pinned(expected)}`,
  ];
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
