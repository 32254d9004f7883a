// examples/nestjs: a gateway over the alias.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { exampleTest, heard, molest } from "./support.mjs";

// Nest closes the application at the signal, then sends it to itself again.
const end = [null, "SIGTERM"];

exampleTest(
  "nestjs",
  "answers, refuses and delivers as its client shows",
  async (_t, one) => {
    const found = path.join(one.folder, "node_modules/socket.io/package.json");
    assert.equal(JSON.parse(readFileSync(found, "utf8")).name, "socket.io-native");

    const ada = await one.client({ nsp: "/chat" });
    assert.deepEqual(await heard(ada, "welcome"), [ada.id]);
    assert.deepEqual(await ada.emitWithAck("join", "lobby"), { joined: "lobby" });
    const said = await one.run("client", [one.url]);
    assert.match(said, /refused: You are not in lobby/);
    assert.match(said, /{ joined: 'lobby' }/);
    assert.match(said, /{ delivered: true }/);
    const [id] = await heard(ada, "joined");
    assert.match(said, new RegExp(`connected as ${id}`));
    assert.deepEqual(await heard(ada, "message"), [{ from: id, text: "hello" }]);
    molest(ada, "join", "message");
    assert.deepEqual(await ada.emitWithAck("join", "last"), { joined: "last" });
  },
  { end },
);
