// The page: connects, enters a room, shows what comes and sends what is typed.
import { addSample, setPast } from "./panel.js";

const TRANSPORTS = {
  auto: ["polling", "websocket"],
  websocket: ["websocket"],
  polling: ["polling"],
};
const QUIET = 2500;

const byId = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

let name = query.get("name") ?? localStorage.getItem("name") ?? "";
let room = query.get("room") ?? "lobby";
let transport = Object.hasOwn(TRANSPORTS, query.get("transport")) ? query.get("transport") : "auto";

// `io` comes from /socket.io/socket.io.js, which the server hands out
const socket = window.io({ autoConnect: false, transports: TRANSPORTS[transport] });

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// --- connection -----------------------------------------------------------------------------

function showStatus(text, bad = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("bad", bad);
}

function showTransport() {
  const used = socket.connected ? socket.io.engine.transport.name : "none";
  byId("current").textContent = used;
  byId("current").dataset.transport = used;
}

function enter(wish = room) {
  socket.emit("enter", { name, room: wish }, (answer) => {
    if (answer.error) return showStatus(answer.error, true);
    name = answer.name;
    room = answer.room;
    remember();
    byId("room").textContent = `# ${room}`;
    document.title = `#${room} · Chat`;
    byId("messages").replaceChildren();
    typing.clear();
    showTyping();
    showRooms();
    for (const message of answer.history) showMessage(message);
    showStatus(`You are ${name}`);
    byId("say").text.focus();
  });
}

function remember() {
  localStorage.setItem("name", name);
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  url.searchParams.set("transport", transport);
  history.replaceState(null, "", url);
}

socket.on("connect", () => {
  showTransport();
  socket.io.engine.once("upgrade", showTransport);
  enter();
});
socket.on("disconnect", (reason) => {
  showTransport();
  if (reason !== "io client disconnect") showStatus("Connection lost, trying again…", true);
});
socket.on("connect_error", () => showStatus("The server does not answer, trying again…", true));

byId("transport").elements[transport === "auto" ? 0 : transport === "websocket" ? 1 : 2].checked =
  true;
byId("transport").addEventListener("change", (event) => {
  transport = event.target.value;
  socket.disconnect();
  socket.io.opts.transports = TRANSPORTS[transport];
  socket.connect();
});

// --- messages -------------------------------------------------------------------------------

const hue = (text) => [...text].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);

function face(person) {
  const node = element("span", "face", [...person][0].toUpperCase());
  node.style.setProperty("--hue", hue(person));
  return node;
}

function append(node) {
  const list = byId("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.append(node);
  // whoever reads further up is left in peace
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function showMessage(message) {
  // the id changes with every connection, the name stays
  const own = message.name === name;
  const before = byId("messages").lastElementChild;
  const item = element("li", own ? "message own" : "message");
  item.dataset.name = message.name;
  if (before?.dataset.name === message.name) item.classList.add("more");
  const bubble = element("div", "bubble");
  const time = element("time", "", new Date(message.at).toTimeString().slice(0, 5));
  time.dateTime = new Date(message.at).toISOString();
  const head = element("p", "head");
  head.append(element("b", "", message.name), time);
  bubble.append(head, element("p", "text", message.text));
  item.append(face(message.name), bubble);
  append(item);
}

socket.on("message", (message) => {
  typing.delete(message.from);
  showTyping();
  showMessage(message);
});
socket.on("notice", (text) => append(element("li", "notice", text)));

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("say").text;
  const text = field.value.trim();
  if (text === "" || !socket.connected) return;
  socket.emit("say", text, (answer) => answer.error && showStatus(answer.error, true));
  field.value = "";
  tellTyping(false);
});

// --- who is typing --------------------------------------------------------------------------

const typing = new Map();
let typingTimer;
let told = false;

function tellTyping(on) {
  clearTimeout(typingTimer);
  if (on) typingTimer = setTimeout(tellTyping, QUIET, false);
  if (on === told) return;
  told = on;
  socket.volatile.emit("typing", on);
}

function showTyping() {
  const names = [...typing.values()];
  const text =
    names.length > 2
      ? "Several people are"
      : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"}`;
  byId("typing").textContent = names.length > 0 ? `${text} typing…` : "";
}

byId("say").text.addEventListener("input", (event) => tellTyping(event.target.value !== ""));
socket.on("typing", (who) => {
  if (who.on) typing.set(who.id, who.name);
  else typing.delete(who.id);
  showTyping();
});

// --- rooms and people -----------------------------------------------------------------------

let rooms = [];

function showRooms() {
  byId("rooms").replaceChildren(
    ...rooms.map((one) => {
      const item = element("li");
      const button = element("button", one.name === room ? "here" : "", `# ${one.name}`);
      button.append(element("span", "count", one.people || ""));
      button.addEventListener("click", () => one.name !== room && enter(one.name));
      item.append(button);
      return item;
    }),
  );
}

socket.on("rooms", (list) => {
  rooms = list;
  showRooms();
});

socket.on("people", (people) => {
  byId("people-count").textContent = people.length;
  byId("people").replaceChildren(
    ...people.map((person) => {
      const item = element("li");
      const label = element("span", "", person.name);
      if (person.id === socket.id) label.append(element("small", "", " you"));
      const badge = element("span", `badge ${person.transport}`, person.transport);
      item.append(face(person.name), label, badge);
      return item;
    }),
  );
  const here = new Set(people.map((person) => person.id));
  for (const id of typing.keys()) if (!here.has(id)) typing.delete(id);
  showTyping();
});

byId("new-room").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("new-room").room;
  if (field.value.trim() !== "") enter(field.value);
  field.value = "";
});

// --- the panel, and off we go ---------------------------------------------------------------

socket.on("panel:past", setPast);
socket.on("panel", addSample);

if (name === "") {
  const welcome = byId("welcome");
  // a chat needs a name: Escape does not close it
  welcome.addEventListener("cancel", (event) => event.preventDefault());
  welcome.addEventListener("close", () => {
    name = welcome.querySelector("input").value.trim() || "Guest";
    socket.connect();
  });
  welcome.showModal();
} else {
  socket.connect();
}
