// The page: it asks for data once a second while it is visible. Values of clients become text nodes.
import { addChart } from "./charts.mjs";

const PERIOD = 1000;
const KEPT = 120;
const PAGE = 50;

const $ = (id) => document.getElementById(id);

// --- values as text ---------------------------------------------------------------------------------

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const count = (n) => grouped.format(n);
const perSecond = (n) => `${grouped.format(n)}/s`;
const ms = (n) => `${grouped.format(n)} ms`;

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${grouped.format(n)} ${units[unit]}`;
}

function duration(seconds) {
  const parts = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
  ];
  for (const [size, unit] of parts) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(Math.round(seconds), 0)} s`;
}

/** `maxHttpBufferSize` as "max http buffer size". */
const words = (name) => name.replace(/[A-Z]+/g, (letter) => ` ${letter.toLowerCase()}`);

// --- elements -----------------------------------------------------------------------------------------

function element(name, content = "", className = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

/** Remembers what an element shows; true if it shows that already: focus and selection stay then. */
const shown = new WeakMap();
function shows(element, value) {
  const text = JSON.stringify(value, (_, one) => one?.textContent ?? one);
  if (shown.get(element) === text) return true;
  shown.set(element, text);
  return false;
}

function say(id, text) {
  if (!shows($(id), text)) $(id).textContent = text;
}

/** Shows pairs of names and values in a list. */
function pairs(list, all, none = "none") {
  if (shows(list, all)) return;
  const rows = all.length > 0 ? all : [[none, ""]];
  list.replaceChildren(
    ...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
}

const link = (text, onclick) => {
  const button = element("button", text, "link");
  button.type = "button";
  button.addEventListener("click", onclick);
  return button;
};

/** Shows rows in a table. */
function rows(body, all, columns, none) {
  if (shows(body, all)) return;
  const made = all.map((row) => element("tr", columns(row)));
  if (made.length === 0) {
    const cell = element("td", none);
    cell.colSpan = 6;
    made.push(element("tr", cell));
  }
  body.replaceChildren(...made);
}

const cell = (content) => element("td", content);
const number = (content) => element("td", content, "number");

// --- numbers ------------------------------------------------------------------------------------------

const draw = [
  [
    "Messages a second",
    [
      ["in", "messagesIn"],
      ["out", "messagesOut"],
    ],
    count,
  ],
  [
    "Bytes a second",
    [
      ["in", "bytesIn"],
      ["out", "bytesOut"],
    ],
    bytes,
  ],
  [
    "Event-loop lag",
    [
      ["mean", "loopMean"],
      ["longest", "loopMax"],
    ],
    ms,
  ],
  ["Dispatch lag", [["mean", "dispatch"]], ms],
  ["Sessions", [["open", "sessions"]], count],
  [
    "Bytes that wait",
    [
      ["in", "queuedIn"],
      ["out", "queuedOut"],
    ],
    bytes,
  ],
].map(([title, lines, show]) => addChart($("charts"), title, lines, show));

function tile([name, value, more = "", isBad = false]) {
  const made = element("div", [
    element("dt", name),
    element("dd", [value, element("small", more)]),
  ]);
  if (isBad) made.className = "bad";
  return made;
}

function showTiles({ sessions, engine, process, counted }, sample) {
  const all = [
    ["Sessions", count(sessions), counted ? `${count(counted.sockets)} sockets in namespaces` : ""],
  ];
  if (engine) {
    const { queues, dispatchLag, memory, panics } = engine;
    all.push(
      ["Messages in", perSecond(sample.messagesIn ?? 0), `${bytes(sample.bytesIn ?? 0)}/s`],
      ["Messages out", perSecond(sample.messagesOut ?? 0), `${bytes(sample.bytesOut ?? 0)}/s`],
      [
        "Waits for JavaScript",
        bytes(queues.inbound.bytes),
        `deepest client: ${bytes(queues.inbound.deepestCost)} of cost`,
      ],
      [
        "Waits for clients",
        bytes(queues.outbound.bytes),
        `deepest client: ${bytes(queues.outbound.deepestBytes)}`,
      ],
      [
        "Dispatch lag",
        ms(sample.dispatch ?? 0),
        dispatchLag.p99 === null ? "99 % unbounded" : `99 % below ${ms(dispatchLag.p99 * 1000)}`,
        (sample.dispatch ?? 0) > 100,
      ],
      ["Memory of the engine", bytes(memory.buffers + memory.inbound + memory.outbound)],
      ["Panics", count(panics), `I/O threads: ${count(engine.ioThreads)}`, panics > 0],
    );
  }
  all.push(
    ["Event-loop lag", ms(sample.loopMean), `longest: ${ms(sample.loopMax)}`, sample.loopMax > 100],
    ["Memory of the process", bytes(process.rss), `heap: ${bytes(process.heapUsed)}`],
  );
  $("tiles").replaceChildren(...all.map(tile));
}

function showEngine(engine) {
  $("foreign").hidden = engine !== null;
  const names = engine ? Object.keys(engine.sessions) : [];
  const transports = names.map((name) => [
    name,
    engine.sessions[name].native,
    engine.sessions[name].javascript,
    engine.opened[name],
    engine.upgraded[name],
  ]);
  rows(
    $("transports"),
    transports,
    ([name, ...counts]) => [cell(name), ...counts.map((n) => number(count(n)))],
    "not counted",
  );
  for (const id of ["refused", "bounds", "ended"]) {
    const all = engine ? engine[id].map(([name, n]) => [words(name), count(n)]) : [];
    pairs($(id), all, engine ? "none" : "not counted");
  }
}

function showCounted(counted) {
  if (counted === null) return;
  const { namespaces, rooms: all } = counted;
  const of = (top, total) => (top.length < total ? `largest ${top.length} of ${count(total)}` : "");
  $("namespaces-total").textContent = of(namespaces.top, namespaces.total);
  $("rooms-total").textContent = of(all.top, all.total);
  rows(
    $("namespaces"),
    namespaces.top,
    ({ name, sockets, rooms }) => [
      cell(link(name, () => filterBy({ nsp: name }))),
      number(count(sockets)),
      number(count(rooms)),
    ],
    "none",
  );
  rows(
    $("rooms"),
    all.top,
    ({ nsp, name, sockets }) => [
      cell(link(name === "" ? "(empty name)" : name, () => filterBy({ nsp, room: name }))),
      cell(nsp),
      number(count(sockets)),
    ],
    "none",
  );
}

// --- asking -------------------------------------------------------------------------------------------

const status = (text, state = "") => {
  say("status", text);
  $("status").dataset.state = state;
};

async function ask(path, parameters = {}, options = {}) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`, {
    credentials: "same-origin",
    ...options,
  });
  if (response.status === 404 && path !== "data") return null;
  if (response.ok) return response.json();
  throw new Error(
    response.status === 403 ? "No access: sign in again" : `The server answers ${response.status}`,
  );
}

let samples = [];
let newest = 0;
let pid;

async function refresh() {
  const data = await ask("data", { since: newest });
  const { process, engine } = data;
  // A process of its own has numbers of its own.
  if (process.pid !== pid || data.samples.some(({ n }) => n <= newest)) samples = [];
  pid = process.pid;
  samples = [...samples, ...data.samples].slice(-KEPT);
  newest = samples.at(-1)?.n ?? 0;
  $("process").textContent =
    `process ${process.pid}, Node ${process.node}, socket.io-native ${process.version}, up ${duration(process.uptime)}`;
  const last = samples.at(-1);
  if (last) showTiles(data, last);
  for (const one of draw) one(samples);
  showEngine(engine);
  showCounted(data.counted);
}

// --- connections --------------------------------------------------------------------------------------

let offset = 0;
let listed = "";

function filterBy(values) {
  const form = $("filter");
  form.reset();
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  offset = 0;
  $("connections-title").scrollIntoView({ block: "nearest" });
  run(showList);
}

async function showList() {
  const query = Object.fromEntries(new FormData($("filter")));
  const asked = JSON.stringify([query, offset]);
  listed = asked;
  const list = await ask("connections", { ...query, offset });
  // Another question was put meanwhile.
  if (asked !== listed) return;
  const { matched, total, every } = list;
  if (list.rows.length === 0 && offset > 0) {
    offset = Math.max(Math.ceil(matched / PAGE) - 1, 0) * PAGE;
    return showList();
  }
  const now = Date.now();
  const all = list.rows.map(({ since, ...row }) => ({
    ...row,
    age: duration((now - since) / 1000),
  }));
  rows(
    $("connections"),
    all,
    ({ id, nsp, transport, address, age, rooms }) => [
      cell(link(id, () => openDetail(nsp, id))),
      cell(nsp),
      cell(transport),
      cell(address),
      number(age),
      number(count(rooms)),
    ],
    "no connection",
  );
  $("list-total").textContent = count(total);
  $("sampled").hidden = every === 1;
  $("sampled").textContent =
    `A sample: one of ${every} sockets is looked at. A whole id is always found.`;
  const end = list.offset + all.length;
  const range = `${count(list.offset + 1)}–${count(end)} of ${count(matched)}`;
  say("range", all.length === 0 ? "" : range);
  $("previous").disabled = list.offset === 0;
  $("next").disabled = end >= matched;
}

$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  offset = 0;
  run(showList);
});
$("filter").addEventListener("reset", () => {
  offset = 0;
  // The fields are empty after the event.
  setTimeout(() => run(showList));
});
$("previous").addEventListener("click", () => {
  offset = Math.max(offset - PAGE, 0);
  run(showList);
});
$("next").addEventListener("click", () => {
  offset += PAGE;
  run(showList);
});

// --- one connection -----------------------------------------------------------------------------------

let open = null;
let asksAgain = false;

function openDetail(nsp, id) {
  open = { nsp, id };
  confirming(false);
  $("detail-title").textContent = `Connection ${id}`;
  say("detail-note", "");
  for (const one of ["facts", "headers"]) pairs($(one), [], "Loading…");
  $("disconnect").disabled = false;
  $("detail").showModal();
  run(showDetail);
}

function confirming(on) {
  asksAgain = on;
  $("disconnect").textContent = on ? "Really disconnect this client?" : "Disconnect";
}

async function showDetail() {
  if (open === null) return;
  const asked = open;
  const one = await ask("connection", asked);
  if (open !== asked) return;
  if (one === null) {
    say("detail-note", "It is not connected any more.");
    $("disconnect").disabled = true;
    return;
  }
  pairs($("facts"), factsOf(one));
  const hidden = () => element("span", "hidden", "hidden-value");
  pairs(
    $("headers"),
    one.headers.map(([name, value]) => [name, value ?? hidden()]),
  );
}

function factsOf(one) {
  const { heartbeat, namespaces, rooms } = one;
  const upgrade = one.upgraded ? ", upgraded from polling" : one.upgrading ? ", upgrading" : "";
  const more = ({ total, list }) =>
    total > list.length ? `, and ${total - list.length} more` : "";
  const beat = [
    heartbeat.interval !== null &&
      `every ${count(heartbeat.interval / 1000)} s, answer within ${count(heartbeat.timeout / 1000)} s`,
    heartbeat.pingIn !== null && `next in ${duration(heartbeat.pingIn / 1000)}`,
    heartbeat.answerBy !== null && `answer awaited for ${duration(heartbeat.answerBy / 1000)} more`,
  ];
  return [
    ["State", one.state],
    ["Transport", `${one.transport}${upgrade}`],
    ["Protocol", one.protocol === null ? "unknown" : `Engine.IO ${one.protocol}`],
    ["Address", `${one.address}${one.secure ? ", over TLS" : ""}`],
    ["Connected", `${new Date(one.since).toLocaleString()}${one.recovered ? ", recovered" : ""}`],
    ["Bytes in", one.bytes ? bytes(one.bytes.read) : "not counted on this transport"],
    ["Bytes out", one.bytes ? bytes(one.bytes.written) : "not counted on this transport"],
    ["Bytes that wait", one.waiting === null ? "unknown" : bytes(one.waiting)],
    ["Heartbeat", beat.filter(Boolean).join("; ")],
    [
      "Namespaces",
      namespaces.list.map(({ nsp, id }) => `${nsp} (${id})`).join(", ") + more(namespaces),
    ],
    ["Rooms", rooms.list.join(", ") + more(rooms)],
    ["Requested", `${one.path} ${one.query.join(" ")}`],
  ];
}

$("disconnect").addEventListener("click", async () => {
  if (!asksAgain) return confirming(true);
  confirming(false);
  const options = { method: "POST", headers: { "x-socketio-inspect": "1" } };
  if (!(await run(() => ask("disconnect", open, options)))) {
    return say("detail-note", "The server refuses to disconnect it.");
  }
  await run(showDetail);
  await run(showList);
});
$("close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("close", () => {
  open = null;
});

// --- the clock ----------------------------------------------------------------------------------------

/** Runs a step; a failure is told, and the next second tries again. */
async function run(step) {
  try {
    await step();
    status("Live", "live");
    return true;
  } catch (error) {
    const lost = error instanceof TypeError;
    status(lost ? "The server does not answer; trying again" : error.message, "lost");
    return false;
  }
}

let timer;
async function turn() {
  clearTimeout(timer);
  if (document.hidden) return status("Paused while the page is hidden");
  if (await run(refresh)) {
    await run(showDetail);
    if (!$("connections").matches(":focus-within")) await run(showList);
  }
  clearTimeout(timer);
  timer = setTimeout(turn, PERIOD);
}

document.addEventListener("visibilitychange", turn);
turn();
