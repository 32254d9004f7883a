// Prints what CHANGELOG.md tells about a version: that of package.json, or the one that is named.
import { readFileSync } from "node:fs";
import { at, readJson } from "./lib/files.mjs";
import { Complaint, script } from "./lib/say.mjs";

await script(() => {
  const version = process.argv[2] ?? readJson("package.json").version;
  const sections = readFileSync(at("CHANGELOG.md"), "utf8").split(/^## /m);
  const section = sections.find((one) => one.startsWith(`[${version}]`));
  if (section === undefined) throw new Complaint(`CHANGELOG.md has no section ${version}.`);
  // Headings of one level less, without the version; links to other places are at the end of the file.
  console.log(
    section
      .slice(section.indexOf("\n"))
      .split(/^\[[^\]]+\]: /m)[0]
      .trim(),
  );
});
