// Runs an example of examples/ with the package of this checkout. The example is copied to a folder of
// its own, which is removed when it ends; the packages that it depends on are kept in a cache.
//
//   npm run example                        lists the examples
//   npm run example -- express-session     installs it and starts it
import { once } from "node:events";
import { rmSync } from "node:fs";
import { examples, install, launch } from "./lib/examples.mjs";
import { script } from "./lib/say.mjs";

await script(async () => {
  const [name] = process.argv.slice(2);
  if (name === undefined) {
    console.log(`npm run example -- NAME, where NAME is one of: ${examples.join(", ")}`);
    return;
  }
  const folder = await install(name);
  try {
    console.log(`Running ${name} (its folder, for its other scripts: ${folder})`);
    const child = await launch(folder, "start", [], { stdio: "inherit" });
    // Ctrl+C reaches the example by itself; this script waits for its end
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    const [status] = await once(child, "close");
    process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
