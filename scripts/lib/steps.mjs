// The steps of the set-up, in their order: each knows when it is due and how to do its work.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { answer, stream } from "./command.mjs";
import { at, filesOf, hash, readJson, stamp } from "./files.mjs";
import { Complaint, detail } from "./say.mjs";

const older = (version, least) =>
  version.localeCompare(least, "en", { numeric: true, sensitivity: "base" }) < 0;

/** Node, Rust and a linker are there and new enough. */
export const tools = {
  title: "Tools",
  check() {
    const node = process.versions.node;
    const leastNode = readJson("package.json").engines.node.replace(/[^\d.]/g, "");
    if (older(node, leastNode)) {
      throw new Complaint(
        `Node.js ${leastNode} or newer is needed, this is ${node}.`,
        "Get it from https://nodejs.org or with a version manager, e.g. `nvm install --lts`.",
      );
    }
    const rust = rustVersion();
    const leastRust = /^rust-version\s*=\s*"([\d.]+)"/m.exec(
      readFileSync(at("Cargo.toml"), "utf8"),
    )[1];
    if (rust === undefined || older(rust, leastRust)) {
      const found = rust === undefined ? "`cargo` was not found" : `this is ${rust}`;
      throw new Complaint(
        `Rust ${leastRust} or newer is needed to build the native addon; ${found}.`,
        rust === undefined
          ? "Get it from https://rustup.rs, open a new terminal and try again."
          : "Bring it up to date: `rustup update stable`.",
      );
    }
    return { state: `Node.js ${node}, Rust ${rust}` };
  },
};

function rustVersion() {
  return /^cargo (\S+)/.exec(answer("cargo", "--version") ?? "")?.[1];
}

/** node_modules holds what package-lock.json says. */
export const packages = {
  title: "npm packages",
  check() {
    const why = packagesDue();
    return why
      ? { why: `installing what package-lock.json names (${why})` }
      : { state: "up to date" };
  },
  async work() {
    // the builds below need the development packages, whatever NODE_ENV says
    const status = await stream(
      "npm",
      "install",
      "--no-save",
      "--include=dev",
      "--loglevel=error",
      "--no-audit",
      "--no-fund",
    );
    if (status === 0) return;
    throw new Complaint(`npm install failed (${status}); its messages are above.`);
  },
};

function packagesDue() {
  const wanted = readJson("package-lock.json")?.packages;
  if (wanted === undefined) throw new Complaint("package-lock.json is missing or broken.");
  // npm's own record of what it installed; packages for other platforms are not in it
  const installed = readJson("node_modules/.package-lock.json")?.packages;
  if (installed === undefined) return "not installed";
  for (const [place, { version, optional }] of Object.entries(wanted)) {
    if (place === "" || (optional && !installed[place])) continue;
    if (installed[place]?.version !== version) return `${place} is not at ${version}`;
    if (!existsSync(at(place, "package.json"))) return `${place} is gone`;
  }
  return undefined;
}

/** The Rust engine as a Node addon: binding.js, binding.d.ts and one *.node file. */
export const native = build({
  name: "native",
  title: "Native addon",
  script: "build:native",
  note: "the first time takes a minute or two",
  inputs: () => [
    "Cargo.toml",
    ...["Cargo.lock", "build.rs", ".cargo", "src"].flatMap(filesOf),
    "node_modules/@napi-rs/cli/package.json",
  ],
  surroundings: () => [`${rustVersion()} ${process.platform} ${process.arch}`],
  outputs() {
    const addons = readdirSync(at(".")).filter((name) => name.endsWith(".node"));
    return addons.length === 0 ? [] : ["binding.js", "binding.d.ts", ...addons];
  },
  advice() {
    if (process.platform === "win32" || answer("cc", "--version")) return undefined;
    return "No C linker (`cc`) was found: on Debian or Ubuntu `apt-get install build-essential`, on macOS `xcode-select --install`.";
  },
});

/** The TypeScript face in dist/. */
export const typescript = build({
  name: "typescript",
  title: "TypeScript",
  script: "build:ts",
  inputs: () => [
    "tsconfig.json",
    ...["binding.d.ts", "lib"].flatMap(filesOf),
    "node_modules/typescript/package.json",
  ],
  outputs: () => filesOf("dist"),
  after() {
    const sources = new Set(filesOf("lib").map((file) => file.slice("lib/".length, -".ts".length)));
    for (const file of filesOf("dist")) {
      const made = /^dist\/(.+?)(\.d\.ts|\.js)$/.exec(file);
      if (made && !sources.has(made[1])) rmSync(at(file));
    }
  },
});

/** A step that runs one of package.json's scripts when its inputs or outputs changed. */
function build({ name, title, script, note, inputs, surroundings, outputs, after, advice }) {
  const made = stamp(name);
  const command = readJson("package.json").scripts[script];
  const sum = () => hash(inputs(), command, ...(surroundings?.() ?? []));
  return {
    title,
    check() {
      const why = made.stale(sum(), outputs());
      return why
        ? { why: `building (${[why, note].filter(Boolean).join("; ")})` }
        : { state: "up to date" };
    },
    async work() {
      detail(`$ ${command}`);
      // before the build: an edit made while it runs is due the next time
      const from = sum();
      const status = await stream("npm", "run", "--silent", script);
      if (status !== 0) {
        throw new Complaint(
          `${title}: \`npm run ${script}\` failed (${status}); its messages are above.`,
          advice?.(),
        );
      }
      after?.();
      made.save(from, outputs());
    },
  };
}

const BUNDLES = [
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
];
const CLIENT_FILES = BUNDLES.flatMap((name) => [name, `${name}.map`]);

/** The browser bundles the server hands out, from the published client. */
export const clientFiles = {
  title: "Client files",
  check() {
    const due = dueClientFiles();
    return due.length > 0
      ? { why: `copying ${due.length} to client-dist/` }
      : { state: "up to date" };
  },
  work() {
    mkdirSync(at("client-dist"), { recursive: true });
    for (const name of dueClientFiles()) {
      copyFileSync(at("node_modules/socket.io-client/dist", name), at("client-dist", name));
    }
  },
};

function dueClientFiles() {
  return CLIENT_FILES.filter((name) => {
    const copy = at("client-dist", name);
    const source = readFileSync(at("node_modules/socket.io-client/dist", name));
    return !existsSync(copy) || !readFileSync(copy).equals(source);
  });
}
