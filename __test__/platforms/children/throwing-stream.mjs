// A server with two clients over streams in memory; the stream of the first throws when it is written to.
import http from "node:http";
import { obey, tell } from "../../support/parent.mjs";
import { Server } from "../../support/subject.mjs";
import { Tcp } from "../../support/tcp.mjs";
import { joinByHand, streamPair } from "../../support/wire.mjs";

const thrown = [];
process.on("uncaughtException", ({ message }) => thrown.push(message));

const httpServer = http.createServer();
const io = new Server(httpServer);

/** A client: the server's end of its stream, and its wire. */
async function join() {
  const [near, far] = streamPair();
  httpServer.emit("connection", near);
  const wire = Tcp.over({ after() {} }, far);
  await joinByHand(wire);
  return { near, wire };
}

obey({
  /** Sends to both, then has a third client join; tells what the others heard, and what was thrown. */
  async run() {
    const [first, second] = [await join(), await join()];
    first.near.write = () => {
      throw new Error("no bytes");
    };
    io.emit("n", 1);
    const heard = [await second.wire.nextText()];
    io.emit("n", 2);
    const third = await join();
    heard.push(await second.wire.nextText());
    io.emit("n", 3);
    heard.push(await second.wire.nextText(), await third.wire.nextText());
    tell("ran", { heard, thrown });
  },
});
tell("ready");
