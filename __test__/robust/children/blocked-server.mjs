// A server whose JavaScript thread can be stopped on command.
// Arguments: the form of the server, its options as JSON.
import { startServer } from "../../support/forms.mjs";
import { letGo, obey, standStill, tell } from "../../support/parent.mjs";

const [form, options] = process.argv.slice(2);
const io = await startServer(form, JSON.parse(options));
const reasons = [];
let numbers = 0;

io.on("connection", (socket) => {
  let expected = 0;
  let firstFault = null;
  socket.on("number", (n) => {
    numbers++;
    if (n !== expected && firstFault === null) firstFault = `${n} instead of ${expected}`;
    expected = n + 1;
  });
  socket.on("total", (ack) => ack({ count: expected, firstFault }));
  socket.on("disconnect", (reason) => reasons.push(reason));
});

obey({
  /** Stands still until the test says so. */
  block() {
    tell("blocking");
    standStill();
    tell("unblocked");
  },
  /** Reports who was lost, and the events heard. */
  report() {
    tell("report", { reasons, numbers });
  },
  async end() {
    await io.close();
    letGo();
  },
});
tell("listening", { port: io.httpServer.address().port });
