// examples/private-messages: rooms of users, and recovery of what a client missed.
import assert from "node:assert/strict";
import { once } from "../support/wait.mjs";
import { clientOf, exampleTest, molest } from "./support.mjs";

const NAME = "private-messages";

exampleTest(NAME, "sends to two users, also what a lost client missed", async (t, one) => {
  const [refusal] = await once(clientOf(t, one.url), "connect_error");
  assert.equal(refusal.message, "a user is required");
  const clients = ["Ada", "Ada", "Grace", "Linus"].map((user) => one.client({ auth: { user } }));
  const [phone, laptop, grace, linus] = await Promise.all(clients);
  // a second argument is the offset that recovery needs
  const next = (client) => once(client, "private message").then(([message]) => message);

  const all = [phone, laptop, grace].map(next);
  phone.emit("private message", "Grace", "hello");
  const message = { from: "Ada", to: "Grace", text: "hello" };
  for (const each of all) assert.deepEqual(await each, message);

  // a client of the tests comes back when it is told to
  const { id } = grace;
  const gone = once(grace, "disconnect");
  grace.io.engine.close();
  await gone;
  const echo = next(phone);
  phone.emit("private message", "Grace", "did you get it?");
  await echo;
  const missed = next(grace);
  grace.connect();
  assert.deepEqual(await missed, { ...message, text: "did you get it?" });
  assert.equal(grace.recovered, true);
  assert.equal(grace.id, id);
  const reply = next(laptop);
  grace.emit("private message", "Ada", "yes");
  assert.deepEqual(await reply, { from: "Grace", to: "Ada", text: "yes" });

  molest(linus, "private message");
  linus.emit("private message", "Linus", "a note");
  assert.deepEqual(await next(linus), { from: "Linus", to: "Linus", text: "a note" });
  assert.equal(linus.heard.length, 1);
});

exampleTest(
  NAME,
  "recovers a page whose connection is cut",
  async (_t, one, open) => {
    const [ada, grace] = [await open(), await open()];
    const status = (page, text) => page.locator("#status", { hasText: text }).waitFor();
    const shows = (page, text) => page.locator("li", { hasText: text }).waitFor();
    for (const [page, user] of [
      [ada, "Ada"],
      [grace, "Grace"],
    ]) {
      await page.goto(`${one.url}/?user=${user}`);
      await status(page, `${user}, connected`);
    }
    const write = async (text) => {
      await ada.fill("[name=to]", "Grace");
      await ada.fill("[name=text]", text);
      await ada.click("form button");
    };
    await write("hello");
    for (const page of [ada, grace]) await shows(page, "Ada to Grace: hello");
    await grace.click("#cut");
    await write("while you were away");
    await status(grace, "Grace, recovered");
    await shows(grace, "Ada to Grace: while you were away");
    for (const page of [ada, grace]) assert.deepEqual(page.complaints, []);
  },
  { browser: true },
);
