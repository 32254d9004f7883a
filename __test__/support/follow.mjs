// Follows a page as a reader does, in an empty folder: writes its files, types its commands.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { blocks, ROOT, readPage } from "./documents.mjs";
import { freePort } from "./free-port.mjs";
import { defer, until, within } from "./wait.mjs";

const MARKS = new Set(["install", "background", "run", "output"]);
const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
const installed = { ...manifest.dependencies, ...manifest.devDependencies };

/** True for a block that is a file: its mark is a name. */
export const isFile = ({ mark }) => mark !== "" && !MARKS.has(mark);

/** The parts of a page that begin with a heading of the second level: `{ title, blocks }`. */
export function sections(page) {
  return readPage(page)
    .split(/^## /m)
    .map((text) => ({ title: text.split("\n", 1)[0], blocks: blocks(text) }));
}

/**
 * Follows a page. The blocks are taken in order, by their marks: a file is written, `install` puts
 * packages in place (from this checkout, not from npm), `background` starts a program and waits until it
 * accepts connections, `run` runs to the end, and `output` is what the last of them must have printed.
 * Programs in the background end with the section of the page. `ports` maps ports of the page to others.
 * Of the sections for which `wanted(section)` is false only the files are written.
 */
export async function follow(t, page, { ports = {}, wanted = () => true } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "page-"));
  defer(t, () => rmSync(folder, { recursive: true }));
  const moved = { 3000: await freePort(), 3001: await freePort(), ...ports };
  const text = (code) => code.replace(/\b\d{4,5}\b/g, (port) => moved[port] ?? port);
  for (const section of sections(page)) {
    const programs = [];
    defer(t, () => programs.map((one) => one.stop()));
    let printed = "";
    for (const block of section.blocks) {
      const code = text(block.code);
      if (isFile(block)) write(folder, block.mark, code);
      else if (!wanted(section)) continue;
      else if (block.mark === "install") install(folder, code);
      else if (block.mark === "background") {
        programs.push(start(folder, code));
        const port = /PORT=(\d+)/.exec(code)?.[1] ?? moved[3000];
        await until(() => programs.at(-1).ended || accepts(port), `${code} listens`);
        if (programs.at(-1).ended)
          throw new Error(`${page}: ${code} ended: ${programs.at(-1).log}`);
      } else if (block.mark === "run") {
        const program = start(folder, code);
        const status = await within(program.end, code);
        printed = program.log;
        if (status !== 0) throw new Error(`${page}: ${code} ended with ${status}: ${program.log}`);
      } else if (block.mark === "output" && printed !== code) {
        throw new Error(`${page}: printed\n${printed}and not\n${code}`);
      }
    }
    for (const one of programs) await one.stop();
  }
  return folder;
}

function write(folder, name, code) {
  mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
  writeFileSync(path.join(folder, name), code);
}

/** Links the packages of `npm install` lines; `alias@npm:socket.io-native` is a name for this one. */
function install(folder, code) {
  for (const line of code.trim().split("\n")) {
    const [npm, verb, ...words] = line.split(" ");
    if (`${npm} ${verb}` === "npm init") continue;
    if (`${npm} ${verb}` !== "npm install") throw new Error(`no install: ${line}`);
    link(path.join(ROOT, "node_modules/.bin"), path.join(folder, "node_modules/.bin"));
    for (const word of words.filter((one) => !one.startsWith("-"))) {
      const [, name, target = name] = /^(@?[^@]+)(?:@npm:(.*))?$/.exec(word);
      const own = target === manifest.name;
      if (!own && !(name in installed)) throw new Error(`no test has the package ${name}`);
      const place = own ? ROOT : path.join(ROOT, "node_modules", name);
      link(place, path.join(folder, "node_modules", name));
    }
  }
}

function link(place, name) {
  mkdirSync(path.dirname(name), { recursive: true });
  rmSync(name, { force: true });
  symlinkSync(place, name, "junction");
}

// The group ends when the shell's input does: with the test, however that ends.
const TIED = `exec 3<&0
(cat <&3; kill -s KILL -- -$$) >/dev/null 2>&1 &
sh -e -c "$1" </dev/null 3<&-`;

/** A shell with commands in a process group of its own: `{ log, end, ended, stop }`. */
function start(folder, code) {
  const child = spawn("sh", ["-c", TIED, "sh", code], {
    cwd: folder,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const program = { log: "", ended: false };
  child.stdin.on("error", () => {}); // the shell has ended
  child.stdout.on("data", (text) => (program.log += text));
  child.stderr.on("data", (text) => (program.log += text));
  program.end = new Promise((resolve) => {
    child.on("close", (status, signal) => {
      program.ended = true;
      resolve(status ?? signal);
    });
  });
  program.stop = async () => {
    if (!program.ended) process.kill(-child.pid, "SIGKILL");
    await within(program.end, `${code} to end`);
  };
  return program;
}

/** True if something listens on the port of 127.0.0.1. */
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
