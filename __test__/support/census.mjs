// Counts what a server and its process still hold: sessions, sockets, rooms, descriptors.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Everything a server knows about connected clients, in numbers. */
export function census(io) {
  const namespaces = {};
  for (const [name, nsp] of io._nsps) {
    namespaces[name] = {
      sockets: nsp.sockets.size,
      waiting: nsp._preConnectSockets?.size ?? 0,
      rooms: nsp.adapter.rooms.size,
      sids: nsp.adapter.sids.size,
    };
  }
  return {
    counted: io.engine.clientsCount,
    listed: Object.keys(io.engine.clients).length,
    namespaces,
  };
}

/** True when a census counts nobody anywhere. */
export function isEmpty({ counted, listed, namespaces }) {
  const numbers = Object.values(namespaces).flatMap((one) => Object.values(one));
  return [counted, listed, ...numbers].every((number) => number === 0);
}

/** The number of open socket descriptors of this process; null where /proc does not tell. */
export function openSockets() {
  let names;
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return null;
  }
  const isSocket = (name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:");
    } catch {
      return false; // closed since the directory was read
    }
  };
  return names.filter(isSocket).length;
}

/** The memory in use by another process, in bytes; 0 where /proc does not tell. */
export function memoryOf(pid) {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
}
