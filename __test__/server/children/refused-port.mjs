// Servers on ports whose options cannot be used: nothing is left to keep the process alive.
import cluster from "node:cluster";
import { letGo, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";

const unconvertible = {
  valueOf() {
    throw new TypeError("not today");
  },
};
const BAD = [
  { transports: {} },
  { pingInterval: unconvertible },
  {
    wsEngine: class {
      constructor() {
        throw new Error("no engine today");
      }
    },
  },
];
const MAKE = [(options) => new Server(0, options), (options) => new Server().listen(0, options)];

function refusals() {
  let count = 0;
  for (const options of BAD) {
    for (const make of MAKE) {
      try {
        make({ ...options });
      } catch {
        count++;
      }
    }
  }
  return count;
}

function report(count) {
  tell("refused", { count });
  letGo();
}

if (process.argv[2] !== "cluster") {
  report(refusals());
} else if (cluster.isPrimary) {
  cluster.fork().on("message", report);
} else {
  process.send(refusals(), () => cluster.worker.disconnect());
}
