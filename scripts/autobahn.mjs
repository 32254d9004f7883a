// Puts the WebSocket layer through Autobahn's test suite: its fuzzing client against examples/echo.rs.
//
//   npm run autobahn                  all cases, about seven minutes
//   npm run autobahn -- "7.*" 9.1.1   only these
//
// Needs Python 2.7 with pip (PYTHON2 names one that is not found by itself); installs the suite in
// the user's cache, once. Prints a table of the results and every case that went wrong, and fails
// if there is one. The report with the bytes of each case is left as web pages beside the suite.
//
// The verdicts: OK; NON-STRICT, allowed but not the best; INFORMATIONAL, the RFC leaves it
// open. All others are failures, UNIMPLEMENTED too: 12 and 13 say so if compression is refused.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { stream } from "./lib/command.mjs";
import { root } from "./lib/files.mjs";
import { Complaint, script, since } from "./lib/say.mjs";
import { cache, wstest } from "./lib/wstest.mjs";

const AGENT = "socket.io-native";
const GOOD = ["OK", "NON-STRICT", "INFORMATIONAL"];
// The suite's own; 8 and 11 do not exist.
const SECTIONS = {
  1: "Framing",
  2: "Pings and pongs",
  3: "Reserved bits",
  4: "Opcodes",
  5: "Fragmentation",
  6: "UTF-8",
  7: "Close handshake",
  9: "Limits and performance",
  10: "Miscellaneous",
  12: "Compression, payloads",
  13: "Compression, parameters",
};
const ECHO = ["--release", "--no-default-features", "--example", "echo"];

function readCases() {
  const cases = process.argv.slice(2);
  const wrong = cases.find((pattern) => !/^(\*|\d+(\.\d+)*(\.\*)?)$/.test(pattern));
  if (wrong === undefined) return cases.length > 0 ? cases : ["*"];
  throw new Complaint(`"${wrong}" names no cases; these do: 7.*, 9.1.*, 9.1.1.`);
}

/** Starts the echo server; gives the process and the address it prints. */
async function startEcho() {
  const status = await stream("cargo", "build", ...ECHO);
  if (status !== 0) throw new Complaint(`The echo server was not built (cargo: ${status}).`);
  const server = spawn("cargo", ["run", "--quiet", ...ECHO], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface(server.stdout)) return { server, url: line };
  throw new Complaint("The echo server ended before it listened.");
}

/** Runs the cases; gives `{ id: { behavior, behaviorClose, … } }`. */
async function runCases([program, ...args], url, cases, outdir) {
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const spec = path.join(outdir, "spec.json");
  const servers = [{ agent: AGENT, url }];
  const exclusions = { "exclude-cases": [], "exclude-agent-cases": {} };
  writeFileSync(spec, JSON.stringify({ outdir, servers, cases, ...exclusions }));
  const stdio = ["ignore", "pipe", "inherit"];
  const client = spawn(program, [...args, "-m", "fuzzingclient", "-s", spec], { stdio });
  const ended = once(client, "close");
  for await (const line of createInterface(client.stdout)) {
    console.log(line);
    if (!line.includes("will run 0 test cases")) continue;
    // it would wait for ever
    client.kill();
    throw new Complaint(`The suite has no cases called ${cases.join(" or ")}.`);
  }
  const [status] = await ended;
  if (status !== 0) {
    throw new Complaint(
      `Autobahn's fuzzing client failed (${status}); its messages are above.`,
      "A KeyError names a case that it does not have.",
    );
  }
  return JSON.parse(readFileSync(path.join(outdir, "index.json"), "utf8"))[AGENT];
}

/** The worse of what a case says of the messages and of the end of the connection. */
function verdict({ behavior, behaviorClose }) {
  if (!GOOD.includes(behavior)) return behavior;
  if (!GOOD.includes(behaviorClose)) return `CLOSE: ${behaviorClose}`;
  return GOOD[Math.max(GOOD.indexOf(behavior), GOOD.indexOf(behaviorClose))];
}

/** Prints the counts per section; gives the cases that went wrong. */
function report(results) {
  const inOrder = new Intl.Collator("en", { numeric: true }).compare;
  const ids = Object.keys(results).sort(inOrder);
  const table = {};
  for (const id of ids) {
    const section = id.split(".")[0];
    const row = `${section} ${SECTIONS[section] ?? ""}`;
    table[row] ??= Object.fromEntries(GOOD.map((name) => [name, 0]));
    const column = verdict(results[id]);
    table[row][column] = (table[row][column] ?? 0) + 1;
  }
  console.table(table);
  return ids.filter((id) => !GOOD.includes(verdict(results[id])));
}

await script(async () => {
  const cases = readCases();
  const command = await wstest();
  const { server, url } = await startEcho();
  const outdir = path.join(cache, "report");
  const start = performance.now();
  const results = await runCases(command, url, cases, outdir).finally(() => server.kill());
  const wrong = report(results);
  for (const id of wrong) {
    const { remoteCloseCode } = results[id];
    console.log(`${id}: ${verdict(results[id])} (close code received: ${remoteCloseCode})`);
  }
  console.log(`Report: ${path.join(outdir, "index.html")}`);
  const count = Object.keys(results).length;
  console.log(`${count - wrong.length} passed, ${wrong.length} failed in ${since(start)}`);
  if (wrong.length > 0) process.exitCode = 1;
});
