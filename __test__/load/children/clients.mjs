// A crowd of real clients that chat in rooms and check every message they get.
// Arguments as JSON: { port, first, count, rooms, seconds, perSecond }; the clients are numbered
// from `first`, and their number decides transport, namespace, room and way of leaving.
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { realClient } from "../../support/arena.mjs";
import { letGo, obey, tell } from "../../support/parent.mjs";
import { within } from "../../support/wait.mjs";
import { IDLE_MS } from "./idle.mjs";

const { port, first, count, rooms, seconds, perSecond } = JSON.parse(process.argv[2]);
const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];
const LONG = 120_000;

// Without a pool every poll would be a TCP connection, and the machine would run out of ports. Idle
// connections are closed here, long before the server closes them: a request that meets the server's
// end is never sent again by the client.
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, timeout: IDLE_MS / 4 });
const faults = [];
const fault = (text) => faults.length < 20 && faults.push(text);
let delivered = 0;

class Member {
  heard = new Map(); // sender -> number of its messages so far
  said = 0;
  leaving = false;

  constructor(id) {
    this.id = id;
    // Neighbours in number differ in transport, and so do the members of each room.
    this.room = `room ${id % rooms}`;
    this.nsp = id % rooms < rooms / 2 ? "/" : "/chat";
  }

  async enter() {
    const transports = TRANSPORTS[this.id % 3];
    this.socket = await realClient(port, { nsp: this.nsp, transports, agent, timeout: LONG });
    this.socket.on("said", (room, from, n) => this.hear(room, from, n));
    this.socket.on("disconnect", (reason) => {
      if (!this.leaving) fault(`client ${this.id} lost its connection: ${reason}`);
    });
    const joined = new Promise((resolve) => this.socket.emit("join", this.room, resolve));
    await within(joined, `client ${this.id} joins`, LONG);
  }

  hear(room, from, n) {
    delivered++;
    const expected = (this.heard.get(from) ?? 0) + 1;
    if (room !== this.room) fault(`client ${this.id} of ${this.room} got a message of ${room}`);
    if (n !== expected) fault(`client ${this.id} got ${n} of ${from} instead of ${expected}`);
    this.heard.set(from, n);
  }

  say() {
    this.socket.emit("say", this.room, this.id, ++this.said);
  }

  leave() {
    this.leaving = true;
    const gone = new Promise((resolve) => this.socket.once("disconnect", resolve));
    const way = (this.id >> 2) % 3;
    if (way === 0) this.socket.disconnect();
    else if (way === 1) this.socket.io.engine.close();
    else this.socket.emit("throw me out");
    return within(gone, `client ${this.id} leaves`, LONG);
  }
}

const members = Array.from({ length: count }, (_, i) => new Member(first + i));
for (let i = 0; i < count; i += 10) {
  await Promise.all(members.slice(i, i + 10).map((member) => member.enter()));
}
const upgraded = () =>
  members.filter((member) => member.socket.io.engine.transport.name === "websocket").length;

obey({
  /** Everybody speaks `perSecond` times a second, spread over the second. */
  async chat() {
    const talk = async (member, i) => {
      await pause((i / count) * (1000 / perSecond));
      for (let n = 0; n < seconds * perSecond; n++) {
        member.say();
        await pause(1000 / perSecond);
      }
    };
    await Promise.all(members.map(talk));
    tell("silent", { upgraded: upgraded() });
  },
  /** Waits for the last of `expected` messages each, `messages` of every sender, and reports. */
  async check({ roomSize, messages }) {
    const expected = count * roomSize * messages;
    const end = Date.now() + LONG;
    while (delivered < expected && Date.now() < end) await pause(20);
    for (const member of members) {
      if (member.heard.size !== roomSize)
        fault(`client ${member.id} heard ${member.heard.size} of ${roomSize} senders`);
      for (const [from, n] of member.heard)
        if (n !== messages) fault(`client ${member.id} got ${n} of ${messages} of ${from}`);
    }
    tell("checked", { faults, delivered, expected });
  },
  async leave() {
    await Promise.all(members.map((member) => member.leave()));
    tell("left");
    letGo();
  },
});
tell("entered", { upgraded: upgraded() });
