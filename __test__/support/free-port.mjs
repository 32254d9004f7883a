// A port for a server that has to know its own before it listens, or that listens there again.
import { randomInt } from "node:crypto";
import { once } from "node:events";
import net from "node:net";

/** Ports that no system gives to a connection, or to a server that asks for any port. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000];

/** A port that is free, and stays so unless another one is told the same. */
export async function freePort() {
  for (;;) {
    const server = net.createServer().listen(randomInt(FIRST_PORT, LAST_PORT));
    try {
      await once(server, "listening");
    } catch (error) {
      if (error.code === "EADDRINUSE") continue;
      throw error;
    }
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
