// HTTPS servers under test, with a certificate made for the run, and clients that trust it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { io as connect } from "socket.io-client";
import { connected } from "./clients.mjs";
import { closeHttp, closeServer, listen } from "./server.mjs";
import { beyond, isJavaScript, isOracle, Server } from "./subject.mjs";
import { Tcp } from "./tcp.mjs";
import { defer, once, within } from "./wait.mjs";
import { WAYS } from "./ways.mjs";
import { joinByHand } from "./wire.mjs";

/** A self-signed certificate for 127.0.0.1 as `{ key, cert }` (PEM), or `{ missing }`: why not. */
export const certificate = makeCertificate();

function makeCertificate() {
  const folder = mkdtempSync(path.join(tmpdir(), "certificate-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(folder, name));
  try {
    const made = spawnSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-nodes", "-days", "2", "-subj", "/CN=tester", "-keyout", key, "-out", cert],
      ...["-addext", "subjectAltName=IP:127.0.0.1"],
    ]);
    if (made.status === 0) return { key: readFileSync(key), cert: readFileSync(cert) };
    const why = made.error?.message ?? made.stderr.toString().trim();
    return { missing: `missing: a certificate (${why}; apt-get install openssl)` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A test that needs TLS: without a certificate it is skipped, or fails under REQUIRE_PARTS=1. */
export function secureTest(title, fn) {
  const skip = process.env.REQUIRE_PARTS !== "1" && certificate.missing;
  return test(title, { skip: skip || false }, (t) => {
    if (certificate.missing) throw new Error(certificate.missing);
    return fn(t);
  });
}

/** The same for a promise that goes beyond upstream: skipped under the oracle, and its engine. */
export const secureBeyond = isOracle || isJavaScript ? beyond : secureTest;

/** One test per way of connecting over TLS; `fn(t, options, way)` gets the client options of it. */
export function eachSecureWay(title, fn) {
  for (const [way, options] of Object.entries(WAYS)) {
    secureTest(`${title} [${way}]`, (t) => fn(t, options, way));
  }
}

/** Starts a Socket.IO server attached to an HTTPS server; `tlsOptions` are added to its own, `at`: its port. */
export async function serveSecure(t, options = {}, tlsOptions = {}, at = 0) {
  const settings = { ...certificate, ...tlsOptions };
  const httpServer = https.createServer(settings, (_req, res) => res.writeHead(404).end());
  defer(t, () => closeHttp(httpServer));
  const port = await listen(httpServer, at);
  const io = new Server(httpServer, options);
  defer(t, () => closeServer(io));
  return { io, httpServer, port };
}

/** Starts the same without a test that would close it. */
export async function startSecure(options = {}) {
  const httpServer = https.createServer(certificate, (_req, res) => res.writeHead(404).end());
  const io = new Server(httpServer, options);
  await listen(httpServer);
  return io;
}

/** A client over TLS, not awaited and closed after the test. `ca` is what it trusts. */
export function secureClient(t, port, { nsp = "/", ca = certificate.cert, ...options } = {}) {
  const client = connect(`https://127.0.0.1:${port}${nsp}`, {
    forceNew: true,
    reconnection: false,
    ca,
    ...options,
  });
  defer(t, async () => {
    const { engine } = client.io;
    client.disconnect();
    if (engine && engine.readyState !== "closed") await once(engine, "close");
  });
  return client;
}

/** One more client of a running HTTPS server, with its socket on the server side. */
export async function secureJoin(t, io, port, options) {
  const accepted = once(io, "connection");
  const client = secureClient(t, port, options);
  const [[socket]] = await Promise.all([accepted, connected(client)]);
  return { socket, client };
}

/** An HTTPS server, on a given port or any, with one client: `{ io, port, httpServer, socket, client }`. */
export async function securePair(t, { server, port: at, ...options } = {}) {
  const served = await serveSecure(t, server, {}, at);
  return { ...served, ...(await secureJoin(t, served.io, served.port, options)) };
}

/** Raw bytes over TLS; `wire.tcp` is the connection below, to be cut. */
export async function secureWire(t, port) {
  const tcp = net.connect(port, "127.0.0.1");
  tcp.on("error", () => {});
  defer(t, () => tcp.destroy());
  const socket = tls.connect({ socket: tcp, host: "127.0.0.1", ca: certificate.cert });
  const wire = Tcp.over(t, socket);
  wire.tcp = tcp;
  const ready = new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  await within(ready, "the TLS handshake");
  return wire;
}

/** An HTTPS server with a client that speaks by hand: `{ io, port, httpServer, socket, wire }`. */
export async function secureByHand(t, options) {
  const served = await serveSecure(t, options);
  const connection = once(served.io, "connection");
  const wire = await secureWire(t, served.port);
  await joinByHand(wire);
  const [socket] = await connection;
  return { ...served, socket, wire };
}
