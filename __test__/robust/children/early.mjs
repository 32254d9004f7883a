// A client that asks for a session as soon as it is told a port.
import { obey, tell } from "../../support/parent.mjs";
import { request } from "../../support/raw.mjs";

obey({
  ask: async ({ port }) => {
    const { status } = await request(port, "/socket.io/?EIO=4&transport=polling");
    tell("answer", { status });
  },
});
tell("ready");
