// The figures of docs/limits.md are those of the crate.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beyond } from "./support/subject.mjs";

const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

/** The value of a constant of `src/config.rs`: a number, or a number shifted to the left. */
function constant(name) {
  const match = new RegExp(`pub const ${name}: \\w+ = ([\\d_]+)(?: << (\\d+))?;`).exec(
    read("src/config.rs"),
  );
  assert.ok(match, `src/config.rs has ${name}`);
  return Number(match[1].replaceAll("_", "")) * 2 ** Number(match[2] ?? 0);
}

beyond("docs/limits.md has the figures of src/config.rs", () => {
  const rows = read("docs/limits.md").match(/^\|.*`[A-Z_]+`\s*\|$/gm);
  assert.ok(rows.length >= 15);
  for (const row of rows) {
    const cells = row.split("|").map((cell) => cell.trim());
    const name = cells.at(-2).replaceAll("`", "");
    const figure = Number(/^(?:1\/)?([\d,]+)/.exec(cells[2])[1].replaceAll(",", ""));
    assert.equal(figure, constant(name), name);
  }
});
