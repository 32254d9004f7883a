// The configurations of docs/deployment.md with the real proxies: clients connect through each.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import { io } from "socket.io-client";
import { blocks, ROOT, readPage } from "../support/documents.mjs";
import { accepts } from "../support/follow.mjs";
import { freePort } from "../support/free-port.mjs";
import { isJavaScript, isOracle } from "../support/subject.mjs";
import { defer, HANG, until, within } from "../support/wait.mjs";

const PAGE = blocks(readPage("docs/deployment.md"));
const block = (name) => PAGE.find(({ mark }) => mark === name).code;

/** The text with something else in the place of each key; each has to occur. */
function replaced(text, changes) {
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), `${from} is in the page`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** `{ program, version, files, args }` of each proxy, for the ports and certificate of a test. */
const PROXIES = {
  nginx: {
    version: "-v",
    files: ({ folder, port, ports, cert, key }) => ({
      "nginx.conf": `daemon off; pid ${folder}/pid; error_log stderr; events {}
        http { access_log off; include ${folder}/chat.conf; }`,
      "chat.conf": replaced(block("chat.conf"), {
        "listen 443": `listen 127.0.0.1:${port}`,
        ":3000": `:${ports[0]}`,
        ":3001": `:${ports[1]}`,
        "/etc/ssl/chat/fullchain.pem": cert,
        "/etc/ssl/chat/privkey.pem": key,
      }),
    }),
    args: (folder) => ["-p", folder, "-e", "stderr", "-c", `${folder}/nginx.conf`],
  },
  haproxy: {
    version: "-v",
    files: ({ port, ports, both }) => ({
      "haproxy.cfg": replaced(block("haproxy.cfg"), {
        "maxconn 100000": "maxconn 500",
        // A busy machine may be late for a check.
        "inter 2s": "inter 60s",
        "bind :443": `bind 127.0.0.1:${port}`,
        ":3000": `:${ports[0]}`,
        ":3001": `:${ports[1]}`,
        "/etc/ssl/chat/both.pem": both,
      }),
    }),
    args: (folder) => ["-db", "-f", `${folder}/haproxy.cfg`],
  },
  caddy: {
    version: "version",
    // It gets no certificate of its own here: there is no public name.
    files: ({ folder, port, ports, cert, key }) => ({
      Caddyfile: `{
        admin off
        grace_period 1s
        auto_https disable_redirects
        skip_install_trust
        storage file_system ${folder}/storage
      }
      ${replaced(block("Caddyfile"), {
        "chat.example.com {": `https://127.0.0.1:${port} {\n tls ${cert} ${key}`,
        ":3000": `:${ports[0]}`,
        ":3001": `:${ports[1]}`,
      })}`,
    }),
    args: (folder) => ["run", "--config", `${folder}/Caddyfile`, "--adapter", "caddyfile"],
  },
};

let folder;
let certificate;
before((t) => {
  folder = mkdtempSync(path.join(tmpdir(), "proxies-"));
  t.after?.(() => rmSync(folder, { recursive: true, force: true }));
  const [key, cert, both] = ["key.pem", "cert.pem", "both.pem"].map((one) =>
    path.join(folder, one),
  );
  const { status, stderr, error } = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "2", "-subj", "/CN=chat", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", key, "-out", cert],
  ]);
  assert.equal(status, 0, `openssl: ${error ?? stderr}`);
  writeFileSync(both, readFileSync(cert, "utf8") + readFileSync(key, "utf8"));
  certificate = { key, cert, both };
});

/** Starts a program that ends with the test, and waits for its port. */
async function start(t, program, args, port, env = {}) {
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, ...env },
  });
  let log = "";
  child.stdout.on("data", (text) => (log += text));
  child.stderr.on("data", (text) => (log += text));
  const ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  defer(t, async () => {
    child.kill(program === process.execPath ? "SIGKILL" : "SIGTERM");
    await within(ended, `${program} to end: ${log}`);
  });
  let over = false;
  ended.then(() => (over = true));
  await until(() => over || accepts(port), `${program} listens`);
  assert.ok(!over, `${program} ended: ${log}`);
  return child;
}

/** The two processes of the page. */
async function startServers(t) {
  mkdirSync(path.join(folder, "node_modules"), { recursive: true });
  const entry = JSON.stringify(path.join(ROOT, "index.mjs"));
  const code = replaced(block("server.mjs"), { '"socket.io-native"': entry });
  writeFileSync(path.join(folder, "server.mjs"), code);
  const ports = [await freePort(), await freePort()];
  const start1 = (PORT) => start(t, process.execPath, ["server.mjs"], PORT, { PORT: `${PORT}` });
  const servers = await Promise.all(ports.map(start1));
  return { ports, pids: servers.map(({ pid }) => pid) };
}

const WAYS = {
  "over polling": { transports: ["polling"] },
  "over WebSocket": { transports: ["websocket"] },
  "with an upgrade": { transports: ["polling", "websocket"] },
};

/** A client that keeps cookies; resolves once it is connected, and upgraded if it may. */
async function connect(t, port, options) {
  const socket = io(`https://127.0.0.1:${port}`, {
    ...options,
    forceNew: true,
    withCredentials: true,
    rejectUnauthorized: false,
    reconnection: false,
    timeout: HANG,
  });
  defer(t, () => socket.disconnect());
  await within(
    new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject)),
    "a client connects",
  );
  const last = options.transports.at(-1);
  await until(() => socket.io.engine?.transport.name === last, `${last} is the transport`);
  return socket;
}

for (const [program, { version, files, args }] of Object.entries(PROXIES)) {
  const absent = spawnSync(program, [version]).error !== undefined;
  const missing = absent && `missing: ${program} (apt-get install ${program})`;
  const required = process.env.REQUIRE_PARTS === "1";
  const skip = isOracle || isJavaScript ? "a page of this package" : !required && missing;
  test(`${program}: clients connect through the configuration of docs/deployment.md`, {
    skip,
  }, async (t) => {
    if (missing) throw new Error(missing);
    const { ports, pids } = await startServers(t);
    const port = await freePort();
    for (const [name, text] of Object.entries(files({ folder, port, ports, ...certificate }))) {
      writeFileSync(path.join(folder, name), text);
    }
    await start(t, program, args(folder), port);
    for (const [way, options] of Object.entries(WAYS)) {
      for (let i = 0; i < 4; i++) {
        const socket = await connect(t, port, options);
        const pid = await within(socket.timeout(60_000).emitWithAck("where"), `an answer ${way}`);
        assert.ok(pids.includes(pid), way);
      }
    }
  });
}
