// examples/upload: binary chunks, acknowledged when they are written.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { until } from "../support/wait.mjs";
import { exampleTest, molest } from "./support.mjs";

const NAME = "upload";
const bytes = randomBytes(1_000_000);
const files = (one) => readdirSync(path.join(one.folder, "uploads"));

exampleTest(
  NAME,
  "saves the bytes, tells progress, and keeps nothing incomplete",
  async (_t, one) => {
    const { upload } = await import(pathToFileURL(path.join(one.folder, "public/upload.js")).href);
    const socket = await one.client();
    const shares = [];
    const name = await upload(socket, new Blob([bytes]), (share) => shares.push(share));
    assert.deepEqual(shares, [1, 2, 3].map((n) => (n * 256 * 1024) / 1_000_000).concat(1));
    assert.ok(readFileSync(path.join(one.folder, "uploads", name)).equals(bytes));
    const empty = await upload(socket, new Blob([]));
    assert.equal(readFileSync(path.join(one.folder, "uploads", empty)).length, 0);
    assert.equal(files(one).length, 2);

    const fails = (event, value) => socket.emitWithAck(event, value).then(({ error }) => error);
    assert.equal(await fails("upload:start", 1e9), "a file has at most 104857600 bytes");
    assert.equal(await fails("upload:start", "../x"), "a file has at most 104857600 bytes");
    assert.equal(await fails("upload:chunk", Buffer.from("x")), "there is no upload");
    await socket.emitWithAck("upload:start", 2);
    assert.equal(await fails("upload:end"), "the upload is incomplete");
    await socket.emitWithAck("upload:start", 2);
    assert.equal(await fails("upload:chunk", Buffer.from("xyz")), "more bytes than announced");
    assert.equal(files(one).length, 2);

    await socket.emitWithAck("upload:start", 2);
    assert.equal(files(one).length, 3);
    socket.disconnect();
    await until(() => files(one).length === 2, "the file of the broken upload is gone");
    const last = await one.client();
    molest(last, "upload:start", "upload:chunk", "upload:end");
    assert.deepEqual(await last.emitWithAck("upload:end"), { error: "the upload is incomplete" });
  },
);

exampleTest(
  NAME,
  "uploads a file that is chosen in the page",
  async (_t, one, open) => {
    const page = await open();
    await page.goto(one.url);
    await page.setInputFiles("input", { name: "a.bin", mimeType: "image/png", buffer: bytes });
    await page.locator("#status", { hasText: "Saved a.bin as uploads/" }).waitFor();
    const [, name] = /uploads\/(\S+)/.exec(await page.textContent("#status"));
    assert.ok(readFileSync(path.join(one.folder, "uploads", name)).equals(bytes));
    assert.equal(await page.evaluate(() => document.querySelector("progress").value), 1);
    assert.deepEqual(page.complaints, []);
  },
  { browser: true },
);
