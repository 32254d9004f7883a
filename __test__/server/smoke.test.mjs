// One real client of a server in each form, from its handshake on polling to its end. Everything in
// here is tested thoroughly elsewhere: this file is for `npm run test:fast`.
import { test } from "node:test";
import { client } from "../support/clients.mjs";
import { answering, exercise } from "../support/exercise.mjs";
import { SERVE } from "../support/forms.mjs";
import { secureClient, secureTest, serveSecure } from "../support/secure.mjs";
import { WAYS } from "../support/ways.mjs";

const FORMS = {
  port: { test, serve: SERVE.port, client },
  attached: { test, serve: SERVE.attached, client },
  TLS: { test: secureTest, serve: serveSecure, client: secureClient },
};

for (const [form, { test, serve, client }] of Object.entries(FORMS)) {
  test(`a client connects, upgrades, is answered and leaves [${form}]`, async (t) => {
    const { io, port } = await serve(t);
    answering(io);
    await exercise(io, client(t, port, WAYS.default), "default");
  });
}
