// less than the server's `maxHttpBufferSize`, which is 1 MB
const CHUNK = 256 * 1024;

async function ask(socket, ...event) {
  const answer = await socket.emitWithAck(...event);
  if (answer.error) throw new Error(answer.error);
  return answer;
}

/**
 * Sends a `File` or `Blob`; `onProgress` gets the share that the server has written, 0 to 1. Resolves
 * with the name that the server gives it.
 */
export async function upload(socket, file, onProgress = () => {}) {
  await ask(socket, "upload:start", file.size);
  for (let from = 0; from < file.size; from += CHUNK) {
    const chunk = await file.slice(from, from + CHUNK).arrayBuffer();
    const { received } = await ask(socket, "upload:chunk", chunk);
    onProgress(received / file.size);
  }
  const { name } = await ask(socket, "upload:end");
  return name;
}
