// The page `socket.io-native/inspect` in a browser.
import assert from "node:assert/strict";
import { browserTest, picture } from "../platforms/browser.mjs";
import { client, connected } from "../support/clients.mjs";
import { isJavaScript, isOracle } from "../support/subject.mjs";
import { once, until } from "../support/wait.mjs";
import { served } from "./support.mjs";

const MARKUP = '<img src=x onerror="document.title=1">';
const HIDDEN = { authorization: "Bearer hush-1", cookie: "sid=hush-2" };

/** Tests of the page need the native engine. */
const pageTest = (title, fn) => !isOracle && !isJavaScript && browserTest(title, fn);

/** A server with people in rooms, one of which has markup for a name. */
async function peopled(t) {
  const one = await served(t, { server: { pingInterval: 300_000 } });
  one.io.of("/kitchen");
  one.io.on("connection", (socket) => {
    socket.join([MARKUP, "lobby"]);
    socket.on("say", (text, done) => {
      socket.to("lobby").emit("say", text);
      done();
    });
  });
  const people = [
    client(t, one.port, { transports: ["polling"], upgrade: false }),
    client(t, one.port, { extraHeaders: HIDDEN }),
    client(t, one.port, { transports: ["polling", "websocket"] }),
    client(t, one.port, { nsp: "/kitchen" }),
  ];
  await Promise.all(people.map(connected));
  await until(() => people[2].io.engine.transport.name === "websocket");
  return { ...one, people };
}

const text = (page, id) => page.locator(`#${id}`).textContent();

pageTest("the page shows sessions, rooms and connections, and disconnects one", async (t, open) => {
  const { port, people, io } = await peopled(t);
  const page = await open({ viewport: { width: 1280, height: 1500 } });
  await page.goto(`http://127.0.0.1:${port}/inspect`);
  await page.locator("#status[data-state=live]").waitFor();

  await t.test("numbers and tables", async () => {
    await page.locator("#tiles dd", { hasText: "4 sockets in namespaces" }).waitFor();
    const row = page.locator("#transports tr", { hasText: "websocket" });
    await until(async () => {
      const [, native, javascript] = await row.locator("td").allTextContents();
      return native === "3" && javascript === "0";
    }, "three sessions on WebSockets");
    await page.locator("#rooms tr", { hasText: "lobby" }).waitFor();
    await until(async () => (await page.locator("#connections tr").count()) === 4);
  });

  await t.test("charts draw traffic", async () => {
    await until(async () => {
      await people[1].emitWithAck("say", "soup");
      const paths = page.locator("#charts path");
      const drawn = await paths.evaluateAll((all) => all.map((one) => one.getAttribute("d") ?? ""));
      return drawn.every((d) => d.split("L").length >= 3);
    }, "lines of three samples");
    const label = await page.locator("#charts svg").first().getAttribute("aria-label");
    assert.match(label, /^Messages a second\. Now: in [\d.,]+, out [\d.,]+\. Highest: [\d.,]+\.$/);
  });

  await t.test("a name of a client is text, and no markup", async () => {
    await page.locator("#rooms").getByText(MARKUP, { exact: true }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.title(), "Socket.IO server");
  });

  await picture(page, "inspect");

  await t.test("filters", async () => {
    await page.locator("#rooms").getByText(MARKUP, { exact: true }).click();
    await until(async () => (await page.locator("#connections tr").count()) === 3);
    assert.equal(await text(page, "range"), "1–3 of 3");
    await page.locator("#filter select").selectOption("polling");
    await page.getByRole("button", { name: "Show" }).click();
    await until(async () => (await page.locator("#connections tr").count()) === 1);
    await page.getByRole("button", { name: "All", exact: true }).click();
    await until(async () => (await page.locator("#connections tr").count()) === 4);
  });

  await t.test("one connection in detail, without secrets, and the end of it", async () => {
    await page.getByRole("button", { name: people[1].id }).click();
    await page.locator("#facts dt", { hasText: "Heartbeat" }).waitFor();
    const facts = await text(page, "facts");
    assert.match(facts, /Transportwebsocket/);
    assert.match(facts, /Bytes in[\d.,]+ (B|KiB)/);
    assert.match(facts, /every 300 s, answer within 20 s; next in \d+ (?:min|s)/);
    const headers = await text(page, "headers");
    assert.match(headers, /authorizationhidden/);
    assert.match(headers, /cookiehidden/);
    assert.doesNotMatch(await page.content(), /hush/);
    await picture(page, "inspect-connection");
    const left = once(people[1], "disconnect");
    await page.getByRole("button", { name: "Disconnect", exact: true }).click();
    assert.equal(people[1].connected, true);
    await page.getByRole("button", { name: "Really disconnect this client?" }).click();
    assert.deepEqual((await left)[0], "io server disconnect");
    await page.getByText("It is not connected any more.").waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await until(async () => (await page.locator("#connections tr").count()) === 3);
    assert.equal(io.engine.clientsCount, 3);
  });

  // The dialog asks for a connection that is gone: the browser tells of each answer 404.
  assert.deepEqual(
    page.complaints.filter((line) => !/status of 404/.test(line)),
    [],
  );
});

pageTest(
  "the page is dark where the browser is, narrow on a phone, and calm with many rooms",
  async (t, open) => {
    const { port, io } = await peopled(t);
    for (let i = 0; i < 200; i++) io.socketsJoin(`table-${i}`);
    const page = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    await page.goto(`http://127.0.0.1:${port}/inspect/`);
    await page.locator("#rooms-total", { hasText: "largest 50 of 202" }).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false);
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(dark, "rgb(20, 23, 28)");
    await picture(page, "inspect-dark");
    assert.deepEqual(page.complaints, []);
  },
);

pageTest(
  "the page says that access has ended, and goes on when it is given again",
  async (t, open) => {
    let isAllowed = true;
    const { port } = await served(t, { authorize: async () => isAllowed });
    const page = await open({ viewport: { width: 1000, height: 700 } });
    await page.goto(`http://127.0.0.1:${port}/inspect/`);
    await page.locator("#status[data-state=live]").waitFor();
    isAllowed = false;
    await page.getByText("No access: sign in again").waitFor();
    isAllowed = true;
    await page.locator("#status[data-state=live]").waitFor();
  },
);
