// Makes a self-signed certificate for localhost, once. It is for trying things out: a real server
// has a certificate that browsers trust, for example from Let's Encrypt.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";

if (!existsSync("certificate/cert.pem")) {
  mkdirSync("certificate", { recursive: true });
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "30", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", "certificate/key.pem", "-out", "certificate/cert.pem"],
  ]);
}
