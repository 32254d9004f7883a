import { randomUUID } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import express from "express";
import { Server } from "socket.io-native";

const FOLDER = "uploads";
const MAX_SIZE = 100 * 1024 * 1024;

await mkdir(FOLDER, { recursive: true });

const app = express().use(express.static("public"));
const httpServer = createServer(app);
const io = new Server(httpServer);

io.on("connection", (socket) => {
  let upload;

  handle("upload:start", async (size) => {
    if (upload) throw new Error("an upload is under way");
    if (!Number.isSafeInteger(size) || size < 0 || size > MAX_SIZE) {
      throw new Error(`a file has at most ${MAX_SIZE} bytes`);
    }
    // a name of our own: that of the client could be a path
    const name = randomUUID();
    upload = { name, size, received: 0, file: open(path.join(FOLDER, name), "wx") };
    await upload.file;
    return { name };
  });

  // The client sends the next chunk when this one is written: that is its progress, and no more than
  // one chunk of each client is in memory.
  handle("upload:chunk", async (chunk) => {
    if (!upload || !Buffer.isBuffer(chunk)) throw new Error("there is no upload");
    upload.received += chunk.length;
    if (upload.received > upload.size) throw new Error("more bytes than announced");
    const { file, received } = upload;
    await (await file).write(chunk);
    return { received };
  });

  handle("upload:end", async () => {
    if (!upload || upload.received < upload.size) throw new Error("the upload is incomplete");
    const { name, file } = upload;
    upload = undefined;
    await (await file).close();
    return { name };
  });

  socket.on("disconnect", abort);

  /** Answers an event with what `fn` resolves with; an error ends the upload. */
  function handle(event, fn) {
    socket.on(event, async (...args) => {
      const answer = args.pop();
      if (typeof answer !== "function") return;
      try {
        answer(await fn(...args));
      } catch (error) {
        await abort();
        answer({ error: error.message });
      }
    });
  }

  async function abort() {
    if (!upload) return;
    const { name, file } = upload;
    upload = undefined;
    try {
      await (await file).close();
      await rm(path.join(FOLDER, name));
    } catch (error) {
      console.error(error);
    }
  }
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => io.close({ timeout: 1000 }));

httpServer.listen(process.env.PORT ?? 3000, () => {
  console.log(`Open http://localhost:${httpServer.address().port}`);
});
