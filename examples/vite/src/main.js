import { io } from "socket.io-client";
import { label } from "./label.js";

const socket = io();
socket.on("votes", (votes) => {
  document.querySelector("#votes").textContent = label(votes);
});
document.querySelector("#vote").addEventListener("click", () => socket.emit("vote"));
