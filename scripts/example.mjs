// Runs an example of examples/ with the package of this checkout. The example is copied to a folder of
// its own, which is removed when it ends; the packages that it depends on are kept in a cache.
//
//   npm run example                        lists the examples
//   npm run example -- express-session     installs it and starts it
//   npm run example -- nestjs client       runs another script of its package.json
import { once } from "node:events";
import { rmSync } from "node:fs";
import { examples, install, launch } from "./lib/examples.mjs";
import { script } from "./lib/say.mjs";

await script(async () => {
  const [name, command = "start", ...args] = process.argv.slice(2);
  if (name === undefined) {
    console.log(`npm run example -- NAME, where NAME is one of: ${examples.join(", ")}`);
    return;
  }
  const folder = await install(name);
  try {
    console.log(`Running ${name} in ${folder}`);
    const child = await launch(folder, command, args, { stdio: "inherit" });
    // Ctrl+C reaches the example by itself; this script waits for its end
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    const [status] = await once(child, "close");
    process.exitCode = status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
