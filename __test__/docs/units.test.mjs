// Units of systemd and Dockerfiles of the pages. Nothing is started: systemd-analyze reads the units, and
// the instructions of the Dockerfiles are known ones.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { blocks, pages, readPage } from "../support/documents.mjs";

const ALL = pages().flatMap((page) => blocks(readPage(page)).map((one) => ({ page, ...one })));

const UNITS = ALL.filter(({ mark }) => mark.endsWith(".service"));
const absent = spawnSync("systemd-analyze", ["--version"]).error !== undefined;
const missing = absent && "missing: systemd-analyze (apt-get install systemd)";

test("there are units and Dockerfiles in the pages", () => {
  assert.equal(UNITS.length, 2);
  assert.equal(DOCKERFILES.length, 2);
});

for (const { page, mark, code } of UNITS) {
  // A part of every Debian, but not of every container: it is never required.
  test(`${page}: systemd-analyze finds nothing in ${mark}`, { skip: missing }, (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "unit-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, mark);
    // The program of the unit may be elsewhere on this machine.
    writeFileSync(file, code.replace("/usr/bin/node", process.execPath));
    const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    const about = `${stdout}${stderr}`.split("\n").filter((line) => line.includes(mark));
    assert.deepEqual(about, []);
  });
}

const DOCKERFILES = ALL.filter(({ language }) => language === "dockerfile");
const INSTRUCTIONS = new Set(
  "FROM ENV WORKDIR COPY RUN USER EXPOSE STOPSIGNAL CMD ENTRYPOINT ARG LABEL".split(" "),
);

for (const { page, mark, code } of DOCKERFILES) {
  test(`${page}: ${mark} has known instructions, runs as another user, and gets signals`, () => {
    const lines = code.trim().split("\n");
    const words = lines.map((line) => line.split(" ", 1)[0]);
    assert.deepEqual(
      words.filter((word) => !INSTRUCTIONS.has(word)),
      [],
    );
    assert.match(lines[0], /^FROM node:\d+-(bookworm-slim|alpine)$/);
    assert.ok(words.indexOf("USER") < words.indexOf("CMD"));
    // A shell around the program would keep SIGTERM from it.
    const [command] = lines.filter((line) => line.startsWith("CMD "));
    const program = JSON.parse(command.slice("CMD ".length));
    const files = ALL.filter((one) => one.page === page).map((one) => one.mark);
    assert.ok(files.includes(program.at(-1)), `${program.at(-1)} is a file of ${page}`);
  });
}
