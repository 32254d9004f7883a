const socket = window.io();
const status = document.querySelector("#status");
const post = (path, body) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

socket.on("user", (user) => {
  status.textContent = `Logged in as ${user}`;
});
socket.on("count", (count) => {
  status.textContent = `Count: ${count}`;
});
socket.on("connect_error", (error) => {
  status.textContent = error.message;
});
socket.on("disconnect", () => {
  status.textContent = "Logged out";
});

document.querySelector("#login").addEventListener("submit", async (event) => {
  event.preventDefault();
  await post("/login", { user: event.target.user.value });
  // a new connection sends the new cookie
  socket.disconnect().connect();
});
document.querySelector("#logout").addEventListener("click", () => post("/logout", {}));
document.querySelector("#count").addEventListener("click", () => socket.emit("count"));
