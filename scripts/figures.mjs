// Prints the figures of a checkout's code as a table: `node scripts/figures.mjs [folder]`.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  againstOrder,
  CRATE_ORDER,
  countArrows,
  crateArrows,
  crateImports,
  filesBelow,
  LIB_ORDER,
  largestCycle,
  libArrows,
  libImports,
} from "./lib/arrows.mjs";

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
const read = (file) => readFileSync(path.join(root, file), "utf8");
const files = (folder, ending = "") => filesBelow(root, folder, ending);

const rust = files("src", ".rs");
const typescript = files("lib", ".ts");
const tests = [".mjs", ".ts", ".js", ".cjs"].flatMap((ending) => files("__test__", ending));

const lines = (list) => list.reduce((sum, file) => sum + read(file).split("\n").length - 1, 0);

/** Lines that begin a function, by the ending of the file. */
const BEGINS = {
  rs: /^(\s*)(?:pub(?:\([^)]*\))? )?(?:(?:async|const|unsafe|extern "C") )*fn (\w+)/,
  ts: /^(\s*)(?:export )?(?:default )?(?:(?:async|public|private|protected|static|override|get|set) )*(?:function\*? )?(?!(?:if|for|while|switch|catch|return|constructor\(\) \{\})\b)([\w#$]+)(?:<.*>)?\(/,
};

/** The functions of a file: the name and the number of lines, by the indentation of its end. */
function functionsOf(file) {
  const all = read(file).split("\n");
  const begins = BEGINS[file.split(".").at(-1)];
  return all.flatMap((line, at) => {
    const match = begins.exec(line);
    if (!match) return [];
    const [, indent, name] = match;
    const body = all.findIndex((one, i) => i >= at && /[{};]$/.test(one));
    if (body < 0 || !all[body].endsWith("{")) return [];
    const head = all.slice(at + 1, body + 1);
    if (head.some((one) => one.trim() && !one.startsWith(indent))) return [];
    const end = all.findIndex((one, i) => i > at && i >= body && one === `${indent}}`);
    const isCall = all
      .slice(at, end)
      .some((one, i) => i > 0 && new RegExp(`^${indent}\\}\\)`).test(one));
    return end < 0 || isCall ? [] : [{ file, name, lines: end - at + 1 }];
  });
}

function longest(list) {
  const { name, file, lines } = list
    .filter((one) => !/tests?(\/|\.rs|_)/.test(one))
    .flatMap(functionsOf)
    .sort((a, b) => b.lines - a.lines)[0];
  return `${lines} (${name}, ${file})`;
}

const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
const count = (list, pattern, change = (text) => text) =>
  list.reduce((sum, file) => sum + (change(read(file)).match(pattern) ?? []).length, 0);

const MEMBER = /^ {4}(?!private )(?:(?:readonly|static|get|set|protected|abstract) )*_\w+/gm;
const POINTS = /^\s*(?:\/\/[/!]?|\*|\/\*\*) ?See the module\.?/gm;
const RIDDLE =
  /^\s*(?:\/\/[/!]?|\*|\/\*\*)\s*(?:What|Who|Whether|Whoever|Where|How (?:much|many|long))\b/gm;

const crate = crateArrows(root);
const lib = libArrows(root);
const code = [...rust, ...typescript];

const rows = {
  "lines of lib": lines(typescript),
  "lines of src": lines(rust),
  "lines of __test__": lines(tests),
  "files above 500 lines (lib, src)": code.filter((file) => lines([file]) > 500).length,
  "arrows between places of src": countArrows(crate),
  "… against the order": countArrows(against(crate, CRATE_ORDER)),
  "arrows between rooms of lib": countArrows(lib),
  "… against the order ": countArrows(against(lib, LIB_ORDER)),
  "files in the largest import cycle of src": largestCycle(crateImports(root)).length,
  "files in the largest import cycle of lib": largestCycle(libImports(root)).length,
  "longest function, Rust": longest(rust),
  "longest function, TypeScript": longest(typescript),
  "public _members in dist/**/*.d.ts": existsSync(path.join(root, "dist"))
    ? count(files("dist", ".d.ts"), MEMBER)
    : "not built",
  "any in lib": count(typescript, /\bany\b/g, withoutComments),
  "comments that only point at the module": count(code, POINTS),
  "comments that begin with What, Who, Whether, …": count(code, RIDDLE),
};

function against(arrows, order) {
  return arrows.filter((arrow) => againstOrder([arrow], order).length > 0);
}

const width = Math.max(...Object.keys(rows).map((name) => name.length));
for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(width)}  ${value}`);
