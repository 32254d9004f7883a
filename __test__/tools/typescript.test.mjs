// Typed applications, compiled by tsc in a folder of their own, as a user's compiler finds the package.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { name } from "../support/subject.mjs";

const require = createRequire(import.meta.url);
const folderOf = (name) => path.dirname(require.resolve(`${name}/package.json`));
const TSC = path.join(folderOf("typescript"), "bin/tsc");

/** Compiles files of `types/` as parts of a package of the given type; resolves with the errors. */
async function compile(t, files, { type = "module", ...compilerOptions }) {
  const folder = mkdtempSync(path.join(tmpdir(), "typescript-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const modules = path.join(folder, "node_modules");
  mkdirSync(path.join(modules, "@types"), { recursive: true });
  symlinkSync(folderOf(name), path.join(modules, "socket.io-native"), "dir");
  for (const one of ["node", "express", "cors"]) {
    symlinkSync(folderOf(`@types/${one}`), path.join(modules, "@types", one), "dir");
  }
  for (const file of files) {
    copyFileSync(new URL(`types/${file}`, import.meta.url), path.join(folder, file));
  }
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type }));
  const config = {
    compilerOptions: {
      target: "es2022",
      lib: ["es2022"],
      skipLibCheck: true,
      strict: true,
      noEmit: true,
      esModuleInterop: true,
      types: ["node"],
      ...compilerOptions,
    },
    files,
  };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config));
  const run = promisify(execFile)(process.execPath, [TSC, "-p", folder], { cwd: folder });
  const { stdout } = await run.catch((error) => error);
  return stdout;
}

test("a typed application, and its mistakes [node16, as an ES module, everything checked]", async (t) => {
  const strictest = {
    module: "node16",
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    isolatedModules: true,
    verbatimModuleSyntax: true,
  };
  assert.equal(await compile(t, ["application.ts", "errors.ts"], strictest), "");
});

test("a typed application, and its mistakes [bundler]", async (t) => {
  const bundler = { module: "esnext", moduleResolution: "bundler" };
  assert.equal(await compile(t, ["application.ts", "errors.ts"], bundler), "");
});

test("a typed application, and types inside the package [the old resolution]", async (t) => {
  const old = { module: "commonjs", moduleResolution: "node10", type: "commonjs" };
  assert.equal(await compile(t, ["application.ts", "deep.ts"], old), "");
});
