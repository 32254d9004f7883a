// examples/https-http2: one port for HTTP/2 and HTTP/1.1, WebSockets over either.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import path from "node:path";
import { certificate } from "../support/secure.mjs";
import { defer, once } from "../support/wait.mjs";
import { exampleTest, heard } from "./support.mjs";

const NAME = "https-http2";
// the example makes its own, by the same program
const { missing } = certificate;

exampleTest(
  NAME,
  "serves clients of HTTP/1.1 and HTTP/2 on one port",
  async (t, one) => {
    assert.match(one.url, /^https:/);
    const ca = readFileSync(path.join(one.folder, "certificate/cert.pem"));
    for (const transport of ["polling", "websocket"]) {
      const client = await one.client({ ca, transports: [transport] });
      assert.deepEqual(await heard(client, "how"), [{ transport, http: "1.1" }]);
    }
    const session = http2.connect(one.url, { ca });
    defer(t, () => session.destroy());
    const [settings] = await once(session, "remoteSettings");
    assert.equal(settings.enableConnectProtocol, true);
    const page = session.request({ ":path": "/" });
    const [headers] = await once(page, "response");
    assert.equal(headers[":status"], 200);
    page.resume();
    await once(page, "end");
  },
  { missing },
);

exampleTest(
  NAME,
  "opens the WebSocket of a browser over HTTP/2",
  async (_t, one, open) => {
    const page = await open({ ignoreHTTPSErrors: true });
    await page.goto(one.url);
    await page.locator("#how", { hasText: "websocket over HTTP/2.0" }).waitFor();
    assert.deepEqual(page.complaints, []);
  },
  { browser: true, missing },
);
