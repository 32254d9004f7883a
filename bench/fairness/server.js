// A server whose listener works for so many microseconds per event of a flooder.
// Arguments: the package, the form (port or attached), the microseconds.
const { makeServer, tellPort } = require("../child-server.js");

const [pkg, form, work] = process.argv.slice(2);
const micros = Number(work);
let events = 0;

function busy() {
  events++;
  if (micros === 0) return;
  const end = process.hrtime.bigint() + BigInt(micros * 1000);
  while (process.hrtime.bigint() < end);
}

const io = makeServer(pkg, form);
io.on("connection", (socket) => {
  socket.on("f", busy);
  socket.on("ask", (answer) => answer());
});
process.on("message", () => process.send({ events }));
tellPort(io);
