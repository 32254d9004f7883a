// examples/fastify: routes that speak to sockets.
import assert from "node:assert/strict";
import { exampleTest, heard } from "./support.mjs";

const NAME = "fastify";

/** Posts a message; resolves with the status and the answer. */
async function post(url, body) {
  const answer = await fetch(`${url}/messages`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return [answer.status, await answer.json()];
}

exampleTest(
  NAME,
  "sends a posted message to every client, and refuses a wrong one",
  async (_t, one) => {
    const clients = [await one.client(), await one.client({ transports: ["polling"] })];
    const [status] = await post(one.url, { text: "" });
    assert.equal(status, 400);
    assert.deepEqual(await post(one.url, { text: "hello" }), [200, { clients: 2 }]);
    for (const client of clients) assert.deepEqual(await heard(client, "message"), ["hello"]);
  },
);

exampleTest(
  NAME,
  "shows a posted message in the page",
  async (_t, one, open) => {
    const page = await open();
    await page.goto(one.url);
    await page.waitForFunction(() => document.querySelector("#messages"));
    // the page may not be connected yet
    for (let clients = 0; clients === 0; ) {
      const [, answer] = await post(one.url, { text: "from the route" });
      clients = answer.clients;
    }
    await page.locator("li", { hasText: "from the route" }).waitFor();
    assert.deepEqual(page.complaints, []);
  },
  { browser: true },
);
