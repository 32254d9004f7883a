// The declarations compile with every supported TypeScript, strictly and without `skipLibCheck`.
import assert from "node:assert/strict";
import { COMPILERS, compileWith } from "../support/compilers.mjs";
import { beyond, name } from "../support/subject.mjs";

for (const [version, { node, resolutions }] of Object.entries(COMPILERS)) {
  for (const resolution of resolutions) {
    beyond(
      `an application compiles without skipLibCheck [TypeScript ${version}, ${resolution}, @types/node ${node}]`,
      async () => {
        const files = ["application.ts"];
        // The old resolution reads no "exports": it finds no entry but the main one.
        const hasEntries = resolution !== "node10";
        if (hasEntries) files.push("older.ts");
        // Older ones do not compile the declarations of engine.io, which these two name.
        if (Number(version) >= 5.7) files.push("engines.ts", ...(hasEntries ? ["entry.ts"] : []));
        const { version: exact, complaints } = await compileWith(version, resolution, name, files);
        assert.ok(exact.startsWith(version), exact);
        const lines = complaints.split("\n").filter((line) => line.trim() !== "");
        assert.deepEqual(lines, []);
      },
    );
  }
}
