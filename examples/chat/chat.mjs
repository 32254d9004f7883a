// The chat's rules: who is in which room, what they may say, and who hears it.
//
//   client → server, each answered by `{ error }` or the named fields
//     enter  { name, room }  → { name, room, history }      also moves to another room
//     say    text            → {}
//   client → server, not answered
//     typing true | false
//   server → client
//     message { id, from, name, text, at }      people [{ id, name, transport }]
//     notice  text                              rooms  [{ name, people }]
//     typing  { id, name, on }

const ROOMS = ["lobby", "random", "help"];
const NAME = 24;
const ROOM = 24;
const TEXT = 2000;
const KEPT = 50;
const MOST_ROOMS = 100;

/** Opens the chat on a server's main namespace. */
export function openChat(io) {
  /** Room name → its last messages. */
  const history = new Map(ROOMS.map((name) => [name, []]));
  let lastId = 0;

  const members = (room) => [...io.of("/").sockets.values()].filter((s) => s.data.room === room);

  function tellPeople(room) {
    const people = members(room).map((socket) => ({
      id: socket.id,
      name: socket.data.name,
      transport: socket.conn.transport.name,
    }));
    io.to(room).emit("people", people);
  }

  function tellRooms() {
    io.emit(
      "rooms",
      [...history.keys()].map((name) => ({ name, people: members(name).length })),
    );
  }

  function leave(socket) {
    const { name, room } = socket.data;
    if (room === undefined) return;
    socket.data.room = undefined;
    socket.leave(room);
    io.to(room).emit("notice", `${name} left`);
    tellPeople(room);
    // rooms made by people live as long as someone is in them
    if (!ROOMS.includes(room) && members(room).length === 0) history.delete(room);
  }

  function enter(socket, wish) {
    const name = clean(wish?.name, NAME);
    const room = clean(wish?.room, ROOM)?.toLowerCase();
    if (!name) return { error: `A name needs 1 to ${NAME} characters.` };
    if (!room) return { error: `A room's name needs 1 to ${ROOM} characters.` };
    if (!history.has(room) && history.size >= MOST_ROOMS)
      return { error: "There are enough rooms." };
    leave(socket);
    if (!history.has(room)) history.set(room, []);
    socket.data.name = name;
    socket.data.room = room;
    socket.to(room).emit("notice", `${name} joined`);
    socket.join(room);
    tellPeople(room);
    tellRooms();
    return { name, room, history: history.get(room) };
  }

  function say(socket, words) {
    const { name, room } = socket.data;
    const text = clean(words, TEXT);
    if (room === undefined) return { error: "Enter a room first." };
    if (!text) return { error: `A message needs 1 to ${TEXT} characters.` };
    const message = { id: ++lastId, from: socket.id, name, text, at: Date.now() };
    const said = history.get(room);
    said.push(message);
    if (said.length > KEPT) said.shift();
    io.to(room).emit("message", message);
    return {};
  }

  io.on("connection", (socket) => {
    // whoever sends no callback gets no answer
    const answering = (rule) => (wish, answer) => {
      const result = rule(socket, wish);
      if (typeof answer === "function") answer(result);
    };
    socket.on("enter", answering(enter));
    socket.on("say", answering(say));
    socket.on("typing", (on) => {
      const { name, room } = socket.data;
      if (room) socket.to(room).volatile.emit("typing", { id: socket.id, name, on: on === true });
    });
    socket.on("disconnect", () => {
      leave(socket);
      tellRooms();
    });
    socket.conn.once("upgrade", () => {
      if (socket.data.room) tellPeople(socket.data.room);
    });
    tellRooms();
  });
}

/** Text without blanks around it; `undefined` if it is none, empty or longer than `most`. */
function clean(value, most) {
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return text.length > 0 && text.length <= most ? text : undefined;
}
