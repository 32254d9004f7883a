// The declarations compile with every supported TypeScript, strictly and without `skipLibCheck`.
import assert from "node:assert/strict";
import { COMPILERS, compileWith } from "../support/compilers.mjs";
import { beyond, name } from "../support/subject.mjs";

/** Before 5.7 a Buffer is not generic, which a file of the package engine.io takes for granted. */
const OF_ENGINE_IO =
  /^node_modules\/engine\.io\/\S+: error TS2315: Type 'Buffer' is not generic\.$/;

for (const [version, { node, resolutions }] of Object.entries(COMPILERS)) {
  for (const resolution of resolutions) {
    beyond(
      `an application compiles without skipLibCheck [TypeScript ${version}, ${resolution}, @types/node ${node}]`,
      async () => {
        const files = ["application.ts", "engines.ts"];
        // The old resolution reads no "exports": it finds no entry but the main one.
        if (resolution !== "node10") files.push("entry.ts");
        const { version: exact, complaints } = await compileWith(version, resolution, name, files);
        assert.ok(exact.startsWith(version), exact);
        const lines = complaints.split("\n").filter((line) => line.trim() !== "");
        const isOld = Number(version) < 5.7;
        assert.deepEqual(
          lines.filter((line) => !(isOld && OF_ENGINE_IO.test(line))),
          [],
        );
      },
    );
  }
}
