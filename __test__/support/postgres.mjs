// A real PostgreSQL for tests: database and user `postgres`, no password, nothing kept.
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { part } from "./part.mjs";

const runs = (file) => spawnSync(file, ["--version"]).status === 0;

/** The folder of PostgreSQL's programs, "" if they are in PATH, undefined if there are none. */
function programs() {
  if (runs("initdb") && runs("postgres")) return "";
  const debian = "/usr/lib/postgresql"; // one folder per version, none of them in PATH
  if (!existsSync(debian)) return undefined;
  const folders = readdirSync(debian).map((version) => path.join(debian, version, "bin"));
  return folders.find((folder) => runs(path.join(folder, "initdb")));
}

const folder = programs();
const missing =
  folder === undefined
    ? "missing: PostgreSQL (no initdb and postgres; apt-get install postgresql)"
    : false;

/** It refuses to run as root: then it belongs to somebody who may nothing. */
function ownerBesidesRoot() {
  if (process.getuid?.() !== 0) return {};
  const number = (option, user) => Number(execFileSync("id", [option, user], { stdio: "pipe" }));
  const user = spawnSync("id", ["postgres"]).status === 0 ? "postgres" : "nobody";
  return { uid: number("-u", user), gid: number("-g", user) };
}

const postgres = part(missing, (port, home) => {
  const owner = ownerBesidesRoot();
  if (owner.uid !== undefined) chownSync(home, owner.uid, owner.gid);
  const data = path.join(home, "data");
  execFileSync(
    path.join(folder, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { cwd: home, stdio: "pipe", ...owner },
  );
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off" };
  const given = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return {
    command: path.join(folder, "postgres"),
    args: ["-D", data, "-p", `${port}`, ...given],
    ready: "database system is ready to accept connections",
    taken: "could not create any TCP/IP sockets",
    owner,
  };
});

/** A test that needs PostgreSQL: `fn(t, port)` gets the port of a server on 127.0.0.1. */
export const postgresTest = postgres.test;

/** The same for a promise that goes beyond upstream. */
export const postgresBeyond = postgres.beyond;
