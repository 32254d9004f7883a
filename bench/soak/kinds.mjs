// The kinds of clients of bench/soak.mjs. `KINDS` maps a name to its share in percent and to
// `run(place)`, which opens a client and resolves with `{ leave() }` once it is served.
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { io } from "socket.io-client";
import { connect as old } from "../../__test__/support/eio3.mjs";
import { frame } from "../../__test__/support/frames.mjs";
import { opening } from "../../__test__/support/tcp.mjs";
import { Account, fault, totals } from "./account.mjs";
import { RawPolling, RawWebSocket } from "./raw.mjs";
import { PATIENCE_MS } from "./traffic.mjs";

const between = (low, high) => low + Math.random() * (high - low);
const once = (line, event) => new Promise((resolve) => line.on(event, resolve));

/** Sends an event every two to six seconds, and now and then 20 at once. */
function talk(account, options) {
  let timer;
  const next = () => {
    timer = setTimeout(
      () => {
        if (account.begun && account.line.connected) {
          const count = Math.random() < 0.02 ? 20 : 1;
          for (let i = 0; i < count; i++) account.send(options);
        }
        next();
      },
      between(1000, 3000),
    );
  };
  next();
  return () => clearTimeout(timer);
}

/** A connection that nobody cuts: its end is a fault, and its account is compared when it leaves. */
async function living(line, name, options) {
  const account = new Account(line, name);
  let leaving = false;
  line.on("disconnect", (reason) => {
    if (!leaving) fault(`${name} has lost its connection: ${reason}`);
  });
  line.on("connect_error", (error) => fault(`${name} was refused: ${error.message}`));
  line.on("fault", (text) => fault(`${name}: ${text}`));
  if (!line.connected) await once(line, "connect");
  const silence = talk(account, options);
  return {
    async leave() {
      silence();
      leaving = true;
      if (line.connected) await account.close();
      else fault(`${name} is not connected`);
      line.disconnect();
    },
  };
}

const SETTINGS = { forceNew: true, reconnection: false, timeout: PATIENCE_MS };

function real({ port, name, room }, { nsp = "", ...options } = {}) {
  return io(`http://127.0.0.1:${port}${nsp}`, { ...SETTINGS, auth: { name, room }, ...options });
}

const ofTransports = (transports, options) => (place) =>
  living(real(place, { transports }), place.name, options);

/** A client of version 2, which opens on polling and upgrades, or begins on WebSocket. */
function ofVersion2({ port, name, room, index }) {
  const transports = index % 2 === 0 ? ["websocket"] : ["polling", "websocket"];
  const settings = { ...SETTINGS, transports, query: { name, room } };
  return living(old(`http://127.0.0.1:${port}`, settings), name);
}

/** One connection with three namespaces, which leave one after the other. */
async function inNamespaces({ port, name, room, index }) {
  const auth = { name, room };
  const first = io(`http://127.0.0.1:${port}`, { ...SETTINGS, transports: ["websocket"], auth });
  const lines = [
    first,
    ...["/news", `/child-${index % 10}`].map((n) => first.io.socket(n, { auth })),
  ];
  const all = await Promise.all(lines.map((line) => living(line.connect(), `${name} ${line.nsp}`)));
  return {
    async leave() {
      for (const one of all.reverse()) await one.leave();
    },
  };
}

/** Loses its connection every now and then, and goes on where it was. */
async function recovering(place) {
  const { name, index } = place;
  const transports = [["websocket"], ["polling", "websocket"], ["polling"]][index % 3];
  let account;
  const auth = (send) => send({ name, room: place.room, heardAt: account?.heardAt });
  const line = real(place, { transports, auth });
  account = new Account(line, name);
  let leaving = false;
  let cutting = false;
  line.on("connect", () => account.renew(line.recovered));
  line.on("connect_error", (error) => fault(`${name} was refused: ${error.message}`));
  line.on("disconnect", (reason) => {
    if (!cutting && !leaving) fault(`${name} has lost its connection: ${reason}`);
  });
  await once(line, "connect");
  const silence = talk(account);
  const round = (async () => {
    while (!leaving) {
      await pause(between(5000, 20_000));
      if (leaving || !line.connected || !account.begun) continue;
      cutting = true;
      line.io.engine.close();
      // a client that has something to send, or upgrades, closes later
      while (line.connected) await pause(50);
      await pause(between(500, 3000));
      const back = once(line, "connect");
      line.connect();
      await back;
      cutting = false;
    }
  })();
  return {
    async leave() {
      silence();
      leaving = true;
      await round;
      await account.close();
      line.disconnect();
    },
  };
}

/** Repeats `visit(isOver)` until it leaves. */
function repeatedly(visit) {
  let over = false;
  const round = (async () => {
    while (!over) {
      await visit(() => over);
      await pause(between(500, 2000));
    }
  })();
  return {
    leave() {
      over = true;
      return round;
    },
  };
}

/** Comes, stays for a while, and leaves with an account, on every transport in turn. */
function comingAndGoing(place) {
  let visits = 0;
  return repeatedly(async (isOver) => {
    const transports = [["websocket"], ["polling", "websocket"], ["polling"]][visits++ % 3];
    const nsp = visits % 2 ? "" : `/child-${place.index % 20}`;
    const one = await living(real(place, { transports, nsp }), `${place.name} visit ${visits}`);
    const end = Date.now() + between(2000, 15_000);
    while (!isOver() && Date.now() < end) await pause(200);
    await one.leave();
  });
}

/** Breaks with a reset: inside of the handshake, or after a while of traffic. */
function resetting(place) {
  let visits = 0;
  return repeatedly(async (isOver) => {
    visits++;
    if (Math.random() < 0.3) return resetHandshake(place);
    const line = new RawWebSocket(place.port, place).connect();
    const account = new Account(line, `${place.name} visit ${visits}`);
    line.on("disconnect", (why) => fault(`${place.name} has lost its connection: ${why}`));
    await once(line, "connect");
    const silence = talk(account);
    const end = Date.now() + between(500, 10_000);
    while (!isOver() && Date.now() < end) await pause(200);
    silence();
    if (account.begun) for (let i = 0; i < 5; i++) account.send();
    line.reset();
  });
}

async function resetHandshake({ port }) {
  const packets = ["40", '42["up",0,""]'].map((packet) => frame(1, packet));
  const bytes = Buffer.concat([Buffer.from(opening()), ...packets]);
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(bytes.subarray(0, between(0, bytes.length)));
  await pause(between(0, 100));
  socket.resetAndDestroy();
}

/** Reads nothing for up to 8 s while megabytes are sent to it. */
async function slow(place) {
  const line = new RawWebSocket(place.port, { ...place, nsp: "/slow" }).connect();
  const one = await living(line, place.name);
  let over = false;
  const round = (async () => {
    while (!over) {
      await pause(between(5000, 10_000));
      if (over || !line.connected) continue;
      line.emit("burst");
      line.socket.pause();
      for (let i = between(10, 80); i > 0 && !over; i--) await pause(100);
      line.socket.resume();
    }
  })();
  return {
    async leave() {
      over = true;
      await round;
      await one.leave();
    },
  };
}

const raw = (Line) => (place) => living(new Line(place.port, place).connect(), place.name);

/** Name: share in percent, and how a client is opened. */
export const KINDS = {
  websocket: [22, ofTransports(["websocket"])],
  "polling, then WebSocket": [14, ofTransports(["polling", "websocket"])],
  polling: [5, ofTransports(["polling"])],
  "version 2 (EIO=3)": [10, ofVersion2],
  binary: [8, ofTransports(["websocket"], { binary: true })],
  "three namespaces": [5, inNamespaces],
  "cut and recovered": [8, recovering],
  "comes and goes": [8, comingAndGoing],
  "raw, reset": [5, resetting],
  "raw, slow reader": [1, slow],
  "raw WebSocket": [9, raw(RawWebSocket)],
  "raw polling": [5, raw(RawPolling)],
};

export { totals };
