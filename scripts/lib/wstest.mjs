// Autobahn's `wstest`: finding a Python 2.7 for it and installing it in a cache of its own.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { answer, stream } from "./command.mjs";
import { at } from "./files.mjs";
import { Complaint } from "./say.mjs";

const REQUIREMENTS = at("scripts", "autobahn-requirements.txt");

/** Where the suite and its reports live: a user's cache, which survives a fresh checkout. */
export const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"),
  "socket.io-native",
  "autobahn",
);

/** Installs the suite if that is due; gives the program and first arguments that run `wstest`. */
export async function wstest() {
  const python = findPython();
  const base = path.join(cache, "python");
  // Python's own way to keep packages beside an installation: no virtualenv is needed
  process.env.PYTHONUSERBASE = base;
  const command = [python, "-m", "autobahntestsuite.wstest"];

  const done = path.join(base, "installed.txt");
  const wanted = `${python}\n${readFileSync(REQUIREMENTS, "utf8")}`;
  if (existsSync(done) && readFileSync(done, "utf8") === wanted) return command;

  console.log(`Installing Autobahn's test suite in ${base}`);
  rmSync(base, { recursive: true, force: true });
  mkdirSync(base, { recursive: true });
  const options = ["--user", "--ignore-installed", "--no-warn-script-location", "--quiet"];
  const status = await stream(python, "-m", "pip", "install", ...options, "-r", REQUIREMENTS);
  if (status !== 0) {
    throw new Complaint(
      `Autobahn's test suite could not be installed (pip: ${status}); its messages are above.`,
      "A package that has to be compiled wants a C compiler and Python 2.7's headers.",
    );
  }
  writeFileSync(done, wanted);
  return command;
}

/** A Python 2.7 with pip, as the program that is to be run. */
function findPython() {
  const { PYTHON2 } = process.env;
  const candidates = PYTHON2 ? [PYTHON2] : ["python2.7", "python2", ...pyenvPythons()];
  const version = "import sys; print('%d.%d' % sys.version_info[:2])";
  const pythons = candidates.filter((program) => answer(program, "-c", version) === "2.7");
  if (pythons.length === 0) {
    throw new Complaint(
      `Autobahn's test suite runs only under Python 2.7, and there is none (tried: ${candidates.join(", ")}).`,
      "`pyenv install 2.7.18` builds one; PYTHON2=/path/to/python2.7 names one that is elsewhere.",
    );
  }
  const python = pythons.find((program) => answer(program, "-m", "pip", "--version"));
  if (python) return python;
  throw new Complaint(
    `${pythons[0]} has no pip to install Autobahn's test suite with.`,
    `Try \`${pythons[0]} -m ensurepip\`.`,
  );
}

/** The Python 2.7s of pyenv, which puts only the chosen versions in the way of a command. */
function pyenvPythons() {
  const versions = path.join(
    process.env.PYENV_ROOT || path.join(os.homedir(), ".pyenv"),
    "versions",
  );
  if (!existsSync(versions)) return [];
  const found = readdirSync(versions).filter((name) => name.startsWith("2.7."));
  return found.map((name) => path.join(versions, name, "bin", "python2.7"));
}
