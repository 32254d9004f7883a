// Compares what this package offers with socket.io and engine.io: the members that their
// declarations promise, and the names that live objects have. Writes docs/compatibility.md.
//
//   npm run compatibility              write it
//   npm run compatibility -- --check   only tell whether it is up to date, and whether there is a
//                                      difference without a reason in lib/differences.mjs
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { tried } from "./lib/applications-tried.mjs";
import { compareInstances, compareModules, explain } from "./lib/compatibility.mjs";
import { readDeclarations } from "./lib/declarations.mjs";
import { behaviours, beyondUpstream, instanceReasons, memberReasons } from "./lib/differences.mjs";
import { readInstances } from "./lib/instances.mjs";
import { NODES } from "./lib/nodes.mjs";
import { Complaint, script } from "./lib/say.mjs";
import { BUNDLERS, TOOLS } from "./lib/tools.mjs";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DOCUMENT = path.join(ROOT, "docs/compatibility.md");
const folderOf = (name) => path.dirname(require.resolve(`${name}/package.json`));

const SOCKET_IO = folderOf("socket.io");
// The package does not export its package.json.
const ENGINE_IO = path.join(path.dirname(require.resolve("engine.io")), "..");

/** Declarations of socket.io (and ours: the same file names), and those of engine.io beside ours. */
const FILES = [
  ...["index", "namespace", "parent-namespace", "socket", "socket-types", "broadcast-operator"],
  ...["client", "typed-events", "uws"],
].map((name) => ({
  prefix: name === "index" ? "" : `dist/${name}: `,
  theirs: path.join(SOCKET_IO, `dist/${name}.d.ts`),
  ours: path.join(ROOT, `dist/${name}.d.ts`),
}));
FILES.push({
  prefix: "engine: ",
  theirs: path.join(ENGINE_IO, "build/engine.io.d.ts"),
  ours: path.join(ROOT, "dist/engine-entry.d.ts"),
});

function members() {
  const models = readDeclarations(FILES.flatMap(({ theirs, ours }) => [theirs, ours]));
  const seen = new Set();
  return FILES.flatMap(({ prefix }, i) => {
    const [theirs, ours] = [models[2 * i], models[2 * i + 1]];
    // Exports of the main entry are listed there.
    const told = prefix.startsWith("dist/") ? [...seen].filter((name) => ours.has(name)) : [];
    for (const name of told) {
      theirs.delete(name);
      ours.delete(name);
    }
    for (const name of theirs.keys()) seen.add(name);
    return compareModules(prefix, theirs, ours);
  }).filter(({ same, differences }) => same.length + differences.length > 0);
}

async function instances() {
  const theirs = await readInstances(
    "socket.io",
    path.join(SOCKET_IO, "dist/broadcast-operator.js"),
  );
  const ours = await readInstances(
    path.join(ROOT, "index.js"),
    path.join(ROOT, "dist/broadcast-operator.js"),
  );
  return compareInstances(theirs, ours);
}

const code = (name) => `\`${name}\``;
const list = (names) => names.map(code).join(", ") || "–";
const shortName = ({ at, what }, group) => `${code(at.slice(group.length + 1) || at)} ${what}`;

function table(groups) {
  const rows = groups.map(({ group, same, more, differences }) => {
    const different = differences.map((one) =>
      one.at.startsWith(`${group}.`)
        ? shortName(one, group)
        : `${code(one.at.split(": ").at(-1))} ${one.what}`,
    );
    const total = same.length + differences.length;
    const cells = [group, `${same.length} of ${total}`, different.join("; ") || "–", list(more)];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| Of | Same | Different | Only here |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

const sameNames = (groups) =>
  groups.map(({ group, same }) => `- ${group}: ${list(same)}`).join("\n");

function instanceTable(groups) {
  const rows = groups.map(({ group, same, differences }) => {
    const missing = differences.map((one) => shortName(one, group).replace(/ missing$/, ""));
    return `| ${group} | ${same.length} of ${same.length + differences.length} | ${missing.join(", ") || "–"} |`;
  });
  return ["| Of | There | Not there |", "| --- | --- | --- |", ...rows].join("\n");
}

function reasonTable({ explained }) {
  const rows = explained.map(({ names, reason }) => `| ${list(names)} | ${reason} |`);
  return ["| Name | Why it differs |", "| --- | --- |", ...rows].join("\n");
}

function behaviourTable() {
  const rows = behaviours.map(([object, difference]) => `| ${object} | ${difference} |`);
  return ["| Object | Difference |", "| --- | --- |", ...rows].join("\n");
}

function beyondTable() {
  const rows = beyondUpstream.map((columns) => `| ${columns.join(" | ")} |`);
  return ["| Subject | Upstream | Here |", "| --- | --- | --- |", ...rows].join("\n");
}

const manifest = (folder) => JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
const version = (folder) => manifest(folder).version;

function nodeTable() {
  const rows = Object.entries(NODES).map(([major, words]) => {
    const tests = words.length > 0 ? `those under ${list(words)}` : "all";
    return `| ${major} | ${tests} |`;
  });
  return ["| Node | Tests |", "| --- | --- |", ...rows].join("\n");
}

function triedTable() {
  const head = "| Application | Installed | What it is | What was driven | Seen |";
  return [
    head,
    "| --- | --- | --- | --- | --- |",
    ...tried.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

function toolTable() {
  const bundlers = BUNDLERS.map((name) => [name, version(folderOf(name))]);
  const tools = Object.fromEntries([...Object.entries(TOOLS), ...bundlers]);
  const rows = [
    [["bun", "deno"], "a server on a port, and one attached, with real clients", "runtimes"],
    [["jest"], "`--detectOpenHandles` after `io.close()`; clients under its fake timers", "jest"],
    [["vitest"], "clients, also under its fake timers", "vitest"],
    [BUNDLERS, "a bundle starts, serves a client and ends", "bundles"],
  ].flatMap(([names, tested, file]) =>
    names.map(
      (name) => `| ${name} ${tools[name]} | ${tested} | \`__test__/tools/${file}.test.mjs\` |`,
    ),
  );
  return ["| Tool | Tested | By |", "| --- | --- | --- |", ...rows].join("\n");
}

const document = (declared, live) => `# Compatibility

Every public name of \`socket.io\` ${version(SOCKET_IO)} and \`engine.io\` ${version(ENGINE_IO)}, and what has become of it here.
\`npm run compatibility\` writes this file from the published declarations and from live objects; a
difference without a reason fails the tests. What the names _do_ is what the tests under
\`__test__/\` are about: they pass on both packages.

A member is the same if it has the same kind, visibility, overloads, type parameters and numbers of
arguments. Members that both inherit from Node's \`EventEmitter\` are left out.

## Runtimes and tools tested

The package asks for Node ${code(manifest(ROOT).engines.node)}. Its tests are run on Linux x64 with these versions
(\`npm run test:nodes\`):

${nodeTable()}

These are run for real, too. The core of the tests runs on the JavaScript engine as well
([when the addon cannot be loaded](options.md#when-the-addon-cannot-be-loaded)).

${toolTable()}

## Applications tried

Published applications, installed from npm with this package in place of \`socket.io\` (an override
in \`package.json\`), started, and driven by their own clients. \`node scripts/applications.mjs\` does it
again, and with \`--upstream\` the same on socket.io.

${triedTable()}

## Deliberate differences

${reasonTable(declared)}

${behaviourTable()}

## Beyond upstream

These change nothing for applications that rely on upstream.

${beyondTable()}

## Members

${table(declared.groups)}

The same are:

${sameNames(declared.groups)}

## Live objects

Own and inherited names of objects of a server with a client, private ones included: extensions and
applications touch them. Names that only exist here are not listed.

${instanceTable(live.groups)}

${reasonTable(live)}
`;

/** As the formatter has it, so that what is written passes its check. */
function formatted(text) {
  const biome = path.join(folderOf("@biomejs/biome"), "bin/biome");
  const args = [biome, "format", `--stdin-file-path=${DOCUMENT}`];
  return execFileSync(process.execPath, args, { cwd: ROOT, input: text, encoding: "utf8" });
}

await script(async () => {
  const check = process.argv.includes("--check");
  const declared = { groups: members() };
  Object.assign(declared, explain(declared.groups, memberReasons));
  const live = { groups: await instances() };
  Object.assign(live, explain(live.groups, instanceReasons));
  const complaints = [
    ...[...declared.unexplained, ...live.unexplained].map(({ at, what }) => `${at}: ${what}`),
    ...[...declared.stale, ...live.stale].map((names) => `no difference any more: ${names}`),
  ];
  if (complaints.length > 0) {
    throw new Complaint(
      "Differences and reasons (scripts/lib/differences.mjs) do not match:",
      complaints.join("\n"),
    );
  }
  const text = formatted(document(declared, live));
  if (!check) writeFileSync(DOCUMENT, text);
  else if (readFileSync(DOCUMENT, "utf8") !== text) {
    throw new Complaint("docs/compatibility.md is out of date.", "npm run compatibility");
  }
});
// Sessions of the other package that wait for polls would keep the process.
process.exit();
