// examples/express-session: pages and sockets of one session.
import assert from "node:assert/strict";
import { once } from "../support/wait.mjs";
import { clientOf, exampleTest, heard, molest } from "./support.mjs";

const NAME = "express-session";

exampleTest(
  NAME,
  "shares the session of a login with sockets, until the logout",
  async (t, one) => {
    const post = async (path, body, cookie = "") => {
      const headers = { "Content-Type": "application/json", cookie };
      const init = { method: "POST", headers, body: JSON.stringify(body) };
      const answer = await fetch(`${one.url}${path}`, init);
      return { status: answer.status, cookie: answer.headers.get("set-cookie")?.split(";")[0] };
    };
    const [refusal] = await once(clientOf(t, one.url), "connect_error");
    assert.equal(refusal.message, "not logged in");
    assert.equal((await post("/login", { user: 7 })).status, 400);

    const { cookie } = await post("/login", { user: "Ada" });
    const settings = { extraHeaders: { cookie } };
    const tabs = [await one.client(settings), await one.client(settings)];
    for (const tab of tabs) assert.deepEqual(await heard(tab, "user"), ["Ada"]);
    const counted = tabs.map((tab) => once(tab, "count"));
    tabs[0].emit("count");
    for (const count of counted) assert.deepEqual(await count, [1]);

    const other = await post("/login", { user: "Grace" });
    const grace = await one.client({ extraHeaders: { cookie: other.cookie } });
    const gone = tabs.map((tab) => once(tab, "disconnect"));
    assert.equal((await post("/logout", {}, cookie)).status, 204);
    for (const reason of gone) assert.equal((await reason)[0], "io server disconnect");
    const [again] = await once(clientOf(t, one.url, settings), "connect_error");
    assert.equal(again.message, "not logged in");
    grace.emit("count");
    assert.deepEqual(await heard(grace, "count"), [1]);
    molest(grace, "count");
  },
);

exampleTest(
  NAME,
  "counts in two tabs of a browser",
  async (_t, one, open) => {
    const first = await open();
    const second = await first.context().newPage();
    const status = (page, text) => page.locator("#status", { hasText: text }).waitFor();
    await first.goto(one.url);
    await status(first, "not logged in");
    await first.fill("[name=user]", "Ada");
    await first.click("#login button");
    await status(first, "Logged in as Ada");
    await second.goto(one.url);
    await status(second, "Logged in as Ada");
    await second.click("#count");
    await status(first, "Count: 1");
    await status(second, "Count: 1");
    await first.click("#logout");
    await status(first, "Logged out");
    await status(second, "Logged out");
    // a connection that a login replaces may have a request under way
    const refused = /^Failed to load resource: .* 400 |^WebSocket connection to /;
    assert.deepEqual(
      first.complaints.filter((one) => !refused.test(one)),
      [],
    );
  },
  { browser: true },
);
