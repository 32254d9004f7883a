// Brings a checkout, fresh or changed, to where the server, the tests and the example run.
// Runs before `npm start` and `npm test`, needs nothing but Node, and does only what is due.
import { runSteps, script } from "./lib/say.mjs";
import { clientFiles, native, packages, tools, typescript } from "./lib/steps.mjs";

await script(() => runSteps([tools, packages, native, typescript, clientFiles]));
