// socket.io-msgpack-parser beside the package, as an application has them in its node_modules.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { application } from "../support/alias.mjs";
import { client, connected, eachWay } from "../support/clients.mjs";
import { once } from "../support/wait.mjs";
import { settled } from "../support/ways.mjs";

const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");

for (const form of ["port", "attached"]) {
  eachWay(`MessagePack both ways [${form}]`, async (t, options, way) => {
    const child = await application(t, "msgpack.cjs", [form]);
    const { port } = await child.message("listening");
    const two = [0, 1].map(() => client(t, port, { ...options, parser }));
    for (const one of two) {
      await connected(one);
      await settled(one, way);
    }
    const args = [
      "zwölf €😀",
      2 ** 40,
      null,
      { deep: [Buffer.from([0, 255])] },
      Buffer.alloc(70_000),
    ];
    for (const one of two) {
      assert.deepEqual(
        await new Promise((resolve) => one.emit("echo", ...args, (...back) => resolve(back))),
        args,
      );
      const told = two.map((each) => once(each, "told"));
      one.emit("tell", ...args);
      for (const each of told) assert.deepEqual(await each, args);
    }
  });
}
