// Brings a checkout, fresh or changed, to where the server, the tests and the example run.
// Runs before `npm start` and `npm test`, needs nothing but Node, and does only what is due. With
// --without-addon, the addon and binding.js are there already, and Rust is not needed.
import { runSteps, script } from "./lib/say.mjs";
import { clientFiles, native, packages, tools, typescript } from "./lib/steps.mjs";

const withoutAddon = process.argv.includes("--without-addon");
const steps = withoutAddon
  ? [packages, typescript, clientFiles]
  : [tools, packages, native, typescript, clientFiles];
await script(() => runSteps(steps));
