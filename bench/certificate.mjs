// A self-signed certificate for the servers that are measured over TLS.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

let made;

/**
 * The settings TLS_KEY and TLS_CERT of server.js. The files are made once (ECDSA P-256) and removed
 * when the process ends.
 * @throws if openssl does not run
 */
export function certificate() {
  made ??= make();
  return made;
}

function make() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-certificate-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [TLS_KEY, TLS_CERT] = ["key.pem", "cert.pem"].map((name) => path.join(folder, name));
  const { status, error, stderr } = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", TLS_KEY, "-out", TLS_CERT],
  ]);
  if (status !== 0) throw new Error(`openssl makes no certificate: ${error ?? stderr}`);
  return { TLS_KEY, TLS_CERT };
}
