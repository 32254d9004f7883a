// The code of docs/inspect.md, run as it stands there.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beyond } from "../support/subject.mjs";
import { once } from "../support/wait.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const blocks = [
  ...readFileSync(`${ROOT}docs/inspect.md`, "utf8").matchAll(/^```js\n(.*?)^```$/gms),
].map(([, code]) => code);

/** Asks the first HTTP server that listens for the data of the page, tells the status and ends. */
const PRELUDE = `
  const { Server: Listening } = require("node:http");
  const { listen } = Listening.prototype;
  Listening.prototype.listen = function (...args) {
    this.once("listening", async () => {
      const { port, family } = this.address();
      const host = family === "IPv6" ? "[::1]" : "127.0.0.1";
      const headers = { authorization: "Bearer soup" };
      const res = await fetch("http://" + host + ":" + port + PATH, { headers });
      console.log(res.status, typeof (await res.json()).sessions);
      process.exit();
    });
    return listen.apply(this, args);
  };
`;

for (const [i, code] of blocks.entries()) {
  const path = /"(\/[a-z/]*inspect)"/.exec(code)[1];
  beyond(`docs/inspect.md: example ${i + 1} serves the page at ${path}`, async () => {
    const program = PRELUDE.replace("PATH", JSON.stringify(`${path}/data`));
    const child = spawn(process.execPath, ["-e", `${program}{${code.replaceAll("3000", "0")}}`], {
      cwd: ROOT,
      env: { ...process.env, ADMIN_TOKEN: "soup" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    assert.deepEqual(await once(child, "close"), [0, null]);
    assert.equal(text.trim(), "200 number");
  });
}

beyond("docs/inspect.md has an example for each way to serve the page", () => {
  assert.equal(blocks.length, 4);
});
