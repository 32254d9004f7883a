const user = new URLSearchParams(location.search).get("user") || "Ada";
const socket = window.io({ auth: { user } });
const status = document.querySelector("#status");

socket.on("connect", () => {
  status.textContent = `${user}, ${socket.recovered ? "recovered" : "connected"}`;
});
socket.on("disconnect", () => {
  status.textContent = `${user}, disconnected`;
});
socket.on("connect_error", (error) => {
  status.textContent = error.message;
});

socket.on("private message", ({ from, to, text }) => {
  const item = document.createElement("li");
  item.textContent = `${from} to ${to}: ${text}`;
  document.querySelector("#messages").append(item);
});

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { to, text } = event.target;
  socket.emit("private message", to.value, text.value);
  text.value = "";
});

// as a lost network does: the client reconnects by itself
document.querySelector("#cut").addEventListener("click", () => socket.io.engine.close());
