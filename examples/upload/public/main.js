import { upload } from "./upload.js";

const socket = window.io();
const progress = document.querySelector("progress");
const status = document.querySelector("#status");

document.querySelector("input").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  try {
    const name = await upload(socket, file, (share) => {
      progress.value = share;
    });
    status.textContent = `Saved ${file.name} as uploads/${name}`;
  } catch (error) {
    status.textContent = `Not saved: ${error.message}`;
  }
});
